"""Writes to DynamoDB that happen whole or not at all, also when many want the same items.

DynamoDB refuses a transaction that meets another one on an item, and the SDK does not try again:
that is done here. A transaction's token is the digest of what it writes, so the SDK's own
repetition after a lost answer changes nothing.
"""

import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from autoprovision.aws.answers import THROTTLED, code_of, is_outage
from autoprovision.aws.dynamodb.expressions import Write, as_transaction
from autoprovision.domain.errors import AutoprovisionError, BusyError, UnavailableError

T = TypeVar("T")

_ATTEMPTS = 10
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 1.0
_CONTENDED = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
# What DynamoDB calls the same when it is one write that meets a transaction.
_CONTENDED_ERRORS = THROTTLED | {"TransactionConflictException"}


class ConditionsFailedError(Exception):
    """Some conditions did not hold; nothing was written.

    Attributes:
        items: name of the write to the item as it is, None when there is none.
        refusal: what it means, when every failed condition has a meaning of its own.
    """

    def __init__(
        self,
        items: Mapping[str, dict[str, Any] | None],
        refusal: AutoprovisionError | None = None,
    ) -> None:
        super().__init__(", ".join(items))
        self.items = items
        self.refusal = refusal


class _ContendedError(Exception):
    """Others were at the same items; nothing was written."""


def write_together(client: Any, writes: Sequence[Write]) -> None:
    """Write all or nothing.

    Raises:
        ConditionsFailedError: with the items whose conditions did not hold.
        BusyError: contended beyond the retries; nothing was written.
        UnavailableError: no answer; whether it was written is not known.
    """
    items = as_transaction(writes)
    text = json.dumps(items, sort_keys=True)
    token = hashlib.sha256(text.encode()).hexdigest()[:36]

    def attempt() -> None:
        try:
            client.transact_write_items(TransactItems=items, ClientRequestToken=token)
        except ClientError as error:
            if code_of(error) == "TransactionCanceledException":
                _explain(error, writes)
            raise

    retrying(attempt)


def _explain(error: ClientError, writes: Sequence[Write]) -> None:
    """Raise what the reasons say, which stand in the order of the writes."""
    reasons = list(zip(writes, error.response.get("CancellationReasons", []), strict=False))
    failed = [
        (one, reason.get("Item"))
        for one, reason in reasons
        if reason.get("Code") == "ConditionalCheckFailed"
    ]
    if failed:
        refusals = [one.refusal(item) for one, item in failed if one.refusal]
        explained = refusals[0] if len(refusals) == len(failed) else None
        items = {one.name: item for one, item in failed}
        raise ConditionsFailedError(items, explained) from error
    if any(reason.get("Code") in _CONTENDED for _, reason in reasons):
        raise _ContendedError from error


def write_alone(client: Any, write: Write) -> dict[str, Any]:
    """One write on its condition.

    Returns:
        The item after it, for an update; else nothing.

    Raises:
        ConditionsFailedError, BusyError, UnavailableError: as in `write_together`.
    """
    call = {
        "Put": client.put_item, "Update": client.update_item, "Delete": client.delete_item
    }[write.verb]  # fmt: skip
    more = {"ReturnValues": "ALL_NEW"} if write.verb == "Update" else {}

    def attempt() -> dict[str, Any]:
        try:
            answer = call(**write.arguments, **more)
        except ClientError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                item = error.response.get("Item")
                raise ConditionsFailedError({write.name: item}) from error
            raise
        return dict(answer.get("Attributes", {}))

    return retrying(attempt)


def retrying(attempt: Callable[[], T]) -> T:
    """Call DynamoDB, again after a short random wait while others are at the same items.

    Raises:
        BusyError: contended beyond the retries; nothing was written.
        UnavailableError: no answer.
    """
    for number in range(_ATTEMPTS):
        if number:
            longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**number)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, not a secret
        try:
            return attempt()
        except _ContendedError:
            continue
        except ClientError as error:
            if code_of(error) in _CONTENDED_ERRORS:
                continue
            if is_outage(error):
                raise UnavailableError("DynamoDB does not answer now; try again.") from error
            raise
        except BotoCoreError as error:
            if is_outage(error):
                raise UnavailableError("DynamoDB does not answer now; try again.") from error
            raise
    raise BusyError("Many are at this at once; nothing was done. Try again.")
