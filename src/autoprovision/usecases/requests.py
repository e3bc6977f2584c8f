"""Requests: submit, show, list, cancel, resume, resubmit; the one admission for API and S3."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from autoprovision.domain.actor import Actor, authorize, narrowed, units_within
from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import (
    AutoprovisionError,
    ConflictError,
    Fault,
    InvalidInputError,
    NotFoundError,
    OverQuotaError,
    UnavailableError,
)
from autoprovision.domain.identifiers import application_id_of
from autoprovision.domain.movements import PLATFORM
from autoprovision.domain.plan import Plan
from autoprovision.domain.quota import Hold, HoldState
from autoprovision.domain.request import (
    Request,
    RequestStatus,
    RequestTemplate,
    parse_template,
)
from autoprovision.domain.stack import Stack, StackResource
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.ports import Page, Platform
from autoprovision.usecases import approvals
from autoprovision.usecases.plans import Planned, plan_for, unit_for
from autoprovision.usecases.runbooks import wake_runbook
from autoprovision.usecases.timeline import note

logger = logging.getLogger(__name__)

_DELETE_FAILED = "DELETE_FAILED"

# Longer than the longest approval and provisioning together; the sweep releases what is older.
HOLD_LIFE = timedelta(days=30)


def submit(
    actor: Actor,
    document: dict[str, Any],
    platform: Platform,
    *,
    request_id: str,
    source: str = "api",
) -> Request:
    """Accept a JSON template: request, application, name and hold in one transaction.

    Args:
        document: the JSON template as it was sent.
        request_id: chosen before, so that a repeated call finds what the first one did.
        source: `api` or `s3`.

    Returns:
        The request; its workflow is on the way, or the sweep starts it.

    Raises:
        InvalidInputError: every fault named; nothing is kept.
        ForbiddenError, NotFoundError: not for this person.
        OverQuotaError, NameTakenError, ConflictError, BusyError: refused; nothing is kept.
    """
    template = parse_template(document)
    unit = unit_for(actor, template, "request.submit")
    accepted = _accepted_before(request_id, platform)
    if accepted is None:
        planned = plan_for(actor, template, unit, platform)
        refuse_by_policy(planned.plan)
        try:
            accepted = _admit(
                actor, template, planned, platform, request_id=request_id, source=source
            )
        except OverQuotaError as refused:
            refused.extras["advice"] = planned.plan.quota.advice
            raise
    start(accepted, platform)
    return accepted


def _accepted_before(request_id: str, platform: Platform) -> Request | None:
    try:
        return platform.records.request(request_id)
    except NotFoundError:
        return None


def refuse_by_policy(plan: Plan) -> None:
    """Refuse what the policy does not let anybody approve. Raises ConflictError."""
    approval = plan.approval
    if approval.verdict == "REFUSED":
        raise ConflictError(
            "The approval policy refuses this: " + " ".join(approval.reasons),
            code="REFUSED_BY_POLICY",
            reasons=list(approval.reasons),
            easiestChange=approval.easiest_change,
        )


def _admit(
    actor: Actor,
    template: RequestTemplate,
    planned: Planned,
    platform: Platform,
    *,
    request_id: str,
    source: str,
) -> Request:
    secrets = template.secrets()
    secret_arn = platform.secrets.put(request_id, secrets) if secrets else None
    request, application, hold = _records_of(
        actor, template, planned, platform, request_id=request_id, secret_arn=secret_arn
    )
    request = request.with_(source=source)
    try:
        platform.records.admit(request, application, hold)
    except UnavailableError:
        # It may have been written although the answer was lost: only what is surely not there
        # may lose its secret.
        if _accepted_before(request_id, platform) is None:
            _forget(secret_arn, platform)
        raise
    except AutoprovisionError:
        _forget(secret_arn, platform)
        raise
    note(platform, request_id, "Admission", _admission_sentence(planned))
    return request


def _forget(secret_arn: str | None, platform: Platform) -> None:
    if secret_arn:
        platform.secrets.forget(secret_arn)


def _admission_sentence(planned: Planned) -> str:
    plan = planned.plan
    return (
        f"Accepted: {plan.blueprint} {plan.version}, {plan.monthly_credits} credits a month held "
        f"against {planned.unit}."
    )


def _records_of(
    actor: Actor,
    template: RequestTemplate,
    planned: Planned,
    platform: Platform,
    *,
    request_id: str,
    secret_arn: str | None,
) -> tuple[Request, Application, Hold]:
    now = platform.now()
    at = iso(now)
    plan, unit = planned.plan, planned.unit
    application_id = application_id_of(request_id)
    environment = template.TargetEnvironment.value
    request = Request(
        id=request_id, status=RequestStatus.SUBMITTED, reason="ACCEPTED",
        message="The request is accepted and its quota is held.", application_id=application_id,
        application_name=template.ApplicationName, target_environment=environment,
        project_type=template.ProjectType, tech_stack=template.TechStack, business_unit=unit,
        template=template.without_secrets(), plan=plan, project_email=template.ProjectEmail,
        secret_arn=secret_arn, facts=planned.facts.document(), submitted_by=actor.email,
        submitted_by_id=actor.id, submitted_at=at, updated_at=at,
    )  # fmt: skip
    application = Application(
        id=application_id, status=ApplicationStatus.PROVISIONING, reason="REQUESTED",
        message="It is being provisioned.", application_name=template.ApplicationName,
        target_environment=environment, project_type=template.ProjectType,
        tech_stack=template.TechStack, business_unit=unit, owner=actor.email, owner_id=actor.id,
        project_email=template.ProjectEmail, project_url=planned.resolved.project_url,
        blueprint=plan.blueprint, version=plan.version, blueprint_digest=plan.blueprint_digest,
        monthly_credits=plan.monthly_credits, request_id=request_id, operation=request_id,
        parameters=plan.parameters, template=template.without_secrets(), secret_arn=secret_arn,
        created_at=at, updated_at=at,
    )  # fmt: skip
    hold = Hold(
        id=request_id, unit=unit, user_id=actor.id, application_id=application_id,
        credits=plan.monthly_credits, state=HoldState.HELD, expires_at=iso(now + HOLD_LIFE),
        created_at=at, updated_at=at,
    )  # fmt: skip
    return request, application, hold


def start(request: Request, platform: Platform) -> None:
    """Start the workflow of an accepted request, if it has not begun."""
    if request.status is not RequestStatus.SUBMITTED:
        return
    try:
        platform.workflows.start(request.kind, request.id, execution=request.execution)
    except UnavailableError:
        # Accepted is accepted: the sweep starts what was not started.
        logger.warning("workflow not started, the sweep will", extra={"requestId": request.id})


def show(
    actor: Actor, request_id: str, platform: Platform, *, operation: str = "request.show"
) -> Request:
    """A request. Raises NotFoundError when there is none within reach."""
    return _within_reach(actor, operation, request_id, platform)


def _within_reach(actor: Actor, operation: str, request_id: str, platform: Platform) -> Request:
    thing = f"request {request_id}"
    units_within(actor, operation)
    try:
        request = platform.records.request(request_id)
    except NotFoundError:
        raise NotFoundError(f"There is no {thing}.") from None
    if request.business_unit is None and request.submitted_by_id == actor.id:
        return request
    authorize(actor, operation, unit=request.business_unit or "", thing=thing)
    return request


def list_requests(
    actor: Actor, platform: Platform, *, limit: int, after: str | None, unit: str | None = None
) -> Page[Request]:
    """The requests within reach, newest first; of one unit when it is named."""
    units = narrowed(units_within(actor, "request.list"), unit)
    return platform.records.requests(units, limit=limit, after=after)


def events(
    actor: Actor, request_id: str, platform: Platform, *, limit: int, after: str | None
) -> Page[TimelineEvent]:
    """The timeline of a request, oldest first."""
    _within_reach(actor, "request.show", request_id, platform)
    return platform.records.events(request_id, limit=limit, after=after)


def resubmit(
    actor: Actor,
    request_id: str,
    changes: dict[str, Any],
    platform: Platform,
    *,
    new_request_id: str,
) -> Request:
    """Submit a request again with some keys changed, without retyping the rest.

    Its secrets were forgotten when it ended; a private repository's are given again in `changes`.

    Args:
        changes: keys of the JSON template with their new values; null takes a key away.

    Raises:
        ConflictError: code WRONG_STATUS (it has not ended without success) or NOT_RESUBMITTED.
    """
    before = _within_reach(actor, "request.submit", request_id, platform)
    if before.kind != "provision":  # its template would make another application
        raise ConflictError("Ask for the change again instead.", code="NOT_RESUBMITTED")
    if not before.is_final or before.status is RequestStatus.SUCCEEDED:
        raise ConflictError(
            f"The request is {before.status}; only one that ended without success is resubmitted.",
            code="WRONG_STATUS",
            status=before.status.value,
        )
    known = {key.lower(): key for key in before.template}
    kept = {known.get(key.lower(), key): value for key, value in changes.items()}
    document = {**before.template, **kept}
    document = {key: value for key, value in document.items() if value is not None}
    return submit(actor, document, platform, request_id=new_request_id)


def cancel(actor: Actor, request_id: str, platform: Platform) -> Request:
    """Ask a request to stop; what was done is undone by its workflow.

    Returns:
        The request; its status becomes CANCELLED once everything is undone.

    Raises:
        ConflictError: code WRONG_STATUS, it is at an end or on the way back already, or it is a
            termination, which only goes on.
    """
    request = _within_reach(actor, "request.cancel", request_id, platform)
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
    request = _within_reach(actor, "request.resume", request_id, platform)
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
