"""MarkNeedsOperator: the end of a way back that cannot be gone: what is left, and what resumes."""

from typing import Any

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.request import UNFINISHED, Request, RequestStatus
from autoprovision.domain.stack import Stack, StackOutcome, StackResource
from autoprovision.domain.stack import outcome as outcome_of
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.steps.failure import explain, sentence
from autoprovision.steps.notify import tell
from autoprovision.steps.request import application_of
from autoprovision.usecases.timeline import note

_S = RequestStatus
_MOST_REFUSED = 5
_NOT_ROLLED_BACK = "UPDATE_ROLLBACK_FAILED"
_DELETE_FAILED = "DELETE_FAILED"
_STUCK = {
    ApplicationStatus.TERMINATING: "TERMINATION_FAILED",
    ApplicationStatus.UPDATING: "UPDATE_NOT_TAKEN_BACK",
}


def mark_needs_operator(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Say in the open that the way back failed: status, operators, user.

    Args:
        event: `requestId`, and `failure` as the state caught it.
    """
    request = platform.records.request(event["requestId"])
    caught = event.get("failure") or {}
    left = _what_is_left(request, platform)
    message = (
        f"{_why_stuck(caught)} {left} "
        f"An operator goes on with: autoprovision request resume {request.id}"
        f"{_what_may_stay(request, platform)}"
    )
    if request.status is not _S.NEEDS_OPERATOR and not request.is_final:
        request = _move_to_needs_operator(request, message, platform)
    note(platform, request.id, "MarkNeedsOperator", message, StepStatus.FAILED)
    if request.kind != "provision":
        _end_badly(request, message, platform)
    tell(request, platform)
    return {}


def _why_stuck(caught: dict[str, Any]) -> str:
    """What stopped the way back; an update's ends without an error when nothing helps any more."""
    if not caught:
        return "The stack was not brought back, though CloudFormation was asked several times."
    return f"{caught.get('Step', 'A step')} cannot go on: {sentence(explain(caught).message)}"


def _move_to_needs_operator(request: Request, message: str, platform: Platform) -> Request:
    at = iso(platform.now())
    if request.status is not _S.COMPENSATING:
        request = platform.records.move_request(
            request.id, _S.COMPENSATING, reason="COMPENSATING", message=message, at=at,
            expected=UNFINISHED,
        )  # fmt: skip
    return platform.records.move_request(
        request.id, _S.NEEDS_OPERATOR, reason="COMPENSATION_FAILED", message=message, at=at,
        expected={_S.COMPENSATING},
    )  # fmt: skip


def _what_is_left(request: Request, platform: Platform) -> str:
    if request.kind == "operate":
        what = request.automation_id or "one that may have been started"
        return f"Left: the runbook's execution ({what})."
    stack_id = request.stack_id
    if request.kind == "terminate":
        stack_id = application_of(request, platform).stack_id
    parts = [_stack_left(stack_id, platform)] if stack_id else []
    parts += ["its credentials"] if request.secret_arn else []
    parts += ["its credits"]
    return f"Left: {', '.join(part for part in parts if part)}."


def _what_may_stay(request: Request, platform: Platform) -> str:
    """What an operator may add to leave behind what refuses to go."""
    try:
        stack = platform.stacks.find(request.stack_id) if request.stack_id else None
        if stack is None or stack.status != _DELETE_FAILED or request.kind == "update":
            return ""
        refused = [
            one.logical_id
            for one in platform.stacks.resources(stack.id)
            if one.status == _DELETE_FAILED
        ]
    except AutoprovisionError:
        return ""
    options = "".join(f" --retain {one}" for one in refused[:_MOST_REFUSED])
    return f" (to leave behind what cannot be deleted:{options})" if refused else ""


def _stack_left(stack_id: str, platform: Platform) -> str:
    """The stack with its status and what refused to go; as it was when it cannot be looked at."""
    try:
        stack = platform.stacks.find(stack_id)
        if stack is None or outcome_of(stack.status) is StackOutcome.GONE:
            return ""
        refused = [
            f"{one.logical_id} ({one.type}): {one.reason or one.status}"
            for one in _refusing(stack, platform)[:_MOST_REFUSED]
        ]
    except AutoprovisionError:
        # What is known must be said, whatever else does not answer.
        return f"the stack {stack_id}"
    return f"the stack {stack.name} ({'; '.join([stack.status, *refused])})"


def _refusing(stack: Stack, platform: Platform) -> list[StackResource]:
    """The resources in the way: those that do not go, or do not become again what they were."""
    failures = platform.stacks.failures(stack.id)
    if stack.status != _NOT_ROLLED_BACK:
        return [one for one in failures if one.status == _DELETE_FAILED]
    stuck = [one for one in platform.stacks.resources(stack.id) if one.status.endswith("_FAILED")]
    # Else whatever failed since the update began, the last word of each.
    return stuck or list({one.logical_id: one for one in failures}.values())


def _end_badly(request: Request, message: str, platform: Platform) -> None:
    application = application_of(request, platform)
    reason = _STUCK.get(application.status)
    if reason:
        platform.records.patch_application(
            application.id, status=ApplicationStatus.ERROR, reason=reason, message=message
        )
