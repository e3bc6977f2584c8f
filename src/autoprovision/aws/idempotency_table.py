"""The port `Idempotency` on the table `Idempotency`: one answer for one key, for a day."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.conditions import Attr
from ulid import ULID

from autoprovision.aws.dynamodb.expressions import Change, put, update
from autoprovision.aws.dynamodb.items import from_item
from autoprovision.aws.dynamodb.reading import Dynamo
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.domain.errors import BusyError, IdempotencyMismatchError
from autoprovision.ports import Begun

KEPT_SECONDS = 24 * 3600
# Longer than any function runs: whoever holds a lock that old is dead.
LOCK_SECONDS = 60
_RUNNING, _DONE, _FREE = "RUNNING", "DONE", "FREE"
_ATTEMPTS = 10


class IdempotencyTable:
    """Keys with their operation and answer."""

    def __init__(self, client: Any, table: str, *, clock: Callable[[], float] = time.time) -> None:
        self._dynamo = Dynamo(client)
        self._table = table
        self._clock = clock

    def begin(self, key: str, body_hash: str) -> Begun:
        """Claim the key, or give back what became of it.

        Raises:
            IdempotencyMismatchError: the key is in use for another body.
        """
        for _ in range(_ATTEMPTS):
            found = self._read(key)
            try:
                if found is None:
                    return self._claim(key, body_hash)
                return self._go_on(key, body_hash, found)
            except ConditionsFailedError:
                continue  # another call was faster: look again
        raise BusyError("This Idempotency-Key is in use by many calls at once; try again.")

    def _read(self, key: str) -> dict[str, Any] | None:
        item = self._dynamo.get(self._table, {"key": key})
        found = None if item is None else from_item(item)
        # DynamoDB removes what has expired within days, not at once.
        return found if found and found["expiresAtEpoch"] > self._clock() else None

    def _claim(self, key: str, body_hash: str) -> Begun:
        now = int(self._clock())
        is_unclaimed = Attr("key").not_exists() | Attr("expiresAtEpoch").lte(now)
        operation_id = str(ULID()).lower()
        item = {
            "key": key, "bodyHash": body_hash, "operationId": operation_id, "state": _RUNNING,
            "lockUntil": now + LOCK_SECONDS, "expiresAtEpoch": now + KEPT_SECONDS,
        }  # fmt: skip
        write_alone(self._dynamo.client, put("key", self._table, item, is_unclaimed))
        return Begun("fresh", operation_id)

    def _go_on(self, key: str, body_hash: str, found: dict[str, Any]) -> Begun:
        if found["bodyHash"] != body_hash:
            if found["state"] != _FREE:
                raise IdempotencyMismatchError(
                    "This Idempotency-Key was used with another body; use a new one."
                )
            return self._take_over(key, found, body_hash, str(ULID()).lower())
        if found["state"] == _DONE:
            return Begun("done", found["operationId"], json.loads(found["answer"]))
        if found["state"] == _RUNNING and found["lockUntil"] > self._clock():
            return Begun("running", found["operationId"])
        return self._take_over(key, found, body_hash, found["operationId"])

    def _take_over(
        self, key: str, found: dict[str, Any], body_hash: str, operation_id: str
    ) -> Begun:
        is_as_read = Attr("state").eq(found["state"]) & Attr("lockUntil").eq(found["lockUntil"])
        now = int(self._clock())
        values = {
            "bodyHash": body_hash, "operationId": operation_id, "state": _RUNNING,
            # Never the same twice, so that of two who take over one fails.
            "lockUntil": max(now + LOCK_SECONDS, found["lockUntil"] + 1),
        }  # fmt: skip
        change = Change(values)
        write = update("key", self._table, {"key": key}, change, is_as_read)
        write_alone(self._dynamo.client, write)
        return Begun("fresh", operation_id)

    def finish(self, key: str, answer: Mapping[str, Any] | None) -> None:
        """Keep the answer, or with None give the key free.

        A key that is free keeps its operation for the same body: should something have been done
        after all, the next call finds it.
        """
        is_there = Attr("key").exists()
        values: dict[str, Any] = (
            {"state": _FREE} if answer is None else {"state": _DONE, "answer": dict(answer)}
        )
        write = update("key", self._table, {"key": key}, Change(values), is_there)
        try:
            write_alone(self._dynamo.client, write)
        except ConditionsFailedError:
            return  # it expired meanwhile
