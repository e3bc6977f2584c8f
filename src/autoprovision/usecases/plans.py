"""Plans: what a request would come to, without any side effect."""

from dataclasses import dataclass
from datetime import timedelta

from autoprovision.domain.actor import Actor, authorize
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.canonical import digest
from autoprovision.domain.clock import iso
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.git_source import AllowedHosts
from autoprovision.domain.plan import Plan, QuotaView
from autoprovision.domain.planning import Resolved, environments_of, resolve
from autoprovision.domain.policy import Offer, Policy, PolicyFacts, evaluate
from autoprovision.domain.price import credits_of, price_lines
from autoprovision.domain.quota import Balance, unit_account
from autoprovision.domain.request import Request, RequestTemplate, parse_template
from autoprovision.ports import Platform

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


def make(actor: Actor, document: dict[str, object], platform: Platform) -> Plan:
    """What would happen: price, quota left, approval and why.

    Raises:
        InvalidInputError, ForbiddenError, NotFoundError: as `submit` would.
    """
    template = parse_template(document)
    return plan_for(actor, template, unit_for(actor, template, "plan.make"), platform).plan


def plan_for(actor: Actor, template: RequestTemplate, unit: str, platform: Platform) -> Planned:
    """Resolve, price and judge a template for a unit."""
    catalog = platform.catalog.catalog()
    policy = platform.catalog.policy()
    resolved = resolve(
        template, catalog, platform=blueprint_settings(platform), unit=unit,
        allowed_hosts=AllowedHosts.parse(platform.settings.allowed_git_hosts),
    )  # fmt: skip
    balance = platform.records.balance(unit_account(unit))
    quota = quota_view(balance, resolved.monthly_credits)
    if quota.left_after is not None and quota.left_after < 0:
        quota = quota.with_(advice=_advice(-quota.left_after, resolved, catalog, unit, platform))
    facts = _facts(actor, template, unit, resolved, quota, catalog, platform)
    verdict = evaluate(policy, facts)
    published = resolved.blueprint
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
    return plan_for(user.actor(), template, request.business_unit or "", platform).plan


def template_of(request: Request) -> RequestTemplate:
    """The stored template of a request; its secrets stay where they are."""
    return RequestTemplate.model_validate(request.template)


def current_basis(request: Request, platform: Platform) -> str | None:
    """The basis that the request's plan would have today; None when it is not offered any more."""
    assert request.plan is not None, "a request without a plan has no basis"  # noqa: S101
    catalog = platform.catalog.catalog()
    published = catalog.by_id(request.plan.blueprint)
    if published is None:
        return None
    topology = published.manifest.topologies.get(template_of(request).TargetEnvironment)
    if topology is None:
        return None
    credits_ = credits_of(price_lines(topology.prices, catalog.prices))
    return basis_of(published, credits_, platform.catalog.policy())


def basis_of(published: PublishedBlueprint, monthly_credits: int, policy: Policy) -> str:
    """A digest over what an approval depends on besides the request itself."""
    return digest(
        {"blueprint": published.digest, "credits": monthly_credits, "policy": policy.digest}
    )


def blueprint_settings(platform: Platform) -> dict[str, str]:
    """The platform's settings that a blueprint may use."""
    settings = platform.settings
    return {
        "name": settings.name,
        "region": settings.region,
        "urlScheme": settings.url_scheme,
        "domainName": settings.domain_name,
        "hostedZoneId": settings.hosted_zone_id,
        "certificateArn": settings.certificate_arn,
    }


def quota_view(balance: Balance, needed: int) -> QuotaView:
    """What a unit has, and what would be left."""
    limit = balance.limit
    left = None if limit is None else balance.free
    return QuotaView(
        limit=limit, used=balance.committed, held=balance.held, left=left,
        left_after=None if left is None else left - needed,
    )  # fmt: skip


def _advice(
    short_by: int, resolved: Resolved, catalog: Catalog, unit: str, platform: Platform
) -> str:
    sentences = [f"{short_by} credits are missing."]
    needed = resolved.monthly_credits
    cheaper = [
        (credits_, env)
        for env in environments_of(resolved.blueprint)
        if (credits_ := _credits_in(resolved.blueprint, env.value, catalog)) <= needed - short_by
    ]
    if cheaper:
        credits_, env = min(cheaper)
        sentences.append(f"In {env} it costs {credits_} credits a month and fits.")
    page = platform.records.applications({unit}, limit=_HISTORY)
    enough = sorted(
        (
            one
            for one in page.items
            if one.monthly_credits >= short_by and one.status != "TERMINATED"
        ),
        key=lambda one: one.monthly_credits,
    )
    if enough:
        sentences.append(
            f"Terminating {enough[0].application_name} in {enough[0].target_environment} would "
            f"give {enough[0].monthly_credits} credits back."
        )
    return " ".join(sentences)


def _credits_in(blueprint: PublishedBlueprint, environment: str, catalog: Catalog) -> int:
    topologies = {env.value: one for env, one in blueprint.manifest.topologies.items()}
    return credits_of(price_lines(topologies[environment].prices, catalog.prices))


def _facts(
    actor: Actor, template: RequestTemplate, unit: str, resolved: Resolved, quota: QuotaView,
    catalog: Catalog, platform: Platform,
) -> PolicyFacts:  # fmt: skip
    now = platform.now()
    provisioned, failed = _history(actor, unit, platform)
    offers = tuple(
        Offer(
            monthly_credits=_credits_in(resolved.blueprint, env.value, catalog), environment=env,
            expires_after=resolved.expires_after,
        )
        for env in environments_of(resolved.blueprint)
        if env is not template.TargetEnvironment
    )  # fmt: skip
    return PolicyFacts(
        environment=template.TargetEnvironment, business_unit=unit,
        blueprint=resolved.blueprint.manifest.id, project_type=template.ProjectType,
        monthly_credits=resolved.monthly_credits, quota_limit=quota.limit,
        quota_left=quota.left_after, requester_provisioned=provisioned,
        requester_failed_last_30_days=failed, expires_after=resolved.expires_after, at=now,
        offers=offers,
    )  # fmt: skip


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
