"""Writes of DynamoDB with their conditions, in the low-level client's shape.

Conditions are boto3's own objects, so that each can stand under a name where it is used.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder

from autoprovision.aws.dynamodb.items import to_item, to_value
from autoprovision.domain.errors import AutoprovisionError

Key = Mapping[str, str]


def expression(condition: ConditionBase, *, of_key: bool = False) -> dict[str, Any]:
    """A condition as text with placeholders, and what they stand for."""
    built = ConditionExpressionBuilder().build_expression(condition, is_key_condition=of_key)
    values = built.attribute_value_placeholders
    return {
        "text": built.condition_expression,
        "names": dict(built.attribute_name_placeholders),
        "values": {name: to_value(value) for name, value in values.items()},
    }


@dataclass
class Change:
    """What an update does to an item: attributes set, removed, and added to.

    Attributes:
        values: attributes and their new values; None removes the attribute.
        sums: attributes and what is added to them.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    sums: Mapping[str, int] = field(default_factory=dict)

    def parts(self) -> dict[str, Any]:
        """The update expression, its names and its values."""
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        clauses: dict[str, list[str]] = {"SET": [], "REMOVE": [], "ADD": []}
        for number, (name, value) in enumerate([*self.values.items(), *self.sums.items()]):
            names[f"#u{number}"] = name
            if value is None:
                clauses["REMOVE"].append(f"#u{number}")
                continue
            values[f":u{number}"] = to_value(value)
            if name in self.sums:
                clauses["ADD"].append(f"#u{number} :u{number}")
            else:
                clauses["SET"].append(f"#u{number} = :u{number}")
        text = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)
        return {"text": text, "names": names, "values": values}


@dataclass(frozen=True)
class Write:
    """One write, alone or as part of a transaction.

    Attributes:
        name: what the caller calls it, to know which condition failed.
        arguments: of the low-level client.
        refusal: what it means when the condition does not hold for an item (None: there is none);
            without one, what was read has changed and is to be read again.
    """

    name: str
    verb: Literal["Put", "Update", "Delete", "ConditionCheck"]
    arguments: dict[str, Any]
    refusal: Callable[[dict[str, Any] | None], AutoprovisionError] | None = None


def _arguments(condition: ConditionBase | None, change: Change | None = None) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    if change is not None:
        parts = change.parts()
        arguments["UpdateExpression"] = parts["text"]
        names |= parts["names"]
        values |= parts["values"]
    if condition is not None:
        parts = expression(condition)
        arguments["ConditionExpression"] = parts["text"]
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        names |= parts["names"]
        values |= parts["values"]
    if names:
        arguments["ExpressionAttributeNames"] = names
    if values:
        arguments["ExpressionAttributeValues"] = values
    return arguments


def put(
    name: str, table: str, item: Mapping[str, Any], condition: ConditionBase | None = None
) -> Write:
    """Write a whole item."""
    return Write(name, "Put", {"TableName": table, "Item": to_item(item), **_arguments(condition)})


def update(
    name: str, table: str, key: Key, change: Change, condition: ConditionBase | None = None
) -> Write:
    """Change an item, or make it."""
    arguments = _arguments(condition, change)
    return Write(name, "Update", {"TableName": table, "Key": to_item(key), **arguments})


def delete(name: str, table: str, key: Key, condition: ConditionBase | None = None) -> Write:
    """Delete an item."""
    return Write(name, "Delete", {"TableName": table, "Key": to_item(key), **_arguments(condition)})


def check(name: str, table: str, key: Key, condition: ConditionBase) -> Write:
    """Write nothing, but only together with an item that is as the condition says."""
    arguments = _arguments(condition)
    return Write(name, "ConditionCheck", {"TableName": table, "Key": to_item(key), **arguments})


def as_transaction(writes: Iterable[Write]) -> list[dict[str, Any]]:
    """The writes as `TransactItems`."""
    return [{one.verb: one.arguments} for one in writes]
