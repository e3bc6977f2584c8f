"""The ledger's rules: credits move between the places of an account, and never appear or vanish.

1 credit = 1 US cent a month at list price. Every account (organisation, business unit, person) has
three places where credits can be, `free`, `held` and `committed`, which sum to its limit. A movement
takes them from one place and puts them into another: that is the double entry.

`free` is stored, so deciding is one conditional write: `free >= credits`. An account without a
limit counts what it holds and has committed, and its `free` goes below zero unread.
"""

from enum import StrEnum

from autoprovision.domain.resource import Resource

ORGANISATION = "ORG"
# DynamoDB numbers have 38 digits; a quota of 10^15 US cents a month is already beyond any invoice.
MAX_CREDITS = 10**15


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
    """What has become of a hold."""

    HELD = "HELD"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"


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


class Hold(Resource):
    """What one request holds against its unit, its requester and the organisation.

    Attributes:
        id: the request's id.
        credits: what it holds or has committed.
        expires_at: when a hold that was never committed is to be released by the sweep.
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
