"""The port `DriftDetection` on CloudFormation."""

from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.drift import Difference, Drift

_SERVICE = "CloudFormation"
_DRIFTED = ["MODIFIED", "DELETED"]
# The stack is gone, is being changed, or the detection is forgotten: the next pass begins anew.
_NOT_NOW = frozenset({"ValidationError"})


class CloudFormationDrift:
    """Detections are begun in one pass and read in a later one."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def begin(self, stack_id: str) -> str | None:
        """Begin a detection; None when the stack cannot be looked at now."""
        with answering(_SERVICE):
            try:
                answer = self._client.detect_stack_drift(StackName=stack_id)
            except ClientError as error:
                if code_of(error) not in _NOT_NOW:
                    raise
                return None
        return str(answer["StackDriftDetectionId"])

    def result(self, stack_id: str, detection: str) -> Drift | None:
        """What a detection has found; None while it is under way."""
        with answering(_SERVICE):
            try:
                seen = self._client.describe_stack_drift_detection_status(
                    StackDriftDetectionId=detection
                )
            except ClientError as error:
                if code_of(error) not in _NOT_NOW:
                    raise
                return Drift(status="UNKNOWN", reason="The detection is forgotten.")
        if seen["DetectionStatus"] == "DETECTION_IN_PROGRESS":
            return None
        status = seen.get("StackDriftStatus") or "UNKNOWN"
        # A detection that failed for one resource has results for the others.
        failed = seen["DetectionStatus"] == "DETECTION_FAILED"
        differences = self._differences(stack_id) if failed or status == "DRIFTED" else []
        by_hand = tuple(one for one in differences if not one.is_of_a_release)
        if by_hand:
            return Drift(status="DRIFTED", differences=by_hand)
        if differences and not failed:
            return Drift(status="IN_SYNC")
        reason = seen.get("DetectionStatusReason") or ""
        return Drift(status="UNKNOWN" if failed else status, reason=reason)

    def _differences(self, stack_id: str) -> list[Difference]:
        found: list[Difference] = []
        following: dict[str, str] = {}
        while True:
            with answering(_SERVICE):
                page = self._client.describe_stack_resource_drifts(
                    StackName=stack_id, StackResourceDriftStatusFilters=_DRIFTED, **following
                )
            for one in page["StackResourceDrifts"]:
                found += _of_resource(one)
            if not page.get("NextToken"):
                return found
            following = {"NextToken": page["NextToken"]}


def _of_resource(found: dict[str, Any]) -> list[Difference]:
    resource, kind = found["LogicalResourceId"], found["ResourceType"]
    if found["StackResourceDriftStatus"] == "DELETED":
        return [Difference(resource=resource, type=kind, change="DELETED")]
    return [
        Difference(
            resource=resource, type=kind, path=one["PropertyPath"], change=one["DifferenceType"],
            expected=str(one.get("ExpectedValue", "")), actual=str(one.get("ActualValue", "")),
        )
        for one in found.get("PropertyDifferences", [])
    ]  # fmt: skip
