"""The way back of a request, from the first failure to its verified end.

BeginCompensation finds out why and what is left; CloseRequest is the undo of admission and of
CommitQuota. A way back that cannot be gone ends in `steps/needs_operator.py`.
"""

from typing import Any

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.identifiers import stack_name
from autoprovision.domain.request import UNFINISHED, Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.steps import operation, update
from autoprovision.steps.failure import Failure, explain
from autoprovision.steps.left_behind import record_left
from autoprovision.steps.request import application_of
from autoprovision.steps.stack import left_over
from autoprovision.usecases.timeline import note

_S = RequestStatus
# These ends are of a request that nothing was built for.
_BEFORE_LAUNCH = frozenset({_S.REJECTED, _S.EXPIRED})
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
        at=iso(platform.now()), expected=UNFINISHED,
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
        expected=UNFINISHED,
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
