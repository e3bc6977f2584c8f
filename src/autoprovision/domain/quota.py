"""The ledger's rules: credits move between the places of an account, and never appear or vanish.

1 credit = 1 US cent a month at list price. Every account (organisation, business unit, person) has
three places where credits can be, `free`, `held` and `committed`, which sum to its limit. A
movement takes them from one place and puts them into another: that is the double entry.

`free` is stored, so deciding is one conditional write: `free >= credits`. An account without a
limit counts what it holds and has committed, and its `free` goes below zero unread.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from ulid import ULID

from autoprovision.domain.clock import moment
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.resource import Resource

ORGANISATION = "ORG"
# DynamoDB numbers have 38 digits; a quota of 10^15 US cents a month is already beyond any invoice.
MAX_CREDITS = 10**15
# Longer than the longest approval and provisioning together; the sweep releases what is older.
HOLD_LIFE = timedelta(days=30)


def unit_account(unit: str) -> str:
    """The account of a business unit."""
    return f"UNIT#{unit}"


def user_account(user_id: str) -> str:
    """The account of a person."""
    return f"USER#{user_id}"


class Movement(StrEnum):
    """Why credits moved."""

    LIMIT = "LIMIT"
    RESERVE = "RESERVE"
    COMMIT = "COMMIT"
    RELEASE = "RELEASE"
    RESIZE = "RESIZE"
    MOVE_OUT = "MOVE_OUT"
    MOVE_IN = "MOVE_IN"


class HoldState(StrEnum):
    """What has become of a hold. MERGED: an update's, whose credits went into the first one's."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    MERGED = "MERGED"


# A hold in one of these counts in the accounts.
LIVE_HOLDS = frozenset({HoldState.HELD, HoldState.COMMITTED})


def may_be_unlimited(account: str) -> bool:
    """Whether an account without a limit is free; a business unit without one has no quota."""
    return not account.startswith("UNIT#")


class Balance(Resource):
    """One account.

    Attributes:
        limit: None is no limit.
        free: limit - held - committed; may be negative after a limit was lowered.
    """

    account: str
    limit: int | None = None
    free: int = 0
    held: int = 0
    committed: int = 0

    def can_take(self, credits_: int) -> bool:
        """Whether a reservation fits, now."""
        if self.limit is None:
            return may_be_unlimited(self.account)
        return self.free >= credits_


class Hold(Resource):
    """What one request holds against its unit, its requester and the organisation.

    Attributes:
        id: the request's id.
        credits: what it holds or has committed.
        expires_at: when a hold that was never committed is to be released by the sweep.
        version: one more with every change, so that a late writer notices.
    """

    id: str
    unit: str
    user_id: str
    application_id: str
    credits: int
    state: HoldState
    expires_at: str | None = None
    created_at: str
    updated_at: str
    version: int = 1

    @property
    def accounts(self) -> tuple[str, str, str]:
        """The accounts that it counts against, the smallest first."""
        return user_account(self.user_id), unit_account(self.unit), ORGANISATION


class Entry(Resource):
    """One movement of one account, append-only.

    Attributes:
        id: sorts by time; the same movement of the same hold has the same id.
        free_change, held_change, committed_change: they sum to the change of the limit.
    """

    id: str
    account: str
    movement: Movement
    credits: int
    free_change: int
    held_change: int = 0
    committed_change: int = 0
    request_id: str | None = None
    application_id: str | None = None
    by: str
    cause: str
    at: str


def changes(movement: Movement, credits_: int, *, committed: bool = False) -> dict[str, int]:
    """What a movement does to the three places of an account.

    Args:
        movement: why.
        credits_: how many; for LIMIT and RESIZE the difference, which may be negative.
        committed: whether the hold was committed before (RELEASE, MOVE_*, RESIZE).

    Returns:
        Changes of `free`, `held` and `committed`.
    """
    place = "committed" if committed else "held"
    match movement:
        case Movement.LIMIT:
            delta = {"free": credits_}
        case Movement.RESERVE:
            delta = {"free": -credits_, "held": credits_}
        case Movement.COMMIT:
            delta = {"held": -credits_, "committed": credits_}
        case Movement.RELEASE | Movement.MOVE_OUT:
            delta = {"free": credits_, place: -credits_}
        case Movement.MOVE_IN | Movement.RESIZE:
            delta = {"free": -credits_, place: credits_}
    return {"free": 0, "held": 0, "committed": 0, **delta}


def entry(
    movement: Movement, account: str, credits_: int, *, at: str, by: str, cause: str,
    key: str, committed: bool = False, request_id: str | None = None,
    application_id: str | None = None,
) -> Entry:  # fmt: skip
    """One movement of one account, with the changes that `changes` gives.

    The entry sorts by `at`. `key` tells the movement from others of its kind (the hold's id, for
    example), so that the same movement made again has the same id.
    """
    change = changes(movement, credits_, committed=committed)
    return Entry(
        id=entry_id(at, account, movement, key), account=account, movement=movement,
        credits=credits_, free_change=change["free"], held_change=change["held"],
        committed_change=change["committed"], request_id=request_id,
        application_id=application_id, by=by, cause=cause, at=at,
    )  # fmt: skip


def entry_id(at: str, *parts: str) -> str:
    """`ent_` and a ULID of a moment whose random part is a digest, so that it is fixed."""
    milliseconds = int(moment(at).timestamp() * 1000 + 0.5)
    fixed = hashlib.sha256("\n".join(parts).encode()).digest()[:10]
    return "ent_" + str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + fixed)).lower()


def after_entries(balance: Balance, entries: Iterable[Entry]) -> Balance:
    """The account after movements of it; the limit stays."""
    free, held, committed = balance.free, balance.held, balance.committed
    for one in entries:
        free, held = free + one.free_change, held + one.held_change
        committed += one.committed_change
    return balance.with_(free=free, held=held, committed=committed)


def check_limit(account: str, limit: int | None) -> None:
    """Refuse a limit that an account cannot have.

    Raises:
        InvalidInputError: below zero, beyond `MAX_CREDITS`, or none for a business unit.
    """
    if limit is None:
        if not may_be_unlimited(account):
            raise InvalidInputError([Fault("/quota", "A business unit needs a quota.", "MISSING")])
    elif not 0 <= limit <= MAX_CREDITS:
        raise InvalidInputError([Fault("/quota", f"Use 0 to {MAX_CREDITS} credits.")])


def dollars(credits_: int) -> str:
    """Credits as US dollars, for example `$11.40`."""
    sign = "-" if credits_ < 0 else ""
    return f"{sign}${abs(credits_) // 100:,}.{abs(credits_) % 100:02d}"
