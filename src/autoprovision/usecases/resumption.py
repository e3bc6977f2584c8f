"""Resume the way back of a request that needs an operator."""

from collections.abc import Sequence
from typing import Any

from autoprovision.domain.actor import Actor
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import ConflictError, Fault, InvalidInputError
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.stack import Stack, StackResource
from autoprovision.ports import Platform
from autoprovision.usecases.requests import within_reach
from autoprovision.usecases.timeline import note

_DELETE_FAILED = "DELETE_FAILED"


def resume(
    actor: Actor, request_id: str, platform: Platform, *, retain: Sequence[str] = (),
    comment: str = "",
) -> Request:  # fmt: skip
    """Go on with the way back of a request that needs an operator.

    Args:
        retain: resources of the stack, by their logical ids, that are left behind: those that
            CloudFormation failed to delete, and that nobody can make it delete.
        comment: why they are.

    Raises:
        ConflictError: code WRONG_STATUS, it does not need one.
        InvalidInputError: something to retain is not there, or did not fail to be deleted.
    """
    request = within_reach(actor, "request.resume", request_id, platform)
    if request.status is not RequestStatus.NEEDS_OPERATOR:
        raise ConflictError(
            f"The request is {request.status}; only NEEDS_OPERATOR can be resumed.",
            code="WRONG_STATUS", status=request.status.value,
        )  # fmt: skip
    number = request.execution + 1
    left: dict[str, Any] = {}
    if retain:
        whys = _retainable(request, retain, comment.strip(), platform)
        left = {"retain": {**request.retain, **whys}, "retained_by": actor.email}
    named = f", and leaves behind: {', '.join(sorted(set(retain)))}" if retain else ""
    resumed = f"{actor.email} resumed the way back{named}."
    # A termination only goes forward. Noted before it is started: Sweep starts what is noted.
    forward = request.kind == "terminate"
    going_on = RequestStatus.PROVISIONING if forward else RequestStatus.COMPENSATING
    request = platform.records.move_request(
        request_id, going_on, reason="RESUMED", message=resumed, at=iso(platform.now()),
        expected={RequestStatus.NEEDS_OPERATOR}, execution=number, **left,
    )  # fmt: skip
    note(platform, request_id, "Resume", resumed)
    platform.workflows.start(request.kind, request_id, execution=number)
    return request


def _retainable(
    request: Request, retain: Sequence[str], comment: str, platform: Platform
) -> dict[str, str]:
    """Why each of these is left behind, or every fault of it."""
    stack = _stack_on_its_way_out(request, platform)
    failed: dict[str, StackResource] = {}
    faults = []
    if stack is None:
        faults.append(
            Fault("/retain", "There is no stack whose deletion has failed.", "NOTHING_TO_RETAIN")
        )
    else:
        failed = {one.logical_id: one for one in platform.stacks.resources(stack.id)}
    for place, name in enumerate(retain if stack else ()):
        if name not in failed:
            sentence = f"The stack has no resource {name!r}."
            faults.append(Fault(f"/retain/{place}", sentence, "UNKNOWN_RESOURCE"))
        elif failed[name].status != _DELETE_FAILED:
            sentence = f"{name} is {failed[name].status}; only what failed to be deleted is left."
            faults.append(Fault(f"/retain/{place}", sentence, "NOT_FAILED"))
    if faults:
        raise InvalidInputError(faults)
    return {
        name: " ".join(filter(None, (comment, failed[name].reason))) or "It cannot be deleted."
        for name in retain
    }


def _stack_on_its_way_out(request: Request, platform: Platform) -> Stack | None:
    """The stack that CloudFormation failed to delete; an update deletes none."""
    if request.kind == "update" or not request.stack_id:
        return None
    stack = platform.stacks.find(request.stack_id)
    return stack if stack is not None and stack.status == _DELETE_FAILED else None
