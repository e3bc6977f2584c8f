"""What the CloudFormation registry says of a resource type, where cfn-lint brings it along."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

_HANDLERS = ("create", "read", "update", "delete")
_KEYS = ("kms:", "iam:CreateServiceLinkedRole")


@dataclass(frozen=True)
class Registered:
    """A resource type's schema, reduced.

    Attributes:
        actions: what its handlers may call, of its own service and to pass a role; named ones only.
        tags: `list`, `map`, or empty when it takes none.
        properties: names of its properties.
    """

    actions: tuple[str, ...]
    tags: str
    properties: frozenset[str]


@cache
def registered(kind: str, region: str) -> Registered | None:
    """The schema of a type; None when cfn-lint is not installed or does not know the type."""
    if find_spec("cfnlint") is None:
        return None
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema
    except ResourceNotFoundError:
        return None
    properties = schema.get("properties") or {}
    return Registered(_actions(kind, schema), _tags(properties), frozenset(properties))


def _actions(kind: str, schema: dict[str, Any]) -> tuple[str, ...]:
    handlers = schema.get("handlers") or {}
    every = [one for name in _HANDLERS for one in handlers.get(name, {}).get("permissions", [])]
    own = _service(kind, handlers.get("create", {}).get("permissions", []))
    return tuple(
        dict.fromkeys(
            one
            for one in every
            if "*" not in one
            and not one.startswith(_KEYS)
            and (one.startswith(f"{own}:") or one == "iam:PassRole")
        )
    )


def _service(kind: str, making: list[str]) -> str:
    """The service that makes the type: that of the call with its name, else the one called most."""
    thing = kind.rpartition("::")[2]
    for action in making:
        service, _, call = action.partition(":")
        if thing in call and call.startswith("Create") and not action.startswith(_KEYS):
            return service
    services = [one.partition(":")[0] for one in making]
    return max(dict.fromkeys(services), key=services.count) if services else ""


def _tags(properties: dict[str, Any]) -> str:
    tags = properties.get("Tags")
    if not isinstance(tags, dict):
        return ""
    return "map" if tags.get("type") == "object" else "list"
