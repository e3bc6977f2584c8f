"""What each deed moves: the ledger entries of a hold's life, for all the accounts it counts in.

Pure, so that every store writes the same entries. An entry's id comes from the hold and its
version: the same movement made twice is the same entry.
"""

from autoprovision.domain.quota import Entry, Hold, HoldState, Movement, entry, unit_account

# Who moves credits when no person does.
PLATFORM = "autoprovision"


def reserve(hold: Hold, *, by: str) -> list[Entry]:
    """The credits of a new hold leave `free`."""
    return [_entry(hold, Movement.RESERVE, account, hold.credits, at=hold.created_at, by=by,
                   cause="The request is accepted.") for account in hold.accounts]  # fmt: skip


def commit(hold: Hold, *, at: str) -> list[Entry]:
    """What was held becomes permanent."""
    return [_entry(hold, Movement.COMMIT, account, hold.credits, at=at,
                   cause="The application is available.") for account in hold.accounts]  # fmt: skip


def release(hold: Hold, *, at: str, cause: str, by: str = PLATFORM) -> list[Entry]:
    """A hold gives back what it holds or has committed."""
    return [_entry(hold, Movement.RELEASE, account, hold.credits, at=at, by=by, cause=cause)
            for account in hold.accounts]  # fmt: skip


def resize(hold: Hold, credits_: int, *, at: str, cause: str) -> list[Entry]:
    """A hold becomes larger or smaller; nothing when it stays as it is."""
    difference = credits_ - hold.credits
    if not difference:
        return []
    return [_entry(hold, Movement.RESIZE, account, difference, at=at, cause=cause)
            for account in hold.accounts]  # fmt: skip


def merge(extra: Hold | None, first: Hold, credits_: int, *, at: str) -> list[Entry]:
    """An update is done: the application's hold has `credits_`, its own hold is gone.

    The update may have been asked for by another person than the application's owner; then what
    it held of theirs goes back, and the owner's account has the difference.
    """
    entries = []
    cause = "The update is done."
    for account in extra.accounts if extra else ():
        assert extra is not None  # noqa: S101 - for the type checker
        movement = Movement.COMMIT if account in first.accounts else Movement.RELEASE
        entries.append(_entry(extra, movement, account, extra.credits, at=at, cause=cause))
    for account, difference in resized(extra, first, credits_).items():
        if difference:
            one = _entry(first, Movement.RESIZE, account, difference, at=at, cause=cause)
            entries.append(one)
    return entries


def resized(extra: Hold | None, first: Hold, credits_: int) -> dict[str, int]:
    """How much each account of the application's hold changes beyond what the update held."""
    return {
        account: credits_ - first.credits
        - (extra.credits if extra and account in extra.accounts else 0)
        for account in first.accounts
    }  # fmt: skip


def move(hold: Hold, unit: str, *, by: str, at: str) -> list[Entry]:
    """A hold leaves its unit's account and enters another's."""
    out = _entry(hold, Movement.MOVE_OUT, unit_account(hold.unit), hold.credits, at=at, by=by,
                 cause=f"The application moves to {unit}.")  # fmt: skip
    into = _entry(hold, Movement.MOVE_IN, unit_account(unit), hold.credits, at=at, by=by,
                  cause=f"The application comes from {hold.unit}.")  # fmt: skip
    return [out, into]


def _entry(
    hold: Hold, movement: Movement, account: str, credits_: int, *, at: str, cause: str,
    by: str = PLATFORM,
) -> Entry:  # fmt: skip
    return entry(
        movement, account, credits_, at=at, by=by, cause=cause, key=f"{hold.id} {hold.version}",
        committed=hold.state is HoldState.COMMITTED, request_id=hold.id,
        application_id=hold.application_id,
    )  # fmt: skip
