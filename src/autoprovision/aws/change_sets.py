"""The port `ChangeSets` on CloudFormation."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.change import ChangeSet, ResourceChange, resource_change
from autoprovision.domain.errors import ConflictError

_SERVICE = "CloudFormation"
_MISSING = frozenset({"ChangeSetNotFound", "ChangeSetNotFoundException"})
_REFUSED = frozenset({"ValidationError", "InsufficientCapabilitiesException"})


class CloudFormationChangeSets:
    """Change sets as they are now."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def create(self, arguments: Mapping[str, Any]) -> None:
        """Ask for a change set; one of its name is there already is fine.

        Raises:
            ConflictError: code CHANGE_REFUSED, CloudFormation does not take it.
        """
        with answering(_SERVICE):
            try:
                self._client.create_change_set(
                    StackName=arguments["stackName"], ChangeSetName=arguments["changeSetName"],
                    ChangeSetType="UPDATE", TemplateURL=arguments["templateUrl"],
                    Parameters=arguments["parameters"], Tags=arguments["tags"],
                    Capabilities=arguments["capabilities"],
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) in _REFUSED:
                    said = error.response.get("Error", {}).get("Message", "")
                    raise ConflictError(
                        f"CloudFormation does not take the change: {said}", code="CHANGE_REFUSED"
                    ) from None
                if code_of(error) != "AlreadyExistsException":
                    raise

    def find(self, stack_id: str, name: str) -> ChangeSet | None:
        """The change set as it is now, all its changes included."""
        changes: list[ResourceChange] = []
        following: dict[str, str] = {}
        while True:
            with answering(_SERVICE):
                try:
                    page = self._client.describe_change_set(
                        StackName=stack_id.split("/")[1], ChangeSetName=name, **following
                    )
                except ClientError as error:
                    if code_of(error) not in _MISSING:
                        raise
                    return None
            changes += [_change(one["ResourceChange"]) for one in page.get("Changes", [])]
            if not page.get("NextToken"):
                break
            following = {"NextToken": page["NextToken"]}
        return ChangeSet(
            id=page["ChangeSetId"], name=page["ChangeSetName"], status=page["Status"],
            reason=page.get("StatusReason") or "", execution=page.get("ExecutionStatus") or "",
            changes=tuple(changes),
        )  # fmt: skip


def _change(found: dict[str, Any]) -> ResourceChange:
    targets = [one.get("Target", {}) for one in found.get("Details", [])]
    names = {target["Name"] for target in targets if target.get("Name")}
    return resource_change(
        found["LogicalResourceId"], found["ResourceType"], action=found["Action"],
        replacement=found.get("Replacement") or "", policy=found.get("PolicyAction") or "",
        properties=tuple(sorted(names)),
    )  # fmt: skip
