"""Accounts, their movements and the holds in the table `Ledger`.

A movement is two writes: its entry, and the account's balance with the same changes. Both stand
in the transaction of the deed that moves the credits. What makes a movement happen once for ever
is the condition on the state of its hold, which stands in the same transaction and never expires.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from autoprovision.aws.dynamodb.expressions import Change, Write, put, update
from autoprovision.aws.dynamodb.items import changed_members, from_item, record
from autoprovision.aws.dynamodb.reading import MOST_ITEMS, NEWEST_FIRST, OLDEST_FIRST, page_of
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_together
from autoprovision.aws.records.tables import Tables
from autoprovision.domain.errors import AutoprovisionError, BusyError
from autoprovision.domain.quota import (
    LIVE_HOLDS,
    Balance,
    Entry,
    Hold,
    Movement,
    check_limit,
    entry,
    may_be_unlimited,
)
from autoprovision.domain.refusals import over_quota
from autoprovision.ports import Page

_BALANCE, _HOLD, _ENTRY = "BALANCE", "HOLD", "ENTRY#"
_HOLD_ACCOUNT, _UNIT_ACCOUNT = "HOLD#", "UNIT#"
_UNIT_KIND = "UNIT"
_REREADS = 20


def _balance_key(account: str) -> dict[str, str]:
    return {"account": account, "sort": _BALANCE}


def has_enough(account: str, needed: int) -> ConditionBase:
    """The condition that an account can take a reservation."""
    has_left = Attr("free").gte(needed)
    has_no_limit = Attr("limit").not_exists()
    # A business unit without a limit was never given a quota.
    return has_no_limit | has_left if may_be_unlimited(account) else ~has_no_limit & has_left


def movements(
    tables: Tables, entries: Iterable[Entry], needs: Mapping[str, int] | None = None
) -> list[Write]:
    """The writes that move credits.

    Args:
        tables: where.
        entries: the movements; several of one account become one change of its balance.
        needs: accounts that must have so much left, and how much.
    """
    by_account: dict[str, list[Entry]] = {}
    for one in entries:
        by_account.setdefault(one.account, []).append(one)
    writes = []
    for account, group in by_account.items():
        sums = {
            "free": sum(one.free_change for one in group),
            "held": sum(one.held_change for one in group),
            "committed": sum(one.committed_change for one in group),
        }
        writes.append(_change_balance(tables, account, sums, (needs or {}).get(account)))
        writes += [_put_entry(tables, one) for one in group]
    return writes


def _change_balance(
    tables: Tables, account: str, sums: Mapping[str, int], needed: int | None
) -> Write:
    key, change = _balance_key(account), Change({}, sums)
    name = f"balance {account}"
    if needed is None:
        return update(name, tables.ledger, key, change)

    def refusal(item: dict[str, Any] | None) -> AutoprovisionError:
        return over_quota(balance_of(account, item), needed)

    write = update(name, tables.ledger, key, change, has_enough(account, needed))
    return replace(write, refusal=refusal)


def _put_entry(tables: Tables, one: Entry) -> Write:
    item = {**one.document(), "sort": _ENTRY + one.id}
    return put(f"entry {one.id}", tables.ledger, item)


def hold_key(hold_id: str) -> dict[str, str]:
    """Where a hold stands."""
    return {"account": _HOLD_ACCOUNT + hold_id, "sort": _HOLD}


def put_hold(tables: Tables, hold: Hold) -> Write:
    """Write a hold that is not there yet."""
    is_new = Attr("account").not_exists()
    item = {**hold.document(), **hold_key(hold.id), "kind": _HOLD}
    return put("hold", tables.ledger, item, is_new)


def change_hold(tables: Tables, hold: Hold, name: str = "hold", **changes: Any) -> Write:
    """Change a hold, on the condition that it is as it was read."""
    is_as_read = Attr("version").eq(hold.version)
    values = changed_members(Hold, {**changes, "version": hold.version + 1})
    if changes.get("state", hold.state) not in LIVE_HOLDS:
        # The index lists what still counts, so it does not grow with history.
        values["kind"] = None
    return update(name, tables.ledger, hold_key(hold.id), Change(values), is_as_read)


def _hold_of(item: Mapping[str, Any]) -> Hold:
    return record(Hold, item)


def balance_of(account: str, item: Mapping[str, Any] | None) -> Balance:
    """The account that an item holds, or a new one."""
    return Balance(account=account) if item is None else record(Balance, item)


class LedgerRecords:
    """The part of `Records` about the ledger alone."""

    _tables: Tables

    def balance(self, account: str) -> Balance:
        """An account, strongly consistent; a new one has no limit and nothing in it."""
        return balance_of(account, self._tables.get(self._tables.ledger, _balance_key(account)))

    def balances(self, *, limit: int, after: str | None = None) -> Page[Balance]:
        """The accounts of all business units, by name."""
        limit = min(limit, MOST_ITEMS)
        accounts, following = self._by_kind(_UNIT_KIND, limit=limit, after=after)
        keys = [_balance_key(account) for account in accounts]
        items = self._tables.get_all(self._tables.ledger, keys)
        return Page(tuple(record(Balance, item) for item in items), following)

    def _by_kind(self, kind: str, *, limit: int, after: str | None) -> tuple[list[str], str | None]:
        condition = Key("kind").eq(kind)
        if after:
            condition &= Key("account").gt(after)
        found = self._tables.query(
            self._tables.ledger, condition, index="byKind", forward=OLDEST_FIRST, limit=limit + 1
        )
        seen = [str(from_item(item)["account"]) for item in islice(found, limit + 1)]
        return page_of(seen, limit, lambda one: one)

    def set_limit(self, account: str, limit: int | None, *, by: str, at: str) -> Balance:
        """Set an account's limit; lowering it below what is used is allowed. Writes an entry.

        Raises:
            InvalidInputError: a limit that this account cannot have.
            BusyError: others set it at the same time, beyond the retries.
        """
        check_limit(account, limit)
        for _ in range(_REREADS):
            item = self._tables.get(self._tables.ledger, _balance_key(account))
            before = balance_of(account, item)
            is_there = item is not None and "limitVersion" in item
            if before.limit == limit and (is_there or limit is None):
                return before
            version = from_item(item)["limitVersion"] if item and is_there else 0
            writes = self._limit_writes(before, limit, version, by=by, at=at)
            try:
                write_together(self._tables.client, writes)
            except ConditionsFailedError:
                continue
            return self.balance(account)
        raise BusyError("Others set this limit at the same time; look at it and try again.")

    def _limit_writes(
        self, before: Balance, limit: int | None, version: int, *, by: str, at: str
    ) -> list[Write]:
        # No limit counts as 0 here: then `free` is always limit - held - committed.
        difference = (limit or 0) - (before.limit or 0)
        nobody_set_it_since = (
            Attr("limitVersion").eq(version) if version else Attr("limitVersion").not_exists()
        )
        one = entry(
            Movement.LIMIT, before.account, difference, at=at, by=by,
            cause="The limit is removed." if limit is None else f"The limit is set to {limit}.",
            key=str(version + 1),
        )  # fmt: skip
        kind = _UNIT_KIND if before.account.startswith(_UNIT_ACCOUNT) else None
        change = Change(
            {"limit": limit, "limitVersion": version + 1, **({"kind": kind} if kind else {})},
            {"free": difference, "held": 0, "committed": 0},
        )
        key = _balance_key(before.account)
        balance = update("balance", self._tables.ledger, key, change, nobody_set_it_since)
        return [balance, _put_entry(self._tables, one)]

    def entries(self, account: str, *, limit: int, after: str | None = None) -> Page[Entry]:
        """Movements of an account, newest first; `after` is the last entry id seen."""
        condition = Key("account").eq(account) & Key("sort").begins_with(_ENTRY)
        start = {"account": account, "sort": _ENTRY + after} if after else None
        found = self._tables.query(
            self._tables.ledger, condition, forward=NEWEST_FIRST, limit=limit + 1, start=start
        )
        seen = [record(Entry, item) for item in islice(found, limit + 1)]
        shown, following = page_of(seen, limit, lambda one: one.id)
        return Page(tuple(shown), following)

    def hold(self, hold_id: str) -> Hold | None:
        """A hold, strongly consistent."""
        item = self._tables.get(self._tables.ledger, hold_key(hold_id))
        return None if item is None else _hold_of(item)

    def holds(self, *, limit: int, after: str | None = None) -> Page[Hold]:
        """All holds that count in the accounts, oldest first; `after` is the last id seen."""
        start = _HOLD_ACCOUNT + after if after else None
        accounts, following = self._by_kind(_HOLD, limit=min(limit, MOST_ITEMS), after=start)
        keys = [{"account": account, "sort": _HOLD} for account in accounts]
        items = self._tables.get_all(self._tables.ledger, keys)
        live = (one for one in map(_hold_of, items) if one.state in LIVE_HOLDS)
        cursor = following.removeprefix(_HOLD_ACCOUNT) if following else None
        return Page(tuple(live), cursor)
