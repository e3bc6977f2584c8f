"""Reading from tables: single items, partitions in order, pages over several partitions."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from boto3.dynamodb.conditions import ConditionBase, Key

from autoprovision.aws.dynamodb.expressions import expression
from autoprovision.aws.dynamodb.items import Item, from_item, to_item
from autoprovision.aws.dynamodb.writing import retrying
from autoprovision.domain.errors import BusyError

T = TypeVar("T")

# BatchGetItem takes 100 keys, so a page has at most as many items.
MOST_ITEMS = 100
_BATCH_ATTEMPTS = 8
_SEPARATOR = "|"

NEWEST_FIRST = False
OLDEST_FIRST = True


@dataclass(frozen=True)
class Dynamo:
    """The low-level client `dynamodb`, and reading by it."""

    client: Any

    def get(self, table: str, key: dict[str, str]) -> dict[str, Any] | None:
        """An item as the client gives it, strongly consistent."""
        answer = retrying(
            lambda: self.client.get_item(TableName=table, Key=to_item(key), ConsistentRead=True)
        )
        item = answer.get("Item")
        return dict(item) if item is not None else None

    def query(
        self, table: str, condition: ConditionBase, *, forward: bool, limit: int,
        index: str | None = None, start: dict[str, str] | None = None,
    ) -> Iterator[Item]:  # fmt: skip
        """Items of one partition in order, page by page as they are taken."""
        built = expression(condition, of_key=True)
        arguments: dict[str, Any] = {
            "TableName": table, "KeyConditionExpression": built["text"],
            "ExpressionAttributeNames": built["names"],
            "ExpressionAttributeValues": built["values"],
            "ScanIndexForward": forward, "Limit": limit,
        }  # fmt: skip
        if index:
            arguments["IndexName"] = index
        if start:
            arguments["ExclusiveStartKey"] = to_item(start)
        while True:
            answer = retrying(lambda: self.client.query(**arguments))
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def get_all(self, table: str, keys: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
        """The items of these keys in their order, strongly consistent, without the missing."""
        wanted: dict[str, Any] = {}
        if keys:
            wanted = {table: {"Keys": [to_item(key) for key in keys], "ConsistentRead": True}}
        found: list[dict[str, Any]] = []
        for _ in range(_BATCH_ATTEMPTS):
            if not wanted:
                return _in_order(found, keys)
            answer = retrying(partial(self.client.batch_get_item, RequestItems=wanted))
            found += answer["Responses"].get(table, [])
            wanted = answer.get("UnprocessedKeys") or {}
        raise BusyError("The tables are busy; try again.")


def _in_order(
    found: Iterable[dict[str, Any]], keys: Sequence[dict[str, str]]
) -> list[dict[str, Any]]:
    names = list(keys[0]) if keys else []
    by_key = {tuple(from_item(item)[name] for name in names): item for item in found}
    ordered = (by_key.get(tuple(key.values())) for key in keys)
    return [item for item in ordered if item is not None]


def newest_of(
    dynamo: Dynamo, table: str, partitions: Sequence[tuple[str, str, str]], *, limit: int,
    after: str | None,
) -> tuple[list[str], str | None]:  # fmt: skip
    """Ids of a page over several partitions of indexes sorted by `id`, newest first.

    Ids begin with the moment they were made, so merging them is merging by time; each partition
    is read no further than the page needs.

    Returns:
        The ids, and where the next page begins.
    """

    def ids(index: str, attribute: str, value: str) -> Iterator[str]:
        condition = Key(attribute).eq(value)
        if after:
            condition &= Key("id").lt(after)
        found = dynamo.query(table, condition, index=index, forward=NEWEST_FIRST, limit=limit + 1)
        for item in found:
            yield from_item(item)["id"]

    merged = heapq.merge(*(ids(*one) for one in partitions), reverse=True)
    return page_of(list(islice(merged, limit + 1)), limit, lambda one: one)


def page_of(seen: list[T], limit: int, cursor: Any) -> tuple[list[T], str | None]:
    """The first `limit` of what was seen, and the cursor of the last when there is more."""
    shown = seen[:limit]
    return shown, cursor(shown[-1]) if len(seen) > limit else None


def due_before(
    dynamo: Dynamo, table: str, index: str, partition: tuple[str, str], moment: tuple[str, str],
    *, limit: int, after: str | None, more_key: dict[str, str],
) -> tuple[list[str], str | None]:  # fmt: skip
    """Ids of a page of an index sorted by a moment, the earliest first, all before a moment.

    `after` holds the moment and the id of the last one seen; `more_key` is what else the table's
    key has.
    """
    (attribute, value), (sorted_by, before) = partition, moment
    start = None
    if after:
        at, _, last = after.partition(_SEPARATOR)
        start = {attribute: value, sorted_by: at, "id": last, **more_key}
    condition = Key(attribute).eq(value) & Key(sorted_by).lt(before)
    found = dynamo.query(
        table, condition, index=index, forward=OLDEST_FIRST, limit=limit + 1, start=start
    )
    seen = [from_item(item) for item in islice(found, limit + 1)]
    shown, following = page_of(seen, limit, lambda one: f"{one[sorted_by]}{_SEPARATOR}{one['id']}")
    return list(map(itemgetter("id"), shown)), following
