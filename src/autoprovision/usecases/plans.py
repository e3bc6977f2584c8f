"""Plans: what a request would come to, without any side effect."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from autoprovision.domain.actor import Actor, authorize
from autoprovision.domain.application import Application
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.canonical import digest
from autoprovision.domain.clock import iso
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import ConflictError, Fault, InvalidInputError
from autoprovision.domain.further_faults import further_faults
from autoprovision.domain.git_source import AllowedHosts, InvalidProjectURL, parse_project_url
from autoprovision.domain.plan import CONTROL_PLANE_ONLY, Plan, QuotaView
from autoprovision.domain.planning import Resolved, matched, resolve, values_of
from autoprovision.domain.policy import Offer, Policy, PolicyFacts, evaluate
from autoprovision.domain.policy_facts import Operation
from autoprovision.domain.quota import HoldState
from autoprovision.domain.request import Request, RequestTemplate, TargetEnvironment, parse_template
from autoprovision.ports import Platform
from autoprovision.usecases.quota_advice import credits_in, quota_view

# How many of the unit's newest requests are read to know a requester's history.
_HISTORY = 50


@dataclass(frozen=True)
class Planned:
    """A plan and what admission needs besides."""

    plan: Plan
    resolved: Resolved
    unit: str
    facts: PolicyFacts


def unit_for(actor: Actor, template: RequestTemplate, operation: str) -> str:
    """The business unit that pays.

    Raises:
        InvalidInputError: the person has no unit and names none, or names one out of reach.
        ForbiddenError: the role may not do this at all.
    """
    unit = template.BusinessUnit or actor.unit
    if unit is None:
        raise InvalidInputError(
            [
                Fault(
                    pointer("BusinessUnit"), "An admin has to tag you with a unit first.", "NO_UNIT"
                )
            ]
        )
    authorize(actor, operation, unit=unit, thing=f"business unit {unit} for you")
    return unit


def read_template(document: dict[str, Any], platform: Platform) -> RequestTemplate:
    """The JSON template.

    Raises:
        InvalidInputError: naming every fault, those too that only the catalog knows.
    """
    try:
        return parse_template(document)
    except InvalidInputError as error:
        hosts = AllowedHosts.parse(platform.settings.allowed_git_hosts)
        more = further_faults(document, error.faults, platform.catalog.catalog(), hosts)
        if not more:
            raise
        faults = sorted([*error.faults, *more], key=lambda fault: fault.pointer)
        raise InvalidInputError(faults) from error


def make(actor: Actor, document: dict[str, Any], platform: Platform) -> Plan:
    """What would happen: price, quota left, approval and why.

    Raises:
        InvalidInputError, ForbiddenError, NotFoundError: as `submit` would.
    """
    template = read_template(document, platform)
    return plan_for(actor, template, unit_for(actor, template, "plan.make"), platform).plan


def plan_for(
    actor: Actor, template: RequestTemplate, unit: str, platform: Platform,
    *, own_hold: int = 0, catalog: Catalog | None = None, changes: Application | None = None,
    lost_data: tuple[str, ...] = (),
) -> Planned:  # fmt: skip
    """Resolve, price and judge a template for a unit.

    Args:
        own_hold: what this very request or application holds already, in credits.
        catalog: what it is resolved against; today's when None.
        changes: the application that it updates; None for a new one.
        lost_data: what its change set loses, in words.
    """
    catalog = catalog or platform.catalog.catalog()
    policy = platform.catalog.policy()
    settings = blueprint_settings(platform, template.TargetEnvironment)
    resolved = resolve(
        template, catalog, platform=settings, unit=unit,
        allowed_hosts=AllowedHosts.parse(platform.settings.allowed_git_hosts),
    )  # fmt: skip
    # What runs already stays in its environment.
    offers = () if changes else tuple(_elsewhere(template, catalog, platform))
    quota = quota_view(
        actor, unit, resolved.monthly_credits, platform, own_hold=own_hold,
        elsewhere={one.environment: one.monthly_credits for one in offers if one.environment},
    )  # fmt: skip
    facts = _facts(actor, template, unit, resolved, quota, platform, changes).with_(
        lost_data=lost_data, offers=offers
    )
    verdict = evaluate(policy, facts)
    published = resolved.blueprint
    cannot_run = published.manifest.id in platform.settings.control_plane_only
    plan = Plan.sealed(
        blueprint=published.manifest.id,
        version=published.manifest.version,
        blueprint_digest=published.digest,
        template_url=published.template_url,
        role_arn=published.role_arn,
        capabilities=published.manifest.capabilities,
        parameters=resolved.parameters,
        assigned=resolved.assigned,
        monthly_credits=resolved.monthly_credits,
        price_lines=resolved.price_lines,
        unpriced=resolved.unpriced,
        approval=verdict.for_plan(),
        expires_after=resolved.expires_after,
        basis=basis_of(published, resolved.monthly_credits, policy),
        quota=quota,
        control_plane_only=cannot_run,
        warnings=(CONTROL_PLANE_ONLY,) if cannot_run else (),
    )
    return Planned(plan, resolved, unit, facts)


def replan(request: Request, platform: Platform) -> Plan:
    """The plan that the same request has today.

    Raises:
        InvalidInputError: the catalog does not offer it any more.
    """
    template = template_of(request)
    user = platform.users.get(request.submitted_by_id)
    if user is None:
        raise InvalidInputError([Fault("", "The person who asked is not known any more.")])
    hold = platform.records.hold(request.id)
    own_hold = hold.credits if hold is not None and hold.state is HoldState.HELD else 0
    unit = request.business_unit or ""
    return plan_for(user.actor(), template, unit, platform, own_hold=own_hold).plan


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


def template_of(request: Request) -> RequestTemplate:
    """The stored template of a request; its secrets stay where they are."""
    return RequestTemplate.model_validate(request.template)


def current_basis(request: Request, platform: Platform) -> str | None:
    """The basis that the request's plan would have today; None when it is not offered any more."""
    assert request.plan is not None, "a request without a plan has no basis"  # noqa: S101
    catalog = platform.catalog.catalog()
    published = catalog.by_id(request.plan.blueprint)
    if request.kind != "provision":
        # An application stays on its version until somebody asks for an upgrade.
        published = platform.catalog.version(request.plan.blueprint, request.plan.version)
    if published is None:
        return None
    if request.kind == "operate":  # it costs nothing, whatever prices do
        return basis_of(published, request.plan.monthly_credits, platform.catalog.policy())
    template = template_of(request)
    if template.TargetEnvironment not in published.manifest.topologies:
        return None
    values = values_of(template, published)
    credits_ = credits_in(published, template.TargetEnvironment, catalog, values)
    return basis_of(published, credits_, platform.catalog.policy())


def basis_of(published: PublishedBlueprint, monthly_credits: int, policy: Policy) -> str:
    """A digest over what an approval depends on besides the request itself."""
    return digest(
        {"blueprint": published.digest, "credits": monthly_credits, "policy": policy.digest}
    )


def blueprint_settings(platform: Platform, environment: str) -> dict[str, str]:
    """The platform's settings that a blueprint may use in an environment."""
    settings = platform.settings
    return {
        "name": settings.name,
        "region": settings.region,
        "urlScheme": settings.url_scheme,
        "domainName": settings.domain_name,
        "hostedZoneId": settings.hosted_zone_id,
        "certificateArn": settings.certificate_arns.get(environment, ""),
        "regionalCertificateArn": settings.regional_certificate_arns.get(environment, ""),
    }


def _facts(
    actor: Actor, template: RequestTemplate, unit: str, resolved: Resolved, quota: QuotaView,
    platform: Platform, changes: Application | None,
) -> PolicyFacts:  # fmt: skip
    now = platform.now()
    provisioned, failed = _history(actor, unit, platform)
    return PolicyFacts(
        operation=Operation.PROVISION if changes is None else Operation.UPDATE,
        source_changed=changes is not None and takes_another_source(changes, template, platform),
        environment=template.TargetEnvironment, business_unit=unit,
        blueprint=resolved.blueprint.manifest.id, project_type=template.ProjectType,
        monthly_credits=resolved.monthly_credits, quota_limit=quota.limit,
        quota_left=quota.left_after, requester_provisioned=provisioned,
        requester_failed_last_30_days=failed, expires_after=resolved.expires_after, at=now,
    )  # fmt: skip


def _elsewhere(template: RequestTemplate, catalog: Catalog, platform: Platform) -> Iterator[Offer]:
    """The same in the other environments that take it, with the expiry that it has there."""
    hosts = AllowedHosts.parse(platform.settings.allowed_git_hosts)
    for environment in TargetEnvironment:
        if environment is template.TargetEnvironment:
            continue
        moved = template.model_copy(update={"TargetEnvironment": environment})
        try:
            there = matched(moved, catalog, hosts)
        except InvalidInputError:
            continue
        yield Offer(
            monthly_credits=credits_in(there.blueprint, environment, catalog, there.values),
            environment=environment,
            expires_after=None if template.ExpiresAfter else there.expires_after or "never",
        )


def takes_another_source(
    application: Application, template: RequestTemplate, platform: Platform
) -> bool:
    """Whether a template names another repository than the one an application came from."""
    before = RequestTemplate.model_validate(application.template).ProjectURL
    return _canonical(template.ProjectURL, platform) != _canonical(before, platform)


def _canonical(url: str | None, platform: Platform) -> str | None:
    """An address in its one spelling; as it stands when it may not be fetched from any more."""
    if url is None:
        return None
    allowed = AllowedHosts.parse(platform.settings.allowed_git_hosts)
    try:
        return parse_project_url(url, allowed_hosts=allowed).url
    except InvalidProjectURL:
        return url


def _history(actor: Actor, unit: str, platform: Platform) -> tuple[int, int]:
    since = iso(platform.now() - timedelta(days=30))
    mine = [
        one
        for one in platform.records.requests({unit}, limit=_HISTORY).items
        if one.submitted_by_id == actor.id
    ]
    provisioned = sum(one.status == "SUCCEEDED" for one in mine)
    failed = sum(one.status == "FAILED" and one.submitted_at >= since for one in mine)
    return provisioned, failed
