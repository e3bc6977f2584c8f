"""Applications: what lives, and what its people may do to it."""

from typing import Any

from autoprovision.domain.actor import Actor, authorize, narrowed, units_within
from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso, moment, parse_duration
from autoprovision.domain.document import business_unit_name
from autoprovision.domain.errors import ConflictError, Fault, InvalidInputError, NotFoundError
from autoprovision.domain.quota import unit_account
from autoprovision.domain.refusals import operation_in_progress
from autoprovision.domain.request import (
    Request,
    RequestKind,
    RequestStatus,
    TargetEnvironment,
)
from autoprovision.ports import Page, Platform
from autoprovision.usecases.requests import start
from autoprovision.usecases.timeline import note


def show(actor: Actor, application_id: str, platform: Platform) -> Application:
    """An application. Raises NotFoundError when there is none within reach."""
    return within_reach(actor, "application.show", application_id, platform)


def within_reach(
    actor: Actor, operation: str, application_id: str, platform: Platform
) -> Application:
    """The application, if this person may do this to it.

    Raises:
        ForbiddenError: the role may not do this at all.
        NotFoundError: there is none, or it is not theirs: the same answer.
    """
    thing = f"application {application_id}"
    units_within(actor, operation)
    try:
        application = platform.records.application(application_id)
    except NotFoundError:
        raise NotFoundError(f"There is no {thing}.") from None
    authorize(actor, operation, unit=application.business_unit, thing=thing)
    return application


def list_applications(
    actor: Actor, platform: Platform, *, limit: int, after: str | None, unit: str | None = None
) -> Page[Application]:
    """The applications within reach, newest first; of one unit when it is named."""
    units = narrowed(units_within(actor, "application.list"), unit)
    return platform.records.applications(units, limit=limit, after=after)


_CHANGEABLE = frozenset(
    {ApplicationStatus.AVAILABLE, ApplicationStatus.TAINTED, ApplicationStatus.ERROR}
)


def must_be_changeable(application: Application) -> None:
    """Refuse to change what is changing or has ended. Raises ConflictError (WRONG_STATUS)."""
    if application.status not in _CHANGEABLE:
        raise ConflictError(
            f"The application is {application.status}; it cannot be changed now.",
            code="WRONG_STATUS", status=application.status.value,
        )  # fmt: skip


def begin(
    actor: Actor,
    application: Application,
    kind: RequestKind,
    platform: Platform,
    *,
    request_id: str,
) -> Request:
    """Begin a change of an application under its lock and start its workflow."""
    existing = begun_before(request_id, platform)
    if existing is None:
        must_be_changeable(application)
        existing = change_request(actor, application, kind, platform, request_id=request_id)
        platform.records.admit(existing, None, None)
        note(platform, request_id, "Admission", f"{actor.email} asked to {kind} it.")
    start(existing, platform)
    return existing


def begun_before(request_id: str, platform: Platform) -> Request | None:
    """The request that an earlier call of this one made."""
    try:
        return platform.records.request(request_id)
    except NotFoundError:
        return None


def change_request(
    actor: Actor,
    application: Application,
    kind: RequestKind,
    platform: Platform,
    *,
    request_id: str,
) -> Request:
    """The request of a change, not kept yet."""
    at = iso(platform.now())
    return Request(
        id=request_id, kind=kind, status=RequestStatus.SUBMITTED, reason="ACCEPTED",
        message=f"Accepted: {kind} {application.application_name}.",
        application_id=application.id, application_name=application.application_name,
        target_environment=application.target_environment,
        project_type=application.project_type, tech_stack=application.tech_stack,
        business_unit=application.business_unit, project_email=application.project_email,
        stack_id=application.stack_id, submitted_by=actor.email, submitted_by_id=actor.id,
        submitted_at=at, updated_at=at,
    )  # fmt: skip


def extend(actor: Actor, application_id: str, duration: str, platform: Platform) -> Application:
    """Let an application live longer, counted from when it would have ended.

    Whoever extends it wants it to live: a question to end it is withdrawn.

    Raises:
        ConflictError: code WRONG_STATUS, OPERATION_IN_PROGRESS (it is being terminated), or
            TOO_LONG when the environment's longest life from now would be passed.
    """
    application = within_reach(actor, "application.extend", application_id, platform)
    if application.status not in _CHANGEABLE:
        raise ConflictError(
            f"The application is {application.status}; it cannot be extended.",
            code="WRONG_STATUS", status=application.status.value,
        )  # fmt: skip
    _must_not_be_ending(application, platform)
    changes = _withdrawn(application, by=actor.email)
    if application.expires_at is not None:
        changes |= _lived_longer(application, duration, platform)
    if not changes:
        return application
    changed = platform.records.patch_application(
        application_id, expected_version=application.version_number,
        updated_at=iso(platform.now()), **changes,
    )  # fmt: skip
    lives = f" to {changed.expires_at}" if changed.expires_at else "; it has no end"
    note(platform, application.request_id, "Extend", f"{actor.email} extended it{lives}.")
    return changed


def _must_not_be_ending(application: Application, platform: Platform) -> None:
    """Refuse to prolong what is being terminated, or waits for an operator to go on with that."""
    if application.operation is None:
        return
    if platform.records.request(application.operation).kind == "terminate":
        raise operation_in_progress(application.id, application.operation)


def _withdrawn(application: Application, *, by: str) -> dict[str, Any]:
    """What takes back a question to end the application; nothing when there is none."""
    if application.termination_asked_at is None:
        return {}
    return {
        "termination_asked_by": None, "termination_asked_at": None, "reason": "EXTENDED",
        "message": f"{by} extended it; the question to end it is withdrawn.",
    }  # fmt: skip


def _lived_longer(application: Application, duration: str, platform: Platform) -> dict[str, Any]:
    now = platform.now()
    until = max(moment(application.expires_at or ""), now) + parse_duration(duration)
    longest = _longest_life(application, platform)
    if longest and until > now + parse_duration(longest):
        raise ConflictError(
            f"In {application.target_environment} an application lives at most {longest} from now.",
            code="TOO_LONG", longest=longest,
        )  # fmt: skip
    return {"expires_at": iso(until), "expiry_reminders": 0}


def _longest_life(application: Application, platform: Platform) -> str | None:
    published = platform.catalog.version(application.blueprint, application.version)
    environment = TargetEnvironment(application.target_environment)
    return published.manifest.topologies[environment].longest_expiry


def move(actor: Actor, application_id: str, unit: str, platform: Platform) -> Application:
    """Let another business unit pay for an application; its credits move in one transaction.

    Raises:
        InvalidInputError: the unit is no name, or has no quota.
        OverQuotaError: it has too little left; nothing was done.
        ConflictError: code OPERATION_IN_PROGRESS or WRONG_STATUS; nothing was done.
    """
    application = within_reach(actor, "application.move", application_id, platform)
    at_unit = "/businessUnit"
    try:
        name = business_unit_name(unit)
    except ValueError as error:
        raise InvalidInputError([Fault(at_unit, str(error))]) from None
    if platform.records.balance(unit_account(name)).limit is None:
        sentence = f"There is no business unit {name}; give it a quota first."
        raise InvalidInputError([Fault(at_unit, sentence, "UNKNOWN_UNIT")])
    before = application.business_unit
    at = iso(platform.now())
    moved = platform.records.move_application(application_id, name, by=actor.email, at=at)
    if before != name:
        sentence = f"{actor.email} moved it from {before} to {name}."
        note(platform, application.request_id, "Move", sentence)
    return moved
