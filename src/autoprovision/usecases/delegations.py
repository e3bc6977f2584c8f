"""Delegations: whoever is away lets another approver decide for them, for a while."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from autoprovision.domain.actor import Actor, Role, units_within
from autoprovision.domain.approval_authority import Delegation, delegators_of
from autoprovision.domain.clock import iso, parse_duration
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.moment import to_moment
from autoprovision.domain.user import User
from autoprovision.ports import Platform

# Whoever is away for longer is not an approver any more.
_LONGEST = timedelta(days=180)
_NO_MOMENT = "Write a day such as 2026-12-01, or a moment such as 2026-12-01T09:00:00Z."


def show(actor: Actor, platform: Platform) -> dict[str, Any]:
    """What a person gave, and what was given to them and is not over."""
    units_within(actor, "delegation.show")
    now = platform.now()
    given = platform.delegations.given_by([actor.id])
    received = platform.delegations.received_by(actor.id)
    return {
        "given": next((_shown(one, platform) for one in given if now < one.until), None),
        "received": [_shown(one, platform) for one in received if now < one.until],
    }


def _shown(one: Delegation, platform: Platform) -> dict[str, Any]:
    return {
        "from": _address(one.from_user, platform),
        "to": _address(one.to_user, platform),
        "fromAt": iso(one.from_at),
        "until": iso(one.until),
        "inForce": one.holds(platform.now()),
    }


def _address(user_id: str, platform: Platform) -> str:
    user = platform.users.get(user_id)
    return user.email if user else user_id


def give(
    actor: Actor, platform: Platform, *, to: str, until: str, from_at: str | None
) -> dict[str, Any]:
    """Let another approver decide for this person; replaces what they gave before.

    Args:
        to: the other's e-mail address.
        until: a moment, a day (to its end, on the calendar of the platform), or a duration.
        from_at: a moment or a day; None is now.

    Raises:
        ForbiddenError: this person decides nothing that they could delegate.
        InvalidInputError: nobody who could stand in, or a time that makes no sense.
    """
    units_within(actor, "delegation.give")
    now = platform.now()
    zone = ZoneInfo(platform.settings.calendar.zone)
    begins = now if from_at is None else _moment(from_at, zone, "from", end_of_day=False)
    ends = _until(until, begins, zone)
    faults = list(_faults(actor, to, begins, ends, now, platform))
    if faults:
        raise InvalidInputError(faults)
    stand_in = platform.users.by_email(to)
    assert stand_in is not None, "checked before"  # noqa: S101
    given = Delegation(
        from_user=actor.id, to_user=stand_in.id, from_at=to_moment(begins), until=to_moment(ends)
    )
    platform.delegations.save(given)
    return _shown(given, platform)


def _faults(
    actor: Actor, to: str, begins: datetime, ends: datetime, now: datetime, platform: Platform
) -> Iterator[Fault]:
    stand_in = platform.users.by_email(to)
    if stand_in is None or stand_in.status != "ACTIVE" or stand_in.role is Role.REQUESTER:
        yield Fault(
            pointer("to"), "Nobody active with this address is an approver.", "NOT_AN_APPROVER"
        )
    elif stand_in.id == actor.id:
        yield Fault(pointer("to"), "Delegate to somebody else.", "YOURSELF")
    if ends <= max(begins, now):
        yield Fault(pointer("until"), "It would be over before it begins.", "TOO_EARLY")
    elif ends - begins > _LONGEST:
        yield Fault(pointer("until"), f"Delegate for at most {_LONGEST.days} days.", "TOO_LONG")


def _until(text: str, begins: datetime, zone: ZoneInfo) -> datetime:
    try:
        return begins + parse_duration(text)
    except OverflowError:
        raise InvalidInputError([Fault(pointer("until"), _NO_MOMENT)]) from None
    except ValueError:
        return _moment(text, zone, "until", end_of_day=True)


def _moment(text: str, zone: ZoneInfo, key: str, *, end_of_day: bool) -> datetime:
    try:
        if len(text) == len("2026-12-01"):
            day = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
            return datetime.combine(day, time(0), zone)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInputError([Fault(pointer(key), _NO_MOMENT)])
    return found


def take_back(actor: Actor, platform: Platform) -> dict[str, Any]:
    """End what a person gave, at once; nothing there is fine."""
    units_within(actor, "delegation.end")
    for given in platform.delegations.given_by([actor.id]):
        over = given.ended(platform.now())
        if over is None:
            platform.delegations.forget(actor.id)
        elif over != given:
            platform.delegations.save(over)
    return show(actor, platform)


def away_for(actor: Actor, platform: Platform) -> list[User]:
    """The active people for whom this person may decide now, besides themselves."""
    received = platform.delegations.received_by(actor.id)
    people = (platform.users.get(one) for one in delegators_of(actor.id, received, platform.now()))
    return [
        one
        for one in people
        if one is not None and one.status == "ACTIVE" and one.role is not Role.REQUESTER
    ]
