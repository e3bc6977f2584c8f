"""Counts what a function asks of AWS: runs inside it, as a layer, around its real handler.

For each invocation one line of JSON goes to a file of the benchmark's, named by the function. (A
line in the log may come after the invocation has ended, with the next one's.) It imports nothing
of the benchmarks, because it lies alone in the layer.
"""

import importlib
import json
import math
import os
import threading
import time
from pathlib import Path
from typing import Any

import botocore.client

_module, _, _name = os.environ["COUNTED_HANDLER"].rpartition(".")
_real = getattr(importlib.import_module(_module), _name)
_FILE = Path(os.environ["COUNTED_FOLDER"], os.environ["AWS_LAMBDA_FUNCTION_NAME"])
_calls: list[dict[str, Any]] = []
_lock = threading.Lock()
_plain_call = botocore.client.BaseClient._make_api_call  # noqa: SLF001 - it has no other place
# Operations of DynamoDB that write one item, and where they say which.
_READS = {"GetItem", "Query", "Scan"}
_WRITES = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}


def _call(client: Any, operation: str, asked: dict[str, Any]) -> Any:
    service = client.meta.service_model.service_name
    if service != "dynamodb":
        _note({"service": service, "operation": operation})
        return _plain_call(client, operation, asked)
    note = {"service": service, "operation": operation, "writes": _writes(operation, asked)}
    told = {"ReturnConsumedCapacity": "INDEXES", **asked}
    try:
        answer = _plain_call(client, operation, told)
    except Exception:
        # A refused condition costs what the write would have cost: one unit at least.
        _note({**note, "units": float(max(1, len(note["writes"])))})
        raise
    if operation in _READS:
        _note({**note, "units": _read_units(answer, consistent=asked.get("ConsistentRead", False))})
        return answer
    consumed = answer.get("ConsumedCapacity", [])
    listed = consumed if isinstance(consumed, list) else [consumed]
    # Index units are worked out by the benchmark, alike for single writes and transactions.
    units = sum(one.get("Table", one)["CapacityUnits"] for one in listed)
    _note({**note, "units": units})
    return answer


def _read_units(answer: dict[str, Any], *, consistent: bool) -> float:
    """What AWS charges: 4 KB a unit, half of it when an old answer will do."""
    found = [*answer.get("Items", []), *([answer["Item"]] if "Item" in answer else [])]
    blocks = max(1, math.ceil(sum(_size(one) for item in found for one in item.items()) / 4096))
    return blocks * (1.0 if consistent else 0.5)


def _size(part: Any) -> int:
    """Bytes of a name and value, about as DynamoDB counts them."""
    if isinstance(part, dict):
        return sum(_size(one) for one in part.items())
    if isinstance(part, list | tuple):
        return 1 + sum(_size(one) for one in part)
    return len(str(part).encode())


def _note(call: dict[str, Any]) -> None:
    with _lock:
        _calls.append(call)


def _writes(operation: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Each item written: how, to which table, and the names of the attributes that it touches."""
    if operation in _WRITES:
        parts = [(_WRITES[operation], asked)]
    else:
        items = asked.get("TransactItems", []) if operation == "TransactWriteItems" else []
        parts = [next(iter(item.items())) for item in items]
    return [
        {"how": how, "table": part["TableName"], "names": _names(part)}
        for how, part in parts
        if how != "ConditionCheck"
    ]


def _names(part: dict[str, Any]) -> list[str]:
    if "Item" in part:
        return sorted(part["Item"])
    spoken = part.get("UpdateExpression", "")
    aliases = part.get("ExpressionAttributeNames", {})
    return sorted(real for alias, real in aliases.items() if alias in spoken)


botocore.client.BaseClient._make_api_call = _call  # noqa: SLF001


def handler(event: dict[str, Any], context: Any) -> Any:
    """Lambda entry point: the real one, and a line about what it asked."""
    _calls.clear()
    time.sleep(float(os.environ.get("COUNTED_DELAY_SECONDS", "0")))
    try:
        return _real(event, context)
    finally:
        with _FILE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_calls) + "\n")
