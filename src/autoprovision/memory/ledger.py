"""The ledger in dictionaries: accounts, their movements, holds."""

from collections.abc import Iterable, Mapping
from typing import Any

from autoprovision.domain.errors import OverQuotaError
from autoprovision.domain.quota import (
    LIVE_HOLDS,
    Balance,
    Entry,
    Hold,
    Movement,
    after_entries,
    check_limit,
    entry,
)
from autoprovision.domain.refusals import over_quota
from autoprovision.memory.pages import page
from autoprovision.ports import Page

_UNIT = "UNIT#"


class MemoryLedger:
    """Accounts, entries and holds. Whoever holds it holds the lock."""

    def __init__(self) -> None:
        self._balances: dict[str, Balance] = {}
        self._limits_set: dict[str, int] = {}
        self._entries: dict[str, dict[str, Entry]] = {}
        self.all_holds: dict[str, Hold] = {}

    def balance(self, account: str) -> Balance:
        """An account; a new one has no limit and nothing in it."""
        return self._balances.get(account) or Balance(account=account)

    def balances(self, *, limit: int, after: str | None = None) -> Page[Balance]:
        """The accounts of all business units, by name."""
        units = [
            one
            for account, one in self._balances.items()
            if account.startswith(_UNIT) and account in self._limits_set
        ]
        return page(units, lambda one: one.account, limit=limit, after=after)

    def set_limit(self, account: str, limit: int | None, *, by: str, at: str) -> Balance:
        """Set an account's limit and write an entry."""
        check_limit(account, limit)
        before, version = self.balance(account), self._limits_set.get(account, 0)
        if before.limit == limit and (version or limit is None):
            return before
        difference = (limit or 0) - (before.limit or 0)
        one = entry(
            Movement.LIMIT, account, difference, at=at, by=by,
            cause="The limit is removed." if limit is None else f"The limit is set to {limit}.",
            key=str(version + 1),
        )  # fmt: skip
        self._limits_set[account] = version + 1
        self._balances[account] = before.with_(limit=limit)
        self.move([one])
        return self._balances[account]

    def shortage(self, needs: Mapping[str, int]) -> OverQuotaError | None:
        """The refusal of the first account that cannot take what it needs."""
        for account, needed in needs.items():
            balance = self.balance(account)
            if not balance.can_take(needed):
                return over_quota(balance, needed)
        return None

    def move(self, entries: Iterable[Entry]) -> None:
        """Write movements; that accounts can take them was asked before."""
        for one in entries:
            self._balances[one.account] = after_entries(self.balance(one.account), [one])
            self._entries.setdefault(one.account, {})[one.id] = one

    def entries(self, account: str, *, limit: int, after: str | None = None) -> Page[Entry]:
        """Movements of an account, newest first."""
        found = self._entries.get(account, {}).values()
        return page(found, lambda one: one.id, limit=limit, after=after, newest_first=True)

    def hold(self, hold_id: str) -> Hold | None:
        """A hold."""
        return self.all_holds.get(hold_id)

    def live_hold(self, hold_id: str) -> Hold | None:
        """A hold that counts in the accounts."""
        hold = self.all_holds.get(hold_id)
        return hold if hold is not None and hold.state in LIVE_HOLDS else None

    def holds(self, *, limit: int, after: str | None = None) -> Page[Hold]:
        """All holds that count in the accounts, oldest first."""
        live = [one for one in self.all_holds.values() if one.state in LIVE_HOLDS]
        return page(live, lambda one: one.id, limit=limit, after=after)

    def change_hold(self, hold: Hold, **changes: Any) -> None:
        """Write a hold's next version."""
        self.all_holds[hold.id] = hold.with_(**changes, version=hold.version + 1)
