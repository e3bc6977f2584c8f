"""Notify: the outcome as one mail to the people and as an event for others to hook on.

Which mail and which events follow from the status alone, so that whoever tells an outcome (a step,
the sweep, an operator) tells the same one, and a mail's id keeps it from being sent twice.
"""

from typing import Any

from autoprovision.domain.application import Application
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.events import EventName
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.mails import render
from autoprovision.ports import Platform
from autoprovision.steps.plan import event_detail
from autoprovision.steps.secrets import forget_replaced

_S, _E = RequestStatus, EventName
# status: (mail, events), for a first request.
_PROVISION: dict[RequestStatus, tuple[str, tuple[EventName, ...]]] = {
    _S.SUCCEEDED: ("provisioned", (_E.APPLICATION_PROVISIONED,)),
    _S.FAILED: ("failed", (_E.PROVISIONING_FAILED, _E.QUOTA_RELEASED)),
    _S.REJECTED: ("rejected", (_E.REQUEST_REJECTED, _E.QUOTA_RELEASED)),
    _S.EXPIRED: ("expired", (_E.REQUEST_EXPIRED, _E.QUOTA_RELEASED)),
    _S.CANCELLED: ("cancelled", (_E.REQUEST_CANCELLED, _E.QUOTA_RELEASED)),
    _S.NEEDS_OPERATOR: ("needs-operator", (_E.COMPENSATION_FAILED,)),
}
_UPDATE: dict[RequestStatus, tuple[str, tuple[EventName, ...]]] = {
    _S.SUCCEEDED: ("updated", (_E.APPLICATION_UPDATED,)),
    _S.FAILED: ("update-failed", (_E.UPDATE_FAILED,)),
    _S.REJECTED: ("update-failed", (_E.REQUEST_REJECTED,)),
    _S.EXPIRED: ("update-failed", (_E.REQUEST_EXPIRED,)),
    _S.CANCELLED: ("update-failed", (_E.REQUEST_CANCELLED,)),
    _S.NEEDS_OPERATOR: ("needs-operator", (_E.UPDATE_FAILED, _E.COMPENSATION_FAILED)),
}
_OPERATE: dict[RequestStatus, tuple[str, tuple[EventName, ...]]] = {
    _S.SUCCEEDED: ("operated", (_E.APPLICATION_OPERATED,)),
    _S.FAILED: ("operation-failed", (_E.OPERATION_FAILED,)),
    _S.REJECTED: ("operation-failed", (_E.REQUEST_REJECTED,)),
    _S.EXPIRED: ("operation-failed", (_E.REQUEST_EXPIRED,)),
    _S.CANCELLED: ("operation-failed", (_E.REQUEST_CANCELLED,)),
    _S.NEEDS_OPERATOR: ("needs-operator", (_E.OPERATION_FAILED, _E.COMPENSATION_FAILED)),
}
_TERMINATE: dict[RequestStatus, tuple[str, tuple[EventName, ...]]] = {
    _S.SUCCEEDED: ("terminated", (_E.APPLICATION_TERMINATED, _E.QUOTA_RELEASED)),
    _S.NEEDS_OPERATOR: ("needs-operator", (_E.TERMINATION_FAILED, _E.COMPENSATION_FAILED)),
}


_OUTCOMES = {
    "provision": _PROVISION, "update": _UPDATE, "operate": _OPERATE, "terminate": _TERMINATE,
}  # fmt: skip


def notify(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Tell how a request ended."""
    request = platform.records.request(event["requestId"])
    sent = tell(request, platform)
    return {"message": "The mail is sent." if sent else "The mail was sent before."}


def tell(request: Request, platform: Platform) -> bool:
    """Publish the outcome, mail it, tell operators when they are needed, and clear up behind it.

    What was told is noted with the request last: whatever ends this in the middle, the sweep tells
    it again. Events may come twice; the mail does not.

    Returns:
        Whether a mail was sent now.
    """
    if request.told == request.outcome:
        return False
    sent = _announce(request, platform)
    _forget_wait(request, platform)
    forget_replaced(request, platform)
    platform.records.mark_told(request)
    return sent


def _forget_wait(request: Request, platform: Platform) -> None:
    """A token that waits for something of a request at its end is dead: nobody takes its answer."""
    if not request.is_final:
        return
    awaited = (request.stack_id, request.build_id, request.automation_id)
    for one in filter(None, awaited):
        token = platform.waits.of_request(request.id, one)
        if token:
            platform.waits.remove(one, token)


def _announce(request: Request, platform: Platform) -> bool:
    message, names = _OUTCOMES[request.kind].get(request.status, ("", ()))
    if request.publishes_only and request.status is _S.SUCCEEDED:
        names = (_E.APPLICATION_PUBLISHED,)
    if message == "provisioned" and request.plan is not None and request.plan.control_plane_only:
        message = "control-plane-only"
    for name in names:
        platform.events.publish(name, event_detail(request, platform))
    if request.status is _S.NEEDS_OPERATOR:
        platform.operators.tell(f"{request.id} needs an operator", request.message)
    address = request.project_email or request.submitted_by
    if not message:
        return False
    values = mail_values(request, platform)
    # A resumed request may need an operator anew, and that is news each time.
    about = str(request.execution) if request.status is _S.NEEDS_OPERATOR else ""
    return platform.mailer.send(
        render(message, values, to=address, request_id=request.id, about=about)
    )


def mail_values(request: Request, platform: Platform) -> dict[str, Any]:
    """What the mails about a request may mention."""
    values: dict[str, Any] = {"request": request, "plan": request.plan}
    application = _application(request, platform)
    if application is not None:
        values["application"] = application
    portal = platform.settings.portal_url.rstrip("/")
    if portal:
        values["portal"] = portal
    return values


def _application(request: Request, platform: Platform) -> Application | None:
    if request.application_id is None:
        return None
    try:
        return platform.records.application(request.application_id)
    except NotFoundError:
        return None
