"""Turns a workflow's JSON into what an AWS operation takes, and its answer into JSON again.

The names and types are checked against botocore's models, so a field that Step Functions would
refuse is refused here too.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from autoprovision.embedded.sdk_names import field_name

Naming = Callable[[str], str]


class FieldRefused(Exception):  # noqa: N818
    """A field of the task's input that Step Functions does not take."""


def first_letter_upper(name: str) -> str:
    """The names that optimized integrations use: the API's own, starting with a capital."""
    return name[:1].upper() + name[1:]


def sdk_name(name: str) -> str:
    """The names that `aws-sdk` integrations use."""
    return field_name(name)


def to_api(value: Any, shape: Any, naming: Naming, path: str = "") -> Any:
    """A task's input as botocore takes it.

    Args:
        value: The JSON value.
        shape: botocore's shape of the operation's input.
        naming: How Step Functions writes a member's name.
        path: Where the value stands, for the message.

    Raises:
        FieldRefused: A name or a type that the operation does not take.
    """
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        return _structure_to_api(value, shape, naming, path)
    if kind == "list":
        _expect(isinstance(value, list), path, "an ARRAY")
        return [to_api(item, shape.member, naming, f"{path}[]") for item in value]
    if kind == "map":
        _expect(isinstance(value, dict), path, "a MAP")
        return {key: to_api(item, shape.value, naming, path) for key, item in value.items()}
    if kind == "blob":
        return value.encode() if isinstance(value, str) else json.dumps(value).encode()
    if kind == "string" and not isinstance(value, str):
        # Optimized integrations take an object where the service takes text of JSON.
        _expect(naming is first_letter_upper, path, "a STRING")
        return json.dumps(value, separators=(",", ":"))
    return value


def to_json(value: Any) -> Any:
    """A plain value of an answer as JSON: moments as ISO 8601, bytes and streams as text."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if hasattr(value, "read"):
        return value.read().decode("utf-8", "replace")
    return value


def named(value: Any, shape: Any, naming: Naming) -> Any:
    """Rename the members of an answer and make each value JSON."""
    if shape is None:
        return to_json(value)
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {
            naming(name): named(item, shape.members.get(name), naming)
            for name, item in value.items()
            if name != "ResponseMetadata" and item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [named(item, shape.member, naming) for item in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: named(item, shape.value, naming) for key, item in value.items()}
    return to_json(value)


def _structure_to_api(value: Any, shape: Any, naming: Naming, path: str) -> dict[str, Any]:
    _expect(isinstance(value, dict), path, "a STRUCTURE")
    members = {naming(name): (name, member) for name, member in shape.members.items()}
    api = {}
    for key, item in value.items():
        if key not in members:
            raise FieldRefused(f'The field "{key}" is not supported by Step Functions')
        name, member = members[key]
        if item is not None:
            api[name] = to_api(item, member, naming, f"{path}.{key}" if path else key)
    return api


def _expect(condition: bool, path: str, wanted: str) -> None:
    if not condition:
        raise FieldRefused(f"The value for the field '{path}' must be {wanted}")
