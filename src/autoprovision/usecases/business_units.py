"""Business units: who pays, the limit, the record."""

from typing import Any

from autoprovision.domain.actor import Actor, authorize, units_within
from autoprovision.domain.clock import iso
from autoprovision.domain.document import business_unit_name
from autoprovision.domain.errors import Fault, InvalidInputError, NotFoundError
from autoprovision.domain.events import EventName
from autoprovision.domain.quota import (
    MAX_CREDITS,
    ORGANISATION,
    Balance,
    Entry,
    unit_account,
)
from autoprovision.ports import Page, Platform

# The organisation's own account can be read and limited under this name.
ORGANISATION_NAME = "organisation"


def shown(balance: Balance) -> dict[str, Any]:
    """An account as its readers see it."""
    name = balance.account.removeprefix("UNIT#")
    return {
        "unit": ORGANISATION_NAME if balance.account == ORGANISATION else name,
        "quota": balance.limit,
        "used": balance.committed,
        "held": balance.held,
        "left": None if balance.limit is None else balance.free,
        "over": balance.limit is not None and balance.free < 0,
    }


def _account(actor: Actor, operation: str, unit: str) -> str:
    """The account of a unit within reach.

    Raises:
        ForbiddenError: the role may not do this at all.
        NotFoundError: out of reach, or not a name at all.
    """
    reach = units_within(actor, operation)
    if unit == ORGANISATION_NAME and reach is None:
        return ORGANISATION
    try:
        name = business_unit_name(unit)
    except ValueError:
        raise NotFoundError(f"There is no business unit {unit}.") from None
    authorize(actor, operation, unit=name, thing=f"business unit {name}")
    return unit_account(name)


def list_units(actor: Actor, platform: Platform, *, limit: int, after: str | None) -> Page[Balance]:
    """The business units within reach, by name."""
    units = units_within(actor, "unit.list")
    if units is None:
        return platform.records.balances(limit=limit, after=after)
    names = sorted(name for name in units if after is None or unit_account(name) > after)
    balances = tuple(platform.records.balance(unit_account(name)) for name in names[:limit])
    following = balances[-1].account if len(names) > limit else None
    return Page(balances, following)


def show(actor: Actor, unit: str, platform: Platform) -> Balance:
    """A business unit's account.

    Raises:
        NotFoundError: out of reach, or no admin ever gave it a quota.
    """
    balance = platform.records.balance(_account(actor, "unit.show", unit))
    if balance.limit is None and balance.account != ORGANISATION and unit != actor.unit:
        raise NotFoundError(f"There is no business unit {unit}.")
    return balance


def set_quota(actor: Actor, unit: str, quota: int | None, platform: Platform) -> Balance:
    """Set what a unit (or the organisation) may hold and use, in credits a month.

    Lowering it below what is used is allowed: it stops new requests, and the answer says by how
    much the unit is over.

    Raises:
        InvalidInputError: the quota is not a whole number from 0 to 10^15.
    """
    account = _account(actor, "unit.set", unit)
    if quota is None and account != ORGANISATION:
        raise InvalidInputError(
            [Fault("/quota", "A business unit needs a quota, 0 to 10^15 credits.", "MISSING")]
        )
    if quota is not None and not 0 <= quota <= MAX_CREDITS:
        raise InvalidInputError(
            [Fault("/quota", "A quota is a whole number of credits from 0 to 10^15.")]
        )
    balance = platform.records.set_limit(account, quota, by=actor.email, at=iso(platform.now()))
    platform.events.publish(
        EventName.QUOTA_CHANGED, {"businessUnit": unit, "quota": quota, "by": actor.id}
    )
    if quota is not None and account != ORGANISATION:
        _show_on_users(account, quota, platform)
    if quota is not None and balance.free < 0:
        platform.operators.tell(
            f"{unit} is over its quota",
            f"The quota of {unit} is now {quota} credits; {-balance.free} more than that are used "
            "or held. Nothing was ended; new requests are refused until something is given back.",
        )
    return balance


def _show_on_users(account: str, quota: int, platform: Platform) -> None:
    """Show the quota on the unit's Cognito users, as the brief has it; the table decides."""
    unit = account.removeprefix("UNIT#")
    after = None
    while True:
        page = platform.users.list(unit, limit=100, after=after)
        for user in page.items:
            platform.directory.tag(user.id, {"BusinessUnit": unit, "Quota": str(quota)})
        after = page.next
        if after is None:
            return


def ledger(
    actor: Actor, unit: str, platform: Platform, *, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Movements of a unit, newest first, each with the balance after it.

    The running balance is walked backwards from the account as it is now; the cursor carries it
    from page to page, so a page costs a page.

    Args:
        cursor: what the page before gave, with `after`, `free`, `held` and `committed`.

    Returns:
        The movements and the next cursor.
    """
    account = _account(actor, "unit.ledger", unit)
    if cursor is None:
        now = platform.records.balance(account)
        cursor = {"after": None, "free": now.free, "held": now.held, "committed": now.committed}
    page = platform.records.entries(account, limit=limit, after=cursor["after"])
    running = {place: cursor[place] for place in ("free", "held", "committed")}
    items = []
    for entry in page.items:
        items.append(_movement(entry, running))
        running["free"] -= entry.free_change
        running["held"] -= entry.held_change
        running["committed"] -= entry.committed_change
    return items, None if page.next is None else {"after": page.next, **running}


def _movement(entry: Entry, after: dict[str, int]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at,
        "movement": entry.movement.value,
        "credits": entry.credits,
        "requestId": entry.request_id,
        "applicationId": entry.application_id,
        "by": entry.by,
        "cause": entry.cause,
        "balanceAfter": {
            "used": after["committed"], "held": after["held"], "left": after["free"],
        },
    }  # fmt: skip
