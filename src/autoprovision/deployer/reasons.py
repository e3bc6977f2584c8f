"""Why CloudFormation did not do it: the resources that failed, in CloudFormation's words."""

from collections.abc import Iterator, Mapping
from typing import Any

_BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
# A validation before any resource is touched only says that DescribeEvents knows more.
_MORE_IN_EVENTS = "DescribeEvents"


def failures_of_stack(cloudformation: Any, stack_id: str) -> list[str]:
    """What failed in the newest operation on a stack, the first failure first."""
    failures: list[str] = []
    for event in _stack_events(cloudformation, stack_id):
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        if _MORE_IN_EVENTS in reason:
            failures = _validation_errors(cloudformation, StackName=stack_id) + failures
        # What was only stopped because something else failed is no reason.
        elif status.endswith("_FAILED") and "cancelled" not in reason:
            failures.insert(0, _line(event, reason))
        if event["PhysicalResourceId"] == stack_id and status in _BEGINNINGS:
            break
    return list(dict.fromkeys(failures))


def refusal_of_change_set(cloudformation: Any, change_set: str, reason: str) -> str:
    """Why a change set cannot be, with what a validation found."""
    if _MORE_IN_EVENTS not in reason:
        return reason
    found = _validation_errors(cloudformation, ChangeSetName=change_set)
    return "".join(f"\n  {one}" for one in found) + "\n" if found else reason


def _stack_events(cloudformation: Any, stack_id: str) -> Iterator[Mapping[str, Any]]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for page in pages:
        yield from page["StackEvents"]


def _validation_errors(cloudformation: Any, **of: str) -> list[str]:
    """What the newest validation found; its events come newest first."""
    found: list[str] = []
    operation = None
    for page in cloudformation.get_paginator("describe_events").paginate(**of):
        for event in page["OperationEvents"]:
            if event.get("EventType") != "VALIDATION_ERROR":
                continue
            operation = operation or event.get("OperationId")
            if event.get("OperationId") == operation:
                found.insert(0, _line(event, event.get("ValidationStatusReason", "")))
    return found


def _line(event: Mapping[str, Any], reason: str) -> str:
    return f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {reason}"
