"""Updates: the same JSON edited, or parts of it, onto an application that lives.

An application stays on its blueprint's version until `upgrade` is asked for. A preview is a real
change set; the update after it executes that very one.
"""

from dataclasses import dataclass, replace
from typing import Any

from autoprovision.domain.actor import Actor
from autoprovision.domain.application import STEADY, Application
from autoprovision.domain.blueprint import Publish, PublishMethod, PublishTarget
from autoprovision.domain.change import ChangeSet, Preview, change_arguments, preview
from autoprovision.domain.clock import iso
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import (
    AutoprovisionError,
    ConflictError,
    Fault,
    InvalidInputError,
    UnavailableError,
)
from autoprovision.domain.held_data import merged
from autoprovision.domain.launch import stack_parameters
from autoprovision.domain.plan import CONTROL_PLANE_ONLY, Plan
from autoprovision.domain.quota import HOLD_LIFE, Hold, HoldState
from autoprovision.domain.request import (
    Request,
    RequestTemplate,
    canonical_keys,
    changed,
    parse_template,
)
from autoprovision.domain.stack import Stack
from autoprovision.ports import Platform
from autoprovision.usecases.applications import begun_before, change_request, within_reach
from autoprovision.usecases.plans import (
    Planned,
    plan_for,
    refuse_by_policy,
    takes_another_source,
    template_of,
)
from autoprovision.usecases.requests import start
from autoprovision.usecases.timeline import note

LIVE_PATH, LIVE_IMAGE = "LivePath", "LiveImage"
# What makes an application this application, and who changes it instead.
_FIXED = {
    "ApplicationName": "an application keeps its name; order another one",
    "TargetEnvironment": "an application keeps its environment; order another one",
    "ProjectType": "an application keeps its project type; order another one",
    "BusinessUnit": "an administrator moves it to another unit",
    "ExpiresAfter": "extend it instead",
}


@dataclass(frozen=True)
class Wish:
    """What somebody asks an application to become.

    Attributes:
        template: the whole JSON template as it would be; secrets only when they are new.
        plan_digest: of the preview that was looked at; empty when none was.
    """

    template: RequestTemplate
    upgrade: bool = False
    plan_digest: str = ""


def wish_of(application: Application, document: dict[str, Any]) -> Wish:
    """The template of an application with changes, and what is asked besides.

    Args:
        document: keys of the JSON template, null takes one away; `Parameters` one by one; and
            `upgrade` and `planDigest`.

    Raises:
        InvalidInputError: every fault named.
    """
    changes = dict(document)
    upgrade = changes.pop("upgrade", False)
    plan_digest = changes.pop("planDigest", "") or ""
    faults: list[Fault] = []
    if not isinstance(upgrade, bool):
        faults.append(Fault(pointer("upgrade"), "upgrade is true or false."))
    if not isinstance(plan_digest, str):
        faults.append(Fault(pointer("planDigest"), "planDigest is text."))
    before = dict(application.template)
    kept, spelling, misspelled = canonical_keys(changes)
    faults += misspelled
    if isinstance(kept.get("Parameters"), dict):
        kept["Parameters"] = _merged_parameters(before.get("Parameters"), kept["Parameters"])
    faults += [
        Fault(pointer(spelling[key]), f"This cannot be updated: {why}.", "IMMUTABLE")
        for key, why in _FIXED.items()
        if key in kept and _differs(application, key, kept[key])
    ]  # fmt: skip
    try:
        template = parse_template(changed(before, kept, spelling))
    except InvalidInputError as error:
        raise InvalidInputError([*error.faults, *faults]) from error
    if faults:
        raise InvalidInputError(faults)
    return Wish(template, bool(upgrade), plan_digest)


def _differs(application: Application, key: str, value: Any) -> bool:
    """Whether a key that is fixed would change; one that is invalid is a fault of its own."""
    try:
        alone = parse_template(changed(application.template, {key: value}, {key: key}))
    except InvalidInputError:
        return False
    if key == "BusinessUnit" and alone.BusinessUnit == application.business_unit:
        return False
    own = RequestTemplate.model_validate(application.template)
    # Values are matched without regard to case.
    wished, had = (str(getattr(one, key)).casefold() for one in (alone, own))
    return wished != had


def _merged_parameters(before: Any, changes: dict[str, Any]) -> dict[str, Any]:
    known = {key.lower(): key for key in before or {}}
    named = {known.get(key.lower(), key): value for key, value in changes.items()}
    return {key: value for key, value in {**(before or {}), **named}.items() if value is not None}


def planned(
    actor: Actor, application: Application, wish: Wish, platform: Platform,
    *, lost_data: tuple[str, ...] = (),
) -> Planned:  # fmt: skip
    """The plan of an update, on the application's own blueprint version unless it is upgraded.

    Args:
        lost_data: what its change set is known to lose, in words.

    Raises:
        InvalidInputError: every fault named.
    """
    catalog = platform.catalog.catalog()
    if not wish.upgrade:
        version = platform.catalog.version(application.blueprint, application.version)
        catalog = catalog.with_(blueprints=(version,))
    found = plan_for(
        actor, wish.template, application.business_unit, platform, catalog=catalog,
        own_hold=application.monthly_credits, changes=application, lost_data=lost_data,
    )  # fmt: skip
    if found.plan.blueprint != application.blueprint:
        raise InvalidInputError(
            [Fault(pointer("TechStack"), f"That is the blueprint {found.plan.blueprint}; this "
                   f"application is a {application.blueprint}.", "IMMUTABLE")]
        )  # fmt: skip
    return found


def arguments_for(
    plan: Plan, application: Application, stack: Stack, platform: Platform
) -> dict[str, Any]:
    """The arguments of the change set that takes a stack to a plan."""
    parameters = stack_parameters(plan, application)
    published = platform.catalog.version(plan.blueprint, plan.version)
    parameters |= live_parameters(published.manifest.publish, stack, platform)
    return change_arguments(plan, stack, parameters)


def live_parameters(publish: Publish, stack: Stack, platform: Platform) -> dict[str, str]:
    """The parameters that name the live release: what CloudFormation must not put back.

    A function has none. Its template gives inline code that never changes, and CloudFormation gives
    a function code only when that property has changed.
    """
    if publish.method is PublishMethod.NONE:
        return {}
    if publish.target is PublishTarget.SITE:
        return {LIVE_PATH: platform.sites.live_path(stack.outputs)}
    if publish.target is PublishTarget.SERVICE:
        return {LIVE_IMAGE: platform.services.live_image(stack.outputs)}
    return {}


def make_preview(
    actor: Actor, application_id: str, document: dict[str, Any], platform: Platform
) -> tuple[Plan, Preview | None]:
    """What an update would come to; nothing of the application changes.

    Returns:
        The plan, and the preview; None while CloudFormation is still working it out: ask again.

    Raises:
        ConflictError: code WRONG_STATUS, or CHANGE_REFUSED by CloudFormation.
        InvalidInputError: every fault named.
    """
    application = within_reach(actor, "application.preview", application_id, platform)
    _must_be_steady(application)
    wish = wish_of(application, document)
    plan = planned(actor, application, wish, platform).plan
    shown = _previewed(application, plan, platform)
    if shown is not None and shown.loses_data:
        judged = planned(actor, application, wish, platform, lost_data=shown.loses_data).plan
        shown = shown.with_(approval=judged.approval)
    return plan, shown


def _previewed(application: Application, plan: Plan, platform: Platform) -> Preview | None:
    stack = standing(application, platform)
    arguments = arguments_for(plan, application, stack, platform)
    platform.change_sets.create(arguments)
    found = platform.change_sets.find(stack.id, arguments["changeSetName"])
    if found is None or not (found.is_ready or found.has_failed):
        return None
    return preview_of(plan, sound(found), application, platform)


def preview_of(
    plan: Plan, found: ChangeSet, application: Application, platform: Platform
) -> Preview:
    """What a change set comes to, its losses as the blueprint declares them.

    The version before counts as the one after does: what is on the machines was put there under
    it, and an upgrade may be what brings the declaration, or drops it.
    """
    before = platform.catalog.version(application.blueprint, application.version).manifest
    after = platform.catalog.version(plan.blueprint, plan.version).manifest
    declared = merged(before.data, after.data)
    return preview(plan, found, declared, credits_before=application.monthly_credits)


def judged_with_losses(request: Request, platform: Platform) -> Planned:
    """The plan of an update that loses data, as the policy judges that, and the facts it judged.

    Admission cannot know it: only the change set tells. Judging it again gives the same plan.

    Raises:
        InvalidInputError: the plan cannot be judged any more.
    """
    assert request.plan is not None, "checked before"  # noqa: S101
    assert request.preview is not None, "checked before"  # noqa: S101
    user = platform.users.get(request.submitted_by_id)
    if user is None:
        raise InvalidInputError([Fault("", "The person who asked is not known any more.")])
    application = platform.records.application(request.application_id or "")
    version = platform.catalog.version(request.plan.blueprint, request.plan.version)
    hold = platform.records.hold(request.id)
    held = hold.credits if hold is not None and hold.state is HoldState.HELD else 0
    found = plan_for(
        user.actor(), template_of(request), application.business_unit, platform,
        catalog=platform.catalog.catalog().with_(blueprints=(version,)),
        own_hold=application.monthly_credits + held, changes=application,
        lost_data=request.preview.loses_data,
    )  # fmt: skip
    return replace(found, plan=request.plan.judged(found.plan.approval))


def sound(found: ChangeSet) -> ChangeSet:
    """The change set, if it can be shown and executed.

    Raises:
        ConflictError: code CHANGE_REFUSED, with CloudFormation's words.
    """
    if found.has_failed:
        raise ConflictError(
            f"CloudFormation does not take the change: {found.reason}", code="CHANGE_REFUSED"
        )
    return found


def standing(application: Application, platform: Platform) -> Stack:
    """The stack of an application. Raises ConflictError (STACK_GONE) when it has none."""
    stack = platform.stacks.find(application.stack_id) if application.stack_id else None
    if stack is None or stack.status == "DELETE_COMPLETE":
        raise ConflictError("The application's stack is gone.", code="STACK_GONE")
    return stack


def _must_be_steady(application: Application) -> None:
    if application.status not in STEADY:
        raise ConflictError(
            f"The application is {application.status}; it cannot be changed now.",
            code="WRONG_STATUS", status=application.status.value,
        )  # fmt: skip


def update(
    actor: Actor, application_id: str, document: dict[str, Any], platform: Platform,
    *, request_id: str,
) -> Request:  # fmt: skip
    """Accept an update: its request, the application's lock and what it needs more, or nothing.

    Raises:
        InvalidInputError: every fault named.
        ConflictError: code WRONG_STATUS, STACK_GONE, OPERATION_IN_PROGRESS, REFUSED_BY_POLICY, or
            PLAN_CHANGED when the plan is not the one of the preview.
        OverQuotaError: it costs more than the unit has left.
    """
    application = within_reach(actor, "application.update", application_id, platform)
    accepted = begun_before(request_id, platform)
    if accepted is None:
        _must_be_steady(application)
        standing(application, platform)
        wish = wish_of(application, document)
        _must_bring_credentials(application, wish, platform)
        found = planned(actor, application, wish, platform)
        if wish.plan_digest and wish.plan_digest != found.plan.digest:
            raise ConflictError(
                "This would not come to what the preview showed any more; look at a new one.",
                code="PLAN_CHANGED", planDigest=found.plan.digest,
            )  # fmt: skip
        refuse_by_policy(found.plan)
        accepted = _admit(actor, application, wish, found, platform, request_id=request_id)
    start(accepted, platform)
    return accepted


def _must_bring_credentials(application: Application, wish: Wish, platform: Platform) -> None:
    """Refuse to use a credential for a repository that it was not given for.

    Whoever may update an application need not be who gave the credential: with it they could
    publish what only the other can read, or have it sent to a host of their own.
    """
    moved = takes_another_source(application, wish.template, platform)
    if moved and application.secret_arn and not wish.template.secrets():
        detail = (
            "The credential that is kept was given for the repository before; send AccessToken or "
            "PrivateKey for this one."
        )
        raise InvalidInputError([Fault(pointer("ProjectURL"), detail, "CREDENTIAL_NEEDED")])


def _admit(
    actor: Actor, application: Application, wish: Wish, found: Planned, platform: Platform,
    *, request_id: str,
) -> Request:  # fmt: skip
    secrets = wish.template.secrets()
    secret_arn = platform.secrets.put(request_id, secrets) if secrets else None
    shown = _previewed(application, found.plan, platform) if wish.plan_digest else None
    request = change_request(
        actor, application, "update", platform, request_id=request_id
    ).with_(
        preview=shown, template=wish.template.without_secrets(), plan=found.plan,
        facts=found.facts.document(),
        project_email=wish.template.ProjectEmail, tech_stack=wish.template.TechStack,
        secret_arn=secret_arn,
        replaced_secret_arn=application.secret_arn if secret_arn else None,
    )  # fmt: skip
    more = found.plan.monthly_credits - application.monthly_credits
    hold = Hold(
        id=request_id, unit=application.business_unit, user_id=actor.id,
        application_id=application.id, credits=more, state=HoldState.HELD,
        expires_at=iso(platform.now() + HOLD_LIFE), created_at=request.submitted_at,
        updated_at=request.submitted_at,
    ) if more > 0 else None  # fmt: skip
    try:
        platform.records.admit(request, None, hold)
    except UnavailableError:
        if secret_arn and begun_before(request_id, platform) is None:
            platform.secrets.forget(secret_arn)
        raise
    except AutoprovisionError:
        if secret_arn:
            platform.secrets.forget(secret_arn)
        raise
    sign = "+" if more >= 0 else "-"
    note(platform, request_id, "Admission", f"Accepted: {sign}{abs(more)} credits a month.")
    return request


def publish(actor: Actor, application_id: str, platform: Platform, *, request_id: str) -> Request:
    """Put the project's newest code onto an application; its stack stays as it is.

    Raises:
        ConflictError: code WRONG_STATUS, STACK_GONE, OPERATION_IN_PROGRESS, or
            NOTHING_TO_PUBLISH.
    """
    application = within_reach(actor, "application.publish", application_id, platform)
    accepted = begun_before(request_id, platform)
    if accepted is None:
        _must_be_steady(application)
        standing(application, platform)
        if application.blueprint in platform.settings.control_plane_only:
            raise ConflictError(CONTROL_PLANE_ONLY, code="NOTHING_TO_PUBLISH")
        version = platform.catalog.version(application.blueprint, application.version)
        if version.manifest.publish.method is PublishMethod.NONE:
            raise ConflictError(
                f"{application.blueprint} takes no code.", code="NOTHING_TO_PUBLISH"
            )
        accepted = change_request(
            actor, application, "update", platform, request_id=request_id
        ).with_(template=dict(application.template), message="Accepted: publish the newest code.")
        platform.records.admit(accepted, None, None)
        note(platform, request_id, "Admission", f"{actor.email} asked to publish the newest code.")
    start(accepted, platform)
    return accepted
