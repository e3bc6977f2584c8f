"""What a transaction costs in DynamoDB's write request units, counted from what it writes.

By DynamoDB's published rules: an item costs 1 unit for each KB begun, twice that in a transaction,
and 1 unit for each entry that a write adds to an index, here of keys only.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Index attributes of each table, as `infra/data.yaml` has them.
INDEXES = {
    "requests": ("unit", "kind", "openStatus"),
    "applications": ("unit", "kind", "expiryKind"),
    "ledger": ("kind",),
}
_KILOBYTE = 1024
_NUMBER_BYTES = 8


class RecordingClient:
    """A DynamoDB client that remembers the transactions which were asked of it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.transactions: list[Sequence[Mapping[str, Any]]] = []

    def transact_write_items(self, **arguments: Any) -> Any:
        self.transactions.append(arguments["TransactItems"])
        return self._client.transact_write_items(**arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def size_of(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item: names and values, numbers generously."""
    total = 0
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        total += len(name.encode())
        total += len(str(value).encode()) if kind == "S" else _NUMBER_BYTES
    return total


def units_of(transaction: Sequence[Mapping[str, Any]]) -> int:
    """Write request units of a whole transaction."""
    total = 0
    for one in transaction:
        ((verb, arguments),) = one.items()
        item = arguments.get("Item", {})
        # An update of an account or a claim stays far below a KB.
        total += 2 * max(1, math.ceil(size_of(item) / _KILOBYTE))
        if verb == "Put":
            kind = next(name for name in INDEXES if name in arguments["TableName"])
            total += sum(1 for attribute in INDEXES[kind] if attribute in item)
    return total
