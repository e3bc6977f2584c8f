"""Cancel a request: asked for by a person, or because its hold is past its time."""

from autoprovision.domain.actor import Actor
from autoprovision.domain.clock import iso
from autoprovision.domain.movements import PLATFORM
from autoprovision.domain.quota import HOLD_LIFE, HoldState
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.usecases import approvals
from autoprovision.usecases.requests import within_reach
from autoprovision.usecases.runbooks import wake_runbook
from autoprovision.usecases.timeline import note


def cancel(actor: Actor, request_id: str, platform: Platform) -> Request:
    """Ask a request to stop; what was done is undone by its workflow.

    Returns:
        The request; its status becomes CANCELLED once everything is undone.

    Raises:
        ConflictError: code WRONG_STATUS, it is at an end or on the way back already, or it is a
            termination, which only goes on.
    """
    request = within_reach(actor, "request.cancel", request_id, platform)
    if request.status is RequestStatus.CANCELLED or request.cancel_requested_by:
        return request
    request = platform.records.ask_to_cancel(request_id, by=actor.email)
    note(platform, request_id, "Cancel", f"{actor.email} asked to cancel.")
    _wake(request, platform)
    return request


def give_up_hold(request: Request, platform: Platform) -> bool:
    """Send a request back whose hold is past its time; its workflow releases the hold.

    Releasing it here would leave a stack that nobody pays for, or a workflow that commits nothing.

    Returns:
        Whether it is sent back now.
    """
    old = request.submitted_at < iso(platform.now() - HOLD_LIFE)
    if not old or request.cancel_requested_by or request.kind == "terminate":
        return False
    hold = platform.records.hold(request.id)
    if hold is None or hold.state is not HoldState.HELD or not hold.expires_at:
        return False
    if hold.expires_at > iso(platform.now()):
        return False
    request = platform.records.ask_to_cancel(request.id, by=PLATFORM)
    note(platform, request.id, "Sweep", "Its quota was held for longer than a hold lives.")
    _wake(request, platform)
    return True


def _wake(request: Request, platform: Platform) -> None:
    """Tell whoever waits for an approval, a stack or a build that the request is cancelled."""
    # The cause stays in the execution's history: who cancelled is on the request itself.
    cause = "The request was cancelled."
    if request.status is RequestStatus.AWAITING_APPROVAL:
        approvals.cancel(request, platform, by=request.cancel_requested_by or "")
        return
    for awaited in (request.stack_id, request.build_id):
        token = platform.waits.of_request(request.id, awaited) if awaited else None
        if token:
            platform.workflows.fail(token, "Cancelled", cause)
    if request.kind == "operate":
        wake_runbook(request, platform, cause)
