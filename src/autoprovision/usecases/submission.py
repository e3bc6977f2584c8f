"""Submit and resubmit: the one admission for API and S3."""

from typing import Any

from autoprovision.domain.actor import Actor
from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import (
    AutoprovisionError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OverQuotaError,
    UnavailableError,
)
from autoprovision.domain.identifiers import application_id_of
from autoprovision.domain.quota import HOLD_LIFE, Hold, HoldState
from autoprovision.domain.request import (
    Request,
    RequestStatus,
    RequestTemplate,
    canonical_keys,
    changed,
)
from autoprovision.ports import Platform
from autoprovision.usecases.plans import (
    Planned,
    plan_for,
    read_template,
    refuse_by_policy,
    unit_for,
)
from autoprovision.usecases.requests import start, within_reach
from autoprovision.usecases.timeline import note


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
    template = read_template(document, platform)
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
    before = within_reach(actor, "request.submit", request_id, platform)
    if before.kind != "provision":  # its template would make another application
        raise ConflictError(
            "Ask for the change again instead.", code="NOT_RESUBMITTED",
            advice="`autoprovision application --help` lists what can be done with "
            f"{before.application_id}.",
        )  # fmt: skip
    if not before.is_final or before.status is RequestStatus.SUCCEEDED:
        raise ConflictError(
            f"The request is {before.status}; only one that ended without success is resubmitted.",
            code="WRONG_STATUS",
            status=before.status.value,
        )
    kept, spelling, faults = canonical_keys(changes)
    if faults:
        raise InvalidInputError(faults)
    document = changed(before.template, kept, spelling)
    return submit(actor, document, platform, request_id=new_request_id)


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
