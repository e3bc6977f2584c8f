"""The S3 intake: an upload that the API presigns, and what becomes of the object."""

import json
from typing import Any

from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.clock import iso
from autoprovision.domain.document import MAX_TEMPLATE_BYTES, parse_json_object
from autoprovision.domain.errors import (
    AutoprovisionError,
    BusyError,
    Fault,
    InvalidInputError,
    NotAuthenticatedError,
    NotFoundError,
    OverQuotaError,
    UnavailableError,
)
from autoprovision.domain.events import EventName
from autoprovision.domain.identifiers import new_id
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.user import User
from autoprovision.mails import render
from autoprovision.ports import Platform
from autoprovision.usecases import submission

PREFIX = "intake/"


def presign(actor: Actor, platform: Platform) -> dict[str, Any]:
    """A presigned upload under the person's own prefix; the prefix ties the object to them."""
    units_within(actor, "upload.make")
    return platform.intake.presign(actor.id, f"{new_id('upl')}.json")


def take_in(key: str, platform: Platform) -> Request | None:
    """Admit an uploaded JSON template; the same object twice is one request.

    Args:
        key: the object's key, `intake/<user id>/<name>`.

    Returns:
        The request (perhaps INVALID or OVER_QUOTA), or None when the object has gone.

    Raises:
        NotAuthenticatedError: nobody known stands behind the prefix.
        BusyError, UnavailableError: to be tried again.
    """
    user = _uploader(key, platform)
    try:
        body, etag = platform.intake.read(key, limit=MAX_TEMPLATE_BYTES)
    except NotFoundError:
        return None
    claim = f"s3#{key}"
    begun = platform.idempotency.begin(f"{claim}#{etag}", etag)
    request_id = f"req_{begun.operation_id}"
    if begun.state == "done":
        return platform.records.request(request_id)
    try:
        request = _admit(user, body, platform, request_id)
    except (BusyError, UnavailableError):
        platform.idempotency.finish(f"{claim}#{etag}", None)
        raise
    platform.idempotency.finish(f"{claim}#{etag}", {"requestId": request_id})
    return request


def _uploader(key: str, platform: Platform) -> User:
    parts = key.removeprefix(PREFIX).split("/")
    user = platform.users.get(parts[0]) if key.startswith(PREFIX) and len(parts) > 1 else None
    if user is None or user.status != "ACTIVE":
        raise NotAuthenticatedError("No active user stands behind this upload's prefix.")
    return user


def _admit(user: User, body: bytes, platform: Platform, request_id: str) -> Request:
    actor = user.actor()
    try:
        document = parse_json_object(body)
        return submission.submit(actor, document, platform, request_id=request_id, source="s3")
    except (BusyError, UnavailableError):
        raise
    except AutoprovisionError as error:
        return _refused(user, body, error, platform, request_id)


def _refused(
    user: User, body: bytes, error: AutoprovisionError, platform: Platform, request_id: str
) -> Request:
    over = isinstance(error, OverQuotaError)
    faults = (
        error.faults
        if isinstance(error, InvalidInputError)
        else [Fault("", error.message, error.reason)]
    )
    at = iso(platform.now())
    request = Request(
        id=request_id,
        status=RequestStatus.OVER_QUOTA if over else RequestStatus.INVALID,
        reason=error.reason, message=error.message, business_unit=user.unit,
        application_name=_name_in(body), source="s3", submitted_by=user.email,
        submitted_by_id=user.id, submitted_at=at, updated_at=at, project_email=user.email,
        faults=tuple(fault.as_dict() for fault in faults),
    )  # fmt: skip
    platform.records.record_refusal(request)
    message = "over-quota" if over else "invalid"
    values = {"request": request, "faults": [fault.as_dict() for fault in faults]}
    platform.mailer.send(render(message, values, to=user.email, request_id=request_id))
    name = EventName.REQUEST_OVER_QUOTA if over else EventName.REQUEST_INVALID
    platform.events.publish(
        name, {"requestId": request_id, "status": request.status.value, "reason": error.reason}
    )
    return request


def _name_in(body: bytes) -> str | None:
    """The application's name as far as the uploader wrote one, so that they know the mail."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    name = document.get("ApplicationName") if isinstance(document, dict) else None
    if not isinstance(name, str):
        return None
    # It was refused, so it may hold anything: nothing of it may break a mail, a list or a terminal.
    return "".join(character for character in name[:40] if character.isprintable()) or None
