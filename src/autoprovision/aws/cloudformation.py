"""The port `Stacks` on CloudFormation: it reads; what changes a stack is a state of a workflow."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.clock import iso
from autoprovision.domain.stack import Stack, StackResource

_SERVICE = "CloudFormation"
_APPLICATION_TAG = "autoprovision:application"
_BEGINS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
_ENDED = frozenset({"DELETE_COMPLETE", "DELETE_SKIPPED"})
# What CloudFormation says of resources that it stopped because another had failed.
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled")


class CloudFormationStacks:
    """Stacks as they are now."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def find(self, name_or_id: str) -> Stack | None:
        """The stack; by id also when it is deleted. None: there is no such stack."""
        with answering(_SERVICE):
            try:
                answer = self._client.describe_stacks(StackName=name_or_id)
            except ClientError as error:
                if not _is_missing(error):
                    raise
                return None
        stack = _stack(answer["Stacks"][0])
        by_name = not name_or_id.startswith("arn:")
        return None if by_name and stack.status == "DELETE_COMPLETE" else stack

    def ours(self) -> list[Stack]:
        """Every stack that carries an application's tag, deleted ones left out."""
        with answering(_SERVICE):
            pages = self._client.get_paginator("describe_stacks").paginate()
            found = [_stack(one) for page in pages for one in page["Stacks"]]
        return [
            one for one in found if _APPLICATION_TAG in one.tags and one.status != "DELETE_COMPLETE"
        ]

    def failures(self, stack_id: str) -> list[StackResource]:
        """The resources that failed in the last operation that had failures, the first one first.

        Those that CloudFormation only stopped because another had failed are left out.
        """
        failed: list[StackResource] = []
        for event in self._events(stack_id):
            is_stack = event["PhysicalResourceId"] == event["StackId"]
            status = event.get("ResourceStatus", "")
            if is_stack and status in _BEGINS and failed:
                break
            if not is_stack and status.endswith("_FAILED") and not _is_cancelled(event):
                failed.append(_resource(event))
        return failed[::-1]

    def ended(self, stack_id: str) -> list[StackResource]:
        """How each resource of a stack ended, of a deleted stack too.

        From the events: they tell of what an update has left behind as well.
        """
        last: dict[tuple[str, str], StackResource] = {}
        for event in self._events(stack_id):
            is_stack = event["PhysicalResourceId"] == event["StackId"]
            if not is_stack and event.get("PhysicalResourceId"):
                found = _resource(event)
                last.setdefault((found.logical_id, str(found.physical_id)), found)
        return [one for one in last.values() if one.status in _ENDED]

    def _events(self, stack_id: str) -> Iterator[dict[str, Any]]:
        """Newest first, as CloudFormation lists them."""
        with answering(_SERVICE):
            try:
                pages = self._client.get_paginator("describe_stack_events").paginate(
                    StackName=stack_id
                )
                events = [event for page in pages for event in page["StackEvents"]]
            except ClientError as error:
                if not _is_missing(error):
                    raise
                events = []
        yield from events

    def resources(self, stack_id: str) -> list[StackResource]:
        """All resources of the stack; none when there is no such stack."""
        with answering(_SERVICE):
            try:
                pages = self._client.get_paginator("list_stack_resources").paginate(
                    StackName=stack_id
                )
                return [_resource(one) for page in pages for one in page["StackResourceSummaries"]]
            except ClientError as error:
                if not _is_missing(error):
                    raise
                return []


def _is_missing(error: ClientError) -> bool:
    message = str(error.response.get("Error", {}).get("Message", ""))
    return code_of(error) == "ValidationError" and "does not exist" in message


def _is_cancelled(event: dict[str, Any]) -> bool:
    return str(event.get("ResourceStatusReason", "")).startswith(_CANCELLED)


def _stack(found: dict[str, Any]) -> Stack:
    return Stack(
        id=found["StackId"], name=found["StackName"], status=found["StackStatus"],
        reason=found.get("StackStatusReason") or "",
        changed_at=iso(found.get("LastUpdatedTime") or found["CreationTime"]),
        outputs={one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
        tags={one["Key"]: one["Value"] for one in found.get("Tags", [])},
        parameters={
            one["ParameterKey"]: one.get("ParameterValue", "")
            for one in found.get("Parameters", [])
        },
    )  # fmt: skip


def _resource(found: dict[str, Any]) -> StackResource:
    return StackResource(
        logical_id=found["LogicalResourceId"], type=found.get("ResourceType", ""),
        physical_id=found.get("PhysicalResourceId") or None,
        status=found.get("ResourceStatus", ""), reason=found.get("ResourceStatusReason") or "",
    )  # fmt: skip
