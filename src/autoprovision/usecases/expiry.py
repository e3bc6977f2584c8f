"""Expiry: reminders before, a day of grace, then the end; each once, however often it is looked at.

The sweep calls this. The clock is the platform's, so whoever drives it drives this.
"""

import hashlib
import logging
from collections import Counter
from datetime import timedelta

from ulid import ULID

from autoprovision.domain.actor import Actor, Role
from autoprovision.domain.application import Application
from autoprovision.domain.clock import iso, moment
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.events import EventName
from autoprovision.mails import render
from autoprovision.ports import Platform
from autoprovision.usecases.applications import begin
from autoprovision.usecases.terminations import ask_to_end, is_asked, is_protected

logger = logging.getLogger(__name__)

# How long before the end people are reminded; the last one is the end itself, with the grace.
REMINDERS = (timedelta(days=3), timedelta(days=1), timedelta(0))
GRACE = timedelta(days=1)
_PAGE, _MOST = 50, 500
_PLATFORM = Actor(id="autoprovision", email="autoprovision", role=Role.ADMIN)


def tend_expiring(platform: Platform) -> Counter[str]:
    """Remind of what ends soon, and end what has ended and had its grace.

    Returns:
        How many were `reminded`, `expired` and `failed`; a failed one is left to the next pass.
    """
    done: Counter[str] = Counter()
    # The index gives what is before a moment: the moment itself counts too.
    before = iso(platform.now() + max(REMINDERS) + timedelta(seconds=1))
    after: str | None = None
    for _ in range(_MOST // _PAGE):
        page = platform.records.expiring(before, limit=_PAGE, after=after)
        for application in page.items:
            try:
                deed = _tend(application, platform)
            except AutoprovisionError as error:
                deed = "failed"
                extra = {"of": application.id, "why": error.reason}
                logger.warning("expiry goes on without it", extra=extra)
            if deed:
                done[deed] += 1
        after = page.next
        if after is None:
            break
    return done


def _tend(application: Application, platform: Platform) -> str:
    assert application.expires_at is not None, "it is in the index"  # noqa: S101
    if application.operation:
        return ""  # it is being changed, and looked at again afterwards
    left = moment(application.expires_at) - platform.now()
    if left <= -GRACE:
        return _end(application, platform)
    due = sum(left <= before for before in REMINDERS)
    if due <= application.expiry_reminders:
        return ""
    _remind(application, due, platform)
    # Noted last: a reminder whose note was lost is not sent twice, because a mail has its id.
    platform.records.patch_application(
        application.id, expected_version=application.version_number, expiry_reminders=due
    )
    return "reminded"


def _remind(application: Application, due: int, platform: Platform) -> None:
    request = platform.records.request(application.request_id)
    ends = moment(application.expires_at or "") + GRACE
    values = {
        "application": application,
        "request": request,
        "grace_ends": iso(ends)[:16].replace("T", " ") + " UTC",
    }
    message = "in-grace" if due == len(REMINDERS) else "expiring"
    mail = render(
        message, values, to=application.project_email, request_id=request.id,
        about=f"{application.expires_at}-{due}",
    )  # fmt: skip
    platform.mailer.send(mail)
    detail = {
        "requestId": request.id, "applicationId": application.id,
        "applicationName": application.application_name, "expiresAt": application.expires_at,
        "businessUnit": application.business_unit, "at": iso(platform.now()),
    }  # fmt: skip
    platform.events.publish(EventName.APPLICATION_EXPIRING, detail)


def _end(application: Application, platform: Platform) -> str:
    if is_protected(application):
        return _ask(application, platform)
    begin(_PLATFORM, application, "terminate", platform, request_id=ending_request_id(application))
    return "expired"


def _ask(application: Application, platform: Platform) -> str:
    """Two people end a protected one: ask, and ask again whenever the question has lapsed."""
    if is_asked(application, platform):
        return ""
    asked = ask_to_end(application, platform, by=_PLATFORM.email)
    platform.operators.tell(f"{application.application_name} has expired", asked.message)
    return "asked"


def ending_request_id(application: Application) -> str:
    """The one request that ends this application at this expiry, whoever makes it."""
    expires_at = application.expires_at or ""
    milliseconds = int(moment(expires_at).timestamp() * 1000)
    chance = hashlib.sha256(f"{application.id} {expires_at}".encode()).digest()[:10]
    return f"req_{str(ULID.from_bytes(milliseconds.to_bytes(6, 'big') + chance)).lower()}"
