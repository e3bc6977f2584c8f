"""What a request does to the quota, and, if it does not fit, the cheapest change that would."""

from collections.abc import Mapping

from autoprovision.domain.actor import Actor
from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint
from autoprovision.domain.plan import QuotaView
from autoprovision.domain.price import credits_of, price_lines
from autoprovision.domain.quota import (
    ORGANISATION,
    Balance,
    dollars,
    may_be_unlimited,
    unit_account,
    user_account,
)
from autoprovision.domain.request import TargetEnvironment
from autoprovision.ports import Platform

# How many of the unit's newest applications are looked at for one that could go.
_LOOKED_AT = 100
_MOST_NAMED = 3


def quota_view(
    actor: Actor, unit: str, needed: int, platform: Platform,
    *, own_hold: int = 0, elsewhere: Mapping[TargetEnvironment, int] | None = None,
) -> QuotaView:  # fmt: skip
    """What the unit has, what would be left, and whether every account can take it.

    Args:
        needed: credits a month of what is asked for.
        elsewhere: what it would cost in the other environments where it could be had instead.
        own_hold: what this very request holds already; it is not counted against itself.
    """
    accounts = {
        name: _without(platform.records.balance(account), own_hold)
        for name, account in (
            ("business unit", unit_account(unit)),
            ("person", user_account(actor.id)),
            ("organisation", ORGANISATION),
        )
    }
    short = {name: missing for name, one in accounts.items() if (missing := _missing(one, needed))}
    limited_by = max(short, key=lambda name: short[name]) if short else None
    of_unit = accounts["business unit"]
    left = None if of_unit.limit is None else of_unit.free
    view = QuotaView(
        limit=of_unit.limit, used=of_unit.committed, held=of_unit.held, left=left,
        left_after=None if left is None else left - needed, fits=not short,
        short_by=short[limited_by] if limited_by else 0, limited_by=limited_by,
    )  # fmt: skip
    if limited_by is None:
        return view
    fitting = needed - view.short_by
    smaller = {env: price for env, price in (elsewhere or {}).items() if price <= fitting}
    advice = _advice(actor, unit, limited_by, view.short_by, smaller, platform)
    return view.with_(advice=advice)


def _without(balance: Balance, own_hold: int) -> Balance:
    return balance.with_(free=balance.free + own_hold, held=balance.held - own_hold)


def _missing(balance: Balance, needed: int) -> int:
    if balance.limit is None:
        # A business unit without a limit was never given a quota.
        return 0 if may_be_unlimited(balance.account) else needed
    return max(0, needed - balance.free)


def credits_in(
    blueprint: PublishedBlueprint, environment: TargetEnvironment, catalog: Catalog,
    values: Mapping[str, str] | None = None,
) -> int:  # fmt: skip
    """What a blueprint costs in an environment, in whole credits a month.

    Args:
        values: the declared parameters of a request; their defaults when None.
    """
    quantities = blueprint.manifest.quantities(environment, values)
    return credits_of(price_lines(quantities, catalog.prices))


def _advice(
    actor: Actor, unit: str, limited_by: str, short_by: int,
    smaller: Mapping[TargetEnvironment, int], platform: Platform,
) -> str:  # fmt: skip
    whose = {"person": "You lack", "organisation": "The organisation lacks"}
    lacks = whose.get(limited_by, f"{unit} lacks")
    sentences = [f"{lacks} {dollars(short_by)} a month for this."]
    if smaller:
        # The one that gives up the least.
        env = max(smaller, key=lambda one: smaller[one])
        sentences.append(f"In {env} it costs {dollars(smaller[env])} a month and fits.")
    live = _that_count(actor, unit, limited_by, platform)
    sentences += _that_could_go(live, short_by)
    sentences += _that_will_go(live, short_by)
    return " ".join(sentences)


def _that_count(actor: Actor, unit: str, limited_by: str, platform: Platform) -> list[Application]:
    """The live applications that hold credits of the account with too little left, cheapest first.

    Only those of the unit that the person may see anyway.
    """
    page = platform.records.applications({unit}, limit=_LOOKED_AT)
    found = [
        one
        for one in page.items
        if one.status not in ENDED
        and one.monthly_credits > 0
        and (limited_by != "person" or one.owner_id == actor.id)
    ]
    return sorted(found, key=lambda one: (one.monthly_credits, one.id))


def _that_could_go(live: list[Application], short_by: int) -> list[str]:
    """The cheapest application that is enough, else the fewest of the dearest that are."""
    alone = next((one for one in live if one.monthly_credits >= short_by), None)
    if alone is not None:
        return [f"Terminating {_named(alone)} gives {dollars(alone.monthly_credits)} back."]
    together: list[Application] = []
    for one in reversed(live):
        together.append(one)
        given = sum(each.monthly_credits for each in together)
        if given >= short_by:
            names = ", ".join(map(_named, together))
            return [f"Terminating {names} gives {dollars(given)} back."]
        if len(together) == _MOST_NAMED:
            break
    return []


def _that_will_go(live: list[Application], short_by: int) -> list[str]:
    """What ends by itself soonest and is enough: a shorter life of it would do."""
    ending = [one for one in live if one.expires_at and one.monthly_credits >= short_by]
    if not ending:
        return []
    first = min(ending, key=lambda one: one.expires_at or "")
    return [f"{_named(first)} ends on {(first.expires_at or '')[:10]} by itself; then it fits."]


def _named(application: Application) -> str:
    return f"{application.application_name} in {application.target_environment}"
