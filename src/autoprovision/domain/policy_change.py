"""The easiest change: what a requester could do so that a request needs nobody's approval.

Alternatives are tried in the order of effort (end it sooner, take a cheaper size, wait, use
another environment), alone before together, and each is really weighed. A combination is left out
when the rules that it cannot touch are too heavy already, so most are never tried.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import combinations, islice, product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from autoprovision.domain.clock import duration_text, parse_duration
from autoprovision.domain.policy_conditions import TimeWindow
from autoprovision.domain.policy_document import Policy, ReadyRule
from autoprovision.domain.policy_facts import (
    MINUTES_A_DAY,
    Offer,
    PolicyFacts,
    span_text,
)

# Only a policy made to be slow needs more; its verdict then comes without a change.
MOST_TRIES = 2000
_PRICE = frozenset({"monthlyCredits", "quotaShareLeft"})
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_AHEAD = 8


class EasiestChange(NamedTuple):
    """A change that makes a request automatic.

    Attributes:
        phrase: for example `expire in 3 days instead of 7`.
        facts: the facts that the changed request has.
    """

    phrase: str
    facts: PolicyFacts


class _Alternative(NamedTuple):
    """One change.

    Attributes:
        updates: the fields of the facts that it changes.
        seen: the same as conditions see it, so that trying it costs little.
    """

    phrase: str
    updates: dict[str, Any]
    seen: dict[str, Any]


class _Lever(NamedTuple):
    """A kind of change, the facts it moves, and its alternatives, the smallest first."""

    moves: frozenset[str]
    alternatives: tuple[_Alternative, ...]
    exclusive: bool = False


def find_easiest_change(policy: Policy, facts: PolicyFacts) -> EasiestChange | None:
    """The first alternative, in the order of effort, whose weight stays below one approver.

    Returns:
        The change, or None when there is none.
    """
    rules = policy.ready_for(facts.business_unit)
    limit = policy.thresholds_for(facts.business_unit).one_approver
    levers = [lever for lever in _levers(rules, facts) if lever.alternatives]
    seen, tries = facts.seen(), MOST_TRIES
    for number in range(1, len(levers) + 1):
        for chosen in combinations(levers, number):
            if sum(lever.exclusive for lever in chosen) > 1:
                continue
            fixed, movable = _split(rules, seen, frozenset().union(*(x.moves for x in chosen)))
            if fixed >= limit:
                continue
            options = product(*(lever.alternatives for lever in chosen))
            for option in islice(options, tries):
                tries -= 1
                if _below(movable, _merged(seen, (x.seen for x in option)), limit - fixed):
                    updates = _merged({}, (x.updates for x in option))
                    phrase = " and ".join(x.phrase for x in option)
                    return EasiestChange(phrase, facts.model_copy(update=updates))
    return None


def _split(
    rules: Sequence[ReadyRule], seen: dict[str, Any], moved: frozenset[str]
) -> tuple[int, list[ReadyRule]]:
    """The weight that no change of the moved facts can take away, and the rules it can touch."""
    fixed, movable = 0, []
    for one in rules:
        if not one.reads & moved:
            fixed += one.rule.weight if one.holds(seen) else 0
        elif all(fact in moved or test(seen[fact]) for fact, test in one.checks):
            movable.append(one)
    return fixed, movable


def _below(rules: Iterable[ReadyRule], seen: dict[str, Any], limit: int) -> bool:
    weight = 0
    for one in rules:
        if one.holds(seen):
            weight += one.rule.weight
            if weight >= limit:
                return False
    return True


def _merged(start: dict[str, Any], changes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    # The expiry comes first in the order of effort and wins here: what the requester would ask
    # for goes before what another environment would choose by itself.
    found = dict(start)
    for change in reversed(list(changes)):
        found.update(change)
    return found


def _levers(rules: Sequence[ReadyRule], facts: PolicyFacts) -> Iterator[_Lever]:
    here = [
        one for one in facts.offers if one.environment in (None, facts.environment) and one.change
    ]
    elsewhere = [one for one in facts.offers if one.environment not in (None, facts.environment)]
    yield _Lever(frozenset({"expiryDays"}), tuple(_sooner(rules, facts)))
    yield _Lever(_moves(here), tuple(_cheaper(here, facts)), exclusive=True)
    yield _Lever(frozenset({"time"}), tuple(_later(rules, facts.at)))
    moves = _moves(elsewhere) | {"environment"}
    yield _Lever(moves, tuple(_moved(elsewhere, facts)), exclusive=True)


def _moves(offers: Iterable[Offer]) -> frozenset[str]:
    with_expiry = any(one.expiry() for one in offers)
    return _PRICE | {"expiryDays"} if with_expiry else _PRICE


def _sooner(rules: Iterable[ReadyRule], facts: PolicyFacts) -> Iterator[_Alternative]:
    now = facts.expiry_minutes
    for minutes in sorted(_expiries(rules), key=_unwieldy):
        if minutes < now:
            span, old = span_text(minutes), span_text(now)
            if old.partition(" ")[2].rstrip("s") == span.partition(" ")[2].rstrip("s"):
                old = old.partition(" ")[0]
            expires = duration_text(timedelta(minutes=minutes))
            yield _Alternative(
                f"expire in {span} instead of {old}",
                {"expires_after": expires},
                {"expiryDays": minutes / MINUTES_A_DAY},
            )


def _expiries(rules: Iterable[ReadyRule]) -> set[int]:
    """Minutes on either side of each bound on the expiry: the only places where rules change."""
    found: set[int] = set()
    for one in rules:
        if "expiryDays" in one.reads:
            for part in one.rule.when.parts():
                bounds = part.expiry_days.bounds() if part.expiry_days else {}
                for days in bounds.values():
                    at = int(days * MINUTES_A_DAY)
                    found |= {at, at - 1, at - 60, at - MINUTES_A_DAY}
                # Something that may not be endless has no bound to stay below: offer a year.
                if part.expiry_days and part.expiry_days.never:
                    found.add(365 * MINUTES_A_DAY)
    return {minutes for minutes in found if minutes > 0 and _can_be_asked_for(minutes)}


def _can_be_asked_for(minutes: int) -> bool:
    """Whether a duration can be written: a minute less than many months has too many digits."""
    try:
        parse_duration(duration_text(timedelta(minutes=minutes)))
    except ValueError:
        return False
    return True


def _unwieldy(minutes: int) -> tuple[int, int]:
    """Whole days before hours before minutes; within them the longest life first."""
    size = 0 if minutes % MINUTES_A_DAY == 0 else 1 if minutes % 60 == 0 else 2
    return size, -minutes


def _cheaper(offers: Iterable[Offer], facts: PolicyFacts) -> Iterator[_Alternative]:
    for offer in sorted(offers, key=lambda one: -one.monthly_credits):
        if offer.monthly_credits < facts.monthly_credits:
            yield _offered(offer.change, offer, facts)


def _moved(offers: Iterable[Offer], facts: PolicyFacts) -> Iterator[_Alternative]:
    ranks = {"dev": 0, "stag": 1, "prod": 2}
    for offer in sorted(offers, key=lambda one: -ranks[str(one.environment)]):
        phrase = offer.change or f"use {offer.environment} instead of {facts.environment}"
        yield _offered(phrase, offer, facts)


def _offered(phrase: str, offer: Offer, facts: PolicyFacts) -> _Alternative:
    updates = facts.with_credits(offer.monthly_credits) | offer.expiry()
    if offer.environment is not None:
        updates["environment"] = offer.environment
    seen = facts.model_copy(update=updates).seen()
    moved = _moves([offer]) | {"environment"}
    return _Alternative(phrase, updates, {name: seen[name] for name in moved})


def _later(rules: Iterable[ReadyRule], now: datetime) -> Iterator[_Alternative]:
    windows = [
        part.time
        for one in rules
        if "time" in one.reads
        for part in one.rule.when.parts()
        if part.time
    ]
    for at, zone in sorted(_turns(windows, now).items()):
        local = at.astimezone(ZoneInfo(zone))
        phrase = f"wait until {_WEEKDAYS[local.weekday()]} {local:%H:%M} ({zone})"
        yield _Alternative(phrase, {"at": at}, {"time": at})


def _turns(windows: Iterable[TimeWindow], now: datetime) -> dict[datetime, str]:
    """Moments of the coming week at which a window opens or closes, with the zone that says so."""
    hours: dict[str, set[int]] = {}
    for window in windows:
        mine = hours.setdefault(window.zone, set())
        if window.weekdays is not None:
            mine.add(0)
        if window.hours is not None:
            mine |= {window.hours.from_ % 24, window.hours.until % 24}
    found: dict[datetime, str] = {}
    for name, wanted in hours.items():
        zone = ZoneInfo(name)
        today = now.astimezone(zone).date()
        for days in range(_DAYS_AHEAD):
            for hour in wanted:
                local = datetime.combine(today + timedelta(days=days), time(hour), zone)
                at = local.astimezone(UTC)
                if at > now:
                    found.setdefault(at, name)
    return found
