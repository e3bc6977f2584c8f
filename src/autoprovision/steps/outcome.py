"""The way back of a request, from the first failure to its verified end.

BeginCompensation finds out why and what is left; CloseRequest is the undo of admission and of
CommitQuota; MarkNeedsOperator is where a way back ends that cannot be gone.
"""

from typing import Any

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.identifiers import stack_name
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.stack import Stack, StackOutcome, StackResource
from autoprovision.domain.stack import outcome as outcome_of
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.steps import operation, update
from autoprovision.steps.failure import Failure, explain
from autoprovision.steps.left_behind import record_left
from autoprovision.steps.notify import tell
from autoprovision.steps.request import application_of
from autoprovision.steps.stack import left_over
from autoprovision.usecases.timeline import note

_S = RequestStatus
_MOST_REFUSED = 5
_NOT_ROLLED_BACK = "UPDATE_ROLLBACK_FAILED"
_DELETE_FAILED = "DELETE_FAILED"
_UNFINISHED = frozenset(
    {_S.SUBMITTED, _S.AWAITING_APPROVAL, _S.PROVISIONING, _S.COMPENSATING, _S.NEEDS_OPERATOR}
)
# These ends are of a request that nothing was built for.
_BEFORE_LAUNCH = frozenset({_S.REJECTED, _S.EXPIRED})
_STUCK = {
    ApplicationStatus.TERMINATING: "TERMINATION_FAILED",
    ApplicationStatus.UPDATING: "UPDATE_NOT_TAKEN_BACK",
}
# What the workflows of all kinds look for, when there is nothing of it.
_NOTHING = {"stackId": "", "action": "NONE", "restore": {}, "automationId": ""}
_QUESTION_OPEN = frozenset({_S.SUBMITTED, _S.AWAITING_APPROVAL})


def begin_compensation(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Find out why the request goes back, to which end, and which stack it leaves.

    The first failure is kept: what fails on the way back, or an operator's resume, is not why.

    Args:
        event: `requestId`, and `failure` as the state caught it.

    Returns:
        `verdict`: UNDO, or DONE for a request that is at its end; `stackId`, empty when there is
        no stack to delete.
    """
    request = platform.records.request(event["requestId"])
    if request.is_final:
        return {**_NOTHING, "verdict": "DONE", "message": request.message}
    failure = _first_failure(request, event.get("failure") or {}, platform)
    if request.status in _QUESTION_OPEN and failure.end in _BEFORE_LAUNCH:
        # A question's end is not a failure: the request goes straight to its final status.
        return {**_NOTHING, "verdict": "UNDO"}
    request = platform.records.move_request(
        request.id, _S.COMPENSATING, reason=failure.code, message=failure.message,
        at=iso(platform.now()), expected=_UNFINISHED,
    )  # fmt: skip
    going = "Going back" if request.kind == "operate" else "Taking back what was done"
    message = f"{going}: {failure.message}"
    note(platform, request.id, "BeginCompensation", message)
    if request.kind == "update":
        return update.begin_restoring(request, platform)
    if request.kind == "operate":
        return operation.begin_stopping(request, platform)
    return {"verdict": "UNDO", "stackId": _stack_of(request, platform)}


def _first_failure(request: Request, caught: dict[str, Any], platform: Platform) -> Failure:
    if request.failure is not None:
        return kept_failure(request)
    if request.cancel_requested_by:
        cause = f"{request.cancel_requested_by} cancelled the request."
        failure = explain({"Error": "Cancelled", "Cause": cause})
    else:
        failure = explain(caught)
        if request.kind == "operate":
            failure = operation.reworded(failure, request, platform)
    platform.records.patch_request(request.id, failure=failure.kept())
    return failure


def kept_failure(request: Request) -> Failure:
    """The failure that the request went back for."""
    kept = request.failure or {}
    return Failure(
        kept.get("code", "INTERNAL"),
        kept.get("message", "The request could not be carried out."),
        RequestStatus(kept.get("end", _S.FAILED)),
    )


def _stack_of(request: Request, platform: Platform) -> str:
    environment, name = request.target_environment or "", request.application_name or ""
    return left_over(request, stack_name(environment, name, request.id), platform)


def close_request(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Release the hold and the name, and bring the request to its end, in one transaction."""
    request = platform.records.request(event["requestId"])
    if request.is_final:
        return {"message": request.message}
    failure = kept_failure(request)
    end = failure.end
    if end in _BEFORE_LAUNCH and request.status not in _QUESTION_OPEN:
        # It stood at NEEDS_OPERATOR in between, from where these ends are not reached.
        end = _S.FAILED
    stands = _stands(request, failure, platform)
    message = failure.message
    if request.kind == "provision" and request.stack_id:
        application = application_of(request, platform)
        message = f"{message} {record_left(request, application, platform)}".rstrip()
    platform.records.close(
        request.id, end, reason=failure.code, message=message, at=iso(platform.now()),
        **stands,
    )  # fmt: skip
    if request.kind == "operate":
        return {"message": f"The application can be changed again; the request is {end}."}
    return {"message": f"The quota is given back; the request is {end}."}


def _stands(request: Request, failure: Failure, platform: Platform) -> dict[str, Any]:
    """How an application that lives on stands after what was asked did not come to be."""
    if request.kind == "update":
        return update.restored(request, platform, code=failure.code)
    if request.kind == "operate":
        return operation.stood(request, platform)
    return {}


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
    return f"{caught.get('Step', 'A step')} could not be taken back: {explain(caught).message}"


def _move_to_needs_operator(request: Request, message: str, platform: Platform) -> Request:
    at = iso(platform.now())
    if request.status is not _S.COMPENSATING:
        request = platform.records.move_request(
            request.id, _S.COMPENSATING, reason="COMPENSATING", message=message, at=at,
            expected=_UNFINISHED,
        )  # fmt: skip
    return platform.records.move_request(
        request.id, _S.NEEDS_OPERATOR, reason="COMPENSATION_FAILED", message=message, at=at,
        expected={_S.COMPENSATING},
    )  # fmt: skip


def _what_is_left(request: Request, platform: Platform) -> str:
    if request.kind == "operate":
        what = request.automation_id or "one that may have been started"
        return f"Left, unless noted otherwise: the runbook's execution ({what})."
    stack_id = request.stack_id
    if request.kind == "terminate":
        stack_id = application_of(request, platform).stack_id
    parts = [_stack_left(stack_id, platform)] if stack_id else []
    parts += ["its credentials"] if request.secret_arn else []
    parts += ["its quota's hold"]
    return f"Left, unless noted otherwise: {', '.join(part for part in parts if part)}."


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
    return f"the stack {stack_id} ({'; '.join([stack.status, *refused])})"


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


def begin_termination(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """The application is TERMINATING from here on; which stack has it?

    Returns:
        `verdict`: UNDO, or DONE for a request that is at its end; `stackId`, empty when there is
        no stack.
    """
    request = platform.records.request(event["requestId"])
    if request.is_final:
        return {"verdict": "DONE", "stackId": "", "message": request.message}
    application = application_of(request, platform)
    at = iso(platform.now())
    going = f"{application.application_name} is being terminated."
    platform.records.move_request(
        request.id, _S.PROVISIONING, reason="TERMINATING", message=going, at=at,
        expected=_UNFINISHED,
    )  # fmt: skip
    if application.status not in {ApplicationStatus.TERMINATED, ApplicationStatus.TERMINATING}:
        # Only over what was read: a write that arrives late must not bring back what has ended.
        application = platform.records.patch_application(
            application.id, expected_version=application.version_number,
            status=ApplicationStatus.TERMINATING, reason="TERMINATING", message=going,
        )  # fmt: skip
    return {"verdict": "UNDO", "stackId": _standing(application, platform), "message": going}


def _standing(application: Application, platform: Platform) -> str:
    if application.stack_id is None:
        return ""
    stack = platform.stacks.find(application.stack_id)
    return "" if stack is None or stack.status == "DELETE_COMPLETE" else stack.id


def end_application(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Release the application's credits and name and end the request, in one transaction."""
    request = platform.records.request(event["requestId"])
    if request.is_final:
        return {"message": request.message}
    application = application_of(request, platform)
    at = iso(platform.now())
    message = f"{application.application_name} is terminated; its stack is verified gone."
    message = f"{message} {record_left(request, application, platform)}".rstrip()
    platform.records.succeed(request.id, message=message, at=at)
    return {"message": message}
