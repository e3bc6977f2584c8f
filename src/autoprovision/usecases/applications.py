"""Applications: what lives, and what its people may do to it."""

from datetime import timedelta
from typing import Any

from autoprovision.domain.actor import Actor, authorize, narrowed, units_within
from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.change import holds_data
from autoprovision.domain.clock import iso, moment, parse_duration
from autoprovision.domain.document import business_unit_name
from autoprovision.domain.errors import ConflictError, Fault, InvalidInputError, NotFoundError
from autoprovision.domain.quota import unit_account
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


# In these an application is ended by two people: one asks, an approver or an admin confirms.
_PROTECTED = frozenset({TargetEnvironment.PROD})
_CONFIRM_WITHIN = timedelta(days=7)


def is_protected(application: Application) -> bool:
    """Whether ending it takes a second person."""
    return application.target_environment in _PROTECTED


def ending(actor: Actor, application_id: str, platform: Platform) -> dict[str, Any]:
    """What ending an application would leave and lose; nothing is changed.

    Returns:
        `kept`: what stays, as `resource` and `what`; `lost`: resources whose data goes;
        `monthlyCredits` that come back; `confirmationNeeded`.
    """
    application = within_reach(actor, "application.terminate", application_id, platform)
    version = platform.catalog.version(application.blueprint, application.version)
    resources = platform.stacks.resources(application.stack_id) if application.stack_id else []
    topology = version.manifest.topologies[TargetEnvironment(application.target_environment)]
    whole = version.manifest.kept_on_terminate
    keeps = dict.fromkeys(whole, "as it is") | topology.keeps
    there = {one.logical_id for one in resources}
    kept = [{"resource": one, "what": keeps[one]} for one in sorted(keeps) if one in there]
    return {
        "applicationId": application.id, "applicationName": application.application_name,
        "kept": kept,
        "lost": sorted(one.logical_id for one in resources
                       if holds_data(one.type) and one.logical_id not in whole),
        "monthlyCredits": application.monthly_credits,
        "confirmationNeeded": is_protected(application),
    }  # fmt: skip


def terminate(
    actor: Actor, application_id: str, platform: Platform, *, request_id: str
) -> Request | Application:
    """End an application: its stack is deleted and verified gone, its credits are given back.

    One that is protected is not ended but marked, until another person confirms.

    Args:
        request_id: chosen before, so that a repeated call finds what the first one did.

    Returns:
        The request that ends it, or the application that waits for a second person.

    Raises:
        ConflictError: code WRONG_STATUS (it is not one that can be ended now) or
            OPERATION_IN_PROGRESS (another request is changing it).
    """
    application = within_reach(actor, "application.terminate", application_id, platform)
    if is_protected(application) and begun_before(request_id, platform) is None:
        return ask_to_end(application, platform, by=actor.email)
    return begin(actor, application, "terminate", platform, request_id=request_id)


def ask_to_end(application: Application, platform: Platform, *, by: str) -> Application:
    """Mark a protected application; who asks first is the one who asked."""
    must_be_changeable(application)
    if _is_asked(application, platform):
        return application
    message = (
        f"{by} asked to end it. An approver or an administrator confirms: "
        f"autoprovision application confirm-termination {application.id}"
    )
    note(platform, application.request_id, "Terminate", message)
    return platform.records.patch_application(
        application.id, expected_version=application.version_number, termination_asked_by=by,
        termination_asked_at=iso(platform.now()), termination_confirmed_by=None,
        reason="TERMINATION_ASKED", message=message,
    )  # fmt: skip


def _is_asked(application: Application, platform: Platform) -> bool:
    asked = application.termination_asked_at
    return asked is not None and platform.now() - moment(asked) <= _CONFIRM_WITHIN


def confirm_termination(
    actor: Actor, application_id: str, platform: Platform, *, request_id: str
) -> Request:
    """The second person's yes: the protected application is ended.

    Raises:
        ConflictError: code NOT_ASKED (nobody asked in the last week) or SAME_PERSON.
    """
    application = within_reach(actor, "application.confirm", application_id, platform)
    if begun_before(request_id, platform) is None:
        if not _is_asked(application, platform):
            raise ConflictError("Nobody has asked to end it.", code="NOT_ASKED")
        if application.termination_asked_by == actor.email:
            raise ConflictError("Another person than who asked confirms.", code="SAME_PERSON")
        application = platform.records.patch_application(
            application_id, termination_confirmed_by=actor.email
        )
    return begin(actor, application, "terminate", platform, request_id=request_id)


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

    Raises:
        ConflictError: code WRONG_STATUS, or TOO_LONG when the environment's longest life from now
            would be passed.
    """
    application = within_reach(actor, "application.extend", application_id, platform)
    if application.status not in _CHANGEABLE:
        raise ConflictError(
            f"The application is {application.status}; it cannot be extended.",
            code="WRONG_STATUS", status=application.status.value,
        )  # fmt: skip
    if application.expires_at is None:
        return application
    now = platform.now()
    until = max(moment(application.expires_at), now) + parse_duration(duration)
    longest = _longest_life(application, platform)
    if longest and until > now + parse_duration(longest):
        raise ConflictError(
            f"In {application.target_environment} an application lives at most {longest} from now.",
            code="TOO_LONG", longest=longest,
        )  # fmt: skip
    changed = platform.records.patch_application(
        application_id, expected_version=application.version_number, expires_at=iso(until),
        expiry_reminders=0, updated_at=iso(now),
    )  # fmt: skip
    note(platform, application.request_id, "Extend", f"{actor.email} extended it to {iso(until)}.")
    return changed


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
