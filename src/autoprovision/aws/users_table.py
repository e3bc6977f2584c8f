"""The port `Users` on the table `Users`: who may do what, as it holds at this moment."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from autoprovision.aws.dynamodb.expressions import Write, check, put
from autoprovision.aws.dynamodb.items import from_item, record
from autoprovision.aws.dynamodb.reading import MOST_ITEMS, OLDEST_FIRST, Dynamo, page_of
from autoprovision.aws.dynamodb.writing import (
    ConditionsFailedError,
    write_alone,
    write_together,
)
from autoprovision.domain.actor import Role
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.refusals import changed_meanwhile
from autoprovision.domain.user import User
from autoprovision.ports import Page

# Whoever decides stands in a partition of the index of their own: they are few, the others many.
_DECIDES, _ASKS = "DECIDER", "REQUESTER"


class UsersTable:
    """One item a person."""

    def __init__(self, client: Any, table: str) -> None:
        self._dynamo = Dynamo(client)
        self._table = table

    def get(self, user_id: str) -> User | None:
        """A user, strongly consistent."""
        item = self._dynamo.get(self._table, {"id": user_id})
        return None if item is None else record(User, item)

    def by_email(self, email: str) -> User | None:
        """A user by e-mail, in lower case."""
        address = email.lower()
        found = self._dynamo.query(
            self._table, Key("email").eq(address), index="byEmail", forward=OLDEST_FIRST, limit=2
        )
        users = (self.get(from_item(item)["id"]) for item in found)
        return next((one for one in users if one and one.email == address), None)

    def list(self, unit: str | None, *, limit: int, after: str | None = None) -> Page[User]:
        """Users of a unit, or all, in the order of their ids."""
        limit = min(limit, MOST_ITEMS)
        if unit is None:
            partitions = [("byKind", "kind", _DECIDES), ("byKind", "kind", _ASKS)]
        else:
            partitions = [("byUnit", "unit", unit)]
        merged = heapq.merge(*(self._ids(*one, limit=limit, after=after) for one in partitions))
        ids, following = page_of(
            list(islice(merged, limit + 1)),
            limit,
            lambda one: one,
        )
        return Page(tuple(self._users(ids)), following)

    def _ids(
        self, index: str, attribute: str, value: str, *, limit: int, after: str | None
    ) -> Iterator[str]:
        condition = Key(attribute).eq(value)
        if after:
            condition &= Key("id").gt(after)
        found = self._dynamo.query(
            self._table, condition, index=index, forward=OLDEST_FIRST, limit=limit + 1
        )
        for item in found:
            yield from_item(item)["id"]

    def _users(self, ids: Sequence[str]) -> Sequence[User]:
        items = self._dynamo.get_all(self._table, [{"id": one} for one in ids])
        return [record(User, item) for item in items]

    def approvers(self, unit: str) -> Sequence[User]:
        """Active people who decide for a unit, admins included."""
        ids = tuple(self._ids("byKind", "kind", _DECIDES, limit=MOST_ITEMS, after=None))
        batches = (ids[at : at + MOST_ITEMS] for at in range(0, len(ids), MOST_ITEMS))
        deciders = (one for batch in batches for one in self._users(batch))
        return [one for one in deciders if one.decides_for(unit)]

    def save(self, user: User) -> None:
        """Write the user, whatever is there."""
        write_alone(self._dynamo.client, put("user", self._table, _item(user)))

    def add(self, user: User) -> None:
        """Write a user who is not there yet."""
        is_new = Attr("id").not_exists()
        try:
            write_alone(self._dynamo.client, put("user", self._table, _item(user), is_new))
        except ConditionsFailedError as failed:
            message = f"{user.email} exists already."
            raise ConflictError(message, code="USER_EXISTS", id=user.id) from failed

    def replace(self, before: User, after: User, *, by_admin: str | None = None) -> User:
        """Write a user as changed from what was read, by somebody who is still an admin."""
        written: User = after.with_(version=before.version + 1)
        version = Attr("version")
        is_as_read = version.eq(before.version)
        if not before.version:
            is_as_read = is_as_read | version.not_exists()
        condition = Attr("id").exists() & is_as_read
        writes = []
        if by_admin == before.id:
            condition &= _is_active_admin()
        elif by_admin is not None:
            writes = [check("admin", self._table, {"id": by_admin}, _is_active_admin())]
        writes = [put("user", self._table, _item(written), condition), *writes]
        try:
            self._write(writes)
        except ConditionsFailedError as failed:
            raise changed_meanwhile(f"user {before.email}") from failed
        return written

    def _write(self, writes: Sequence[Write]) -> None:
        if len(writes) == 1:
            write_alone(self._dynamo.client, writes[0])
        else:
            write_together(self._dynamo.client, writes)


def _item(user: User) -> dict[str, Any]:
    kind = _ASKS if user.role is Role.REQUESTER else _DECIDES
    return {**user.document(), "email": user.email.lower(), "kind": kind}


def _is_active_admin() -> ConditionBase:
    return Attr("role").eq(Role.ADMIN.value) & Attr("status").eq("ACTIVE")
