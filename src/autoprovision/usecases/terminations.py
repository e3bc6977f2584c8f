"""The end of an application: what goes with it, who asks, and who confirms.

In prod it takes two people. Who asks is told to those who may confirm; an application that has
expired is asked about by the platform, and again whenever a question lapsed without an answer.
"""

from datetime import datetime, timedelta
from typing import Any

from autoprovision.domain.actor import Actor, Role
from autoprovision.domain.application import Application
from autoprovision.domain.clock import iso, moment
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.held_data import held_by
from autoprovision.domain.request import Request, TargetEnvironment
from autoprovision.mails import render
from autoprovision.ports import Platform
from autoprovision.usecases.applications import (
    begin,
    begun_before,
    must_be_changeable,
    within_reach,
)
from autoprovision.usecases.timeline import note

# In these an application is ended by two people: one asks, an approver or an admin confirms.
PROTECTED = frozenset({TargetEnvironment.PROD})
CONFIRM_WITHIN = timedelta(days=7)
TERMINATION_ASKED = "TERMINATION_ASKED"


def is_protected(application: Application) -> bool:
    """Whether ending it takes a second person."""
    return application.target_environment in PROTECTED


def ending(actor: Actor, application_id: str, platform: Platform) -> dict[str, Any]:
    """What ending an application would leave and lose; nothing is changed.

    Returns:
        `kept`: what stays, `lost`: the data that goes, both as `resource` and `what`;
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
    held = {
        one.logical_id: held_by(one.logical_id, one.type, version.manifest.data)
        for one in resources
    }
    return {
        "applicationId": application.id, "applicationName": application.application_name,
        "kept": kept,
        "lost": [{"resource": name, "what": held[name]} for name in sorted(held)
                 if held[name] and name not in whole],
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
    """Mark a protected application and tell who may confirm; who asks first is who asked.

    The mails go out first: their ids follow from the application as it was read, so that asking
    again after a failure sends none of them twice.
    """
    must_be_changeable(application)
    if is_asked(application, platform):
        return application
    now = platform.now()
    until = _readable(now + CONFIRM_WITHIN)
    message = (
        f"{by} asked to end it. An approver or an administrator confirms until {until}: "
        f"autoprovision application confirm-termination {application.id}"
    )
    _tell_approvers(application, platform, by=by, until=until)
    asked = platform.records.patch_application(
        application.id, expected_version=application.version_number, termination_asked_by=by,
        termination_asked_at=iso(now), termination_confirmed_by=None, updated_at=iso(now),
        reason=TERMINATION_ASKED, message=message,
    )  # fmt: skip
    note(platform, application.request_id, "Terminate", message)
    return asked


def _tell_approvers(application: Application, platform: Platform, *, by: str, until: str) -> None:
    """Mail the unit's approvers, or the admins where it has none besides who asks."""
    people = [
        one
        for one in platform.users.approvers(application.business_unit)
        if one.email.casefold() != by.casefold()
    ]
    nearest = [one for one in people if one.role is not Role.ADMIN] or people
    request = platform.records.request(application.request_id)
    values = {
        "application": application, "request": request, "asked_by": by, "confirm_until": until,
        "portal": platform.settings.portal_url.rstrip("/"),
    }  # fmt: skip
    for person in nearest:
        about = f"{application.version_number}#{person.id}"
        platform.mailer.send(
            render("termination-asked", values, to=person.email, request_id=request.id, about=about)
        )


def _readable(at: datetime) -> str:
    return iso(at)[:16].replace("T", " ") + " UTC"


def is_asked(application: Application, platform: Platform) -> bool:
    """Whether somebody asked to end it, lately enough to be confirmed."""
    asked = application.termination_asked_at
    return asked is not None and platform.now() - moment(asked) <= CONFIRM_WITHIN


def confirm_termination(
    actor: Actor, application_id: str, platform: Platform, *, request_id: str
) -> Request:
    """The second person's yes: the protected application is ended.

    Raises:
        ConflictError: code NOT_ASKED (nobody asked in the last week) or SAME_PERSON.
    """
    application = within_reach(actor, "application.confirm", application_id, platform)
    if begun_before(request_id, platform) is None:
        if not is_asked(application, platform):
            raise ConflictError(
                "Nobody has asked to end it in the last week.", code="NOT_ASKED",
                advice=f"Ask first: `autoprovision application terminate {application_id}`.",
            )  # fmt: skip
        if application.termination_asked_by == actor.email:
            raise ConflictError(
                "You asked to end it; another person confirms.", code="SAME_PERSON",
                advice="Another approver of the unit, or an administrator, runs this command.",
            )  # fmt: skip
        # Of what was read: an extension that came in between has withdrawn the question.
        application = platform.records.patch_application(
            application_id, expected_version=application.version_number,
            termination_confirmed_by=actor.email,
        )  # fmt: skip
    return begin(actor, application, "terminate", platform, request_id=request_id)
