"""Records as DynamoDB items and back.

Plain members are attributes of their own, so that conditions and people can read them. What is
nested (plans, templates, outputs) is one JSON text: it comes back exactly as it was, whatever
numbers a person wrote into it, and costs half the capacity of a nested map.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from autoprovision.domain.resource import Resource

R = TypeVar("R", bound=Resource)
Item = dict[str, Any]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


def to_value(value: Any) -> dict[str, Any]:
    """A value as the low-level client takes it."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, dict | list):
        value = json.dumps(value, separators=(",", ":"))
    return dict(_serializer.serialize(value))


def to_item(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Attributes as the low-level client takes them, without those that are None."""
    return {name: to_value(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any]) -> Item:
    """Attributes as plain values; numbers are whole."""
    plain = {name: _deserializer.deserialize(value) for name, value in item.items()}
    return {
        name: int(value) if isinstance(value, Decimal) else value for name, value in plain.items()
    }


def record(kind: type[R], item: Mapping[str, Any]) -> R:
    """The record that an item of the low-level client holds."""
    values = from_item(item)
    for name in _nested(kind) & values.keys():
        values[name] = json.loads(values[name])
    return kind.model_validate(values)


@cache
def _nested(kind: type[Resource]) -> frozenset[str]:
    """Outside names of the members that are kept as JSON text."""
    return frozenset(
        member.alias or name
        for name, member in kind.model_fields.items()
        if not _is_plain(member.annotation)
    )


def _is_plain(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin is Annotated:
        return _is_plain(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return all(_is_plain(one) for one in get_args(annotation))
    if origin is not None or annotation is Any:
        return False
    # Moments are kept as their text, as they are written outside.
    return annotation is not None and not issubclass(annotation, Resource | dict | list | tuple)


def changed_members(kind: type[Resource], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by field name as attributes by outside name; None where a member becomes empty.

    Raises:
        TypeError: there is no such field.
    """
    unknown = changes.keys() - kind.model_fields.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    partial = kind.model_construct(**changes)
    dumped = partial.model_dump(mode="json", by_alias=True, include=set(changes))
    return dict(dumped)
