"""How the calls that CloudFormation makes for a resource are written down."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Also:
    """A call that is checked against another ARN than the resource's own.

    Attributes:
        when: the property that asks for it; always when empty.
    """

    action: str
    arn: str = "*"
    when: str = ""


@dataclass(frozen=True)
class Need:
    """The calls for one resource type, and the ARN they are checked against.

    ARNs are templates over `region`, `account`, `name`, `id` and the resource's properties;
    `{name:lower}` is in small letters, `{Cluster:last}` what follows the last slash or colon.

    Attributes:
        name_property: the property with the name; CloudFormation makes one up without it.
        by_property: further calls that a property asks for.
        conditions: condition keys of the making call, each with the property that is its value.
        also: calls of the making that are checked against another ARN.
        delete_arn: what deleting is checked against, if not `arn`.
        passes: properties that name roles, each with the service that gets the role.
        delete_by_property: further calls of the deletion that a property asks for.
    """

    arn: str
    create: tuple[str, ...]
    delete: tuple[str, ...]
    name_property: str = ""
    by_property: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    also: tuple[Also, ...] = ()
    delete_arn: str = ""
    passes: Mapping[str, str] = field(default_factory=dict)
    delete_by_property: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call to be allowed."""

    action: str
    arn: str
    conditions: Mapping[str, str] = field(default_factory=dict)


class _Text(str):
    """A value in an ARN template."""

    __slots__ = ()

    def __format__(self, wish: str) -> str:
        if wish == "lower":
            return self.lower()
        return self.replace(":", "/").rpartition("/")[2] if wish == "last" else str(self)


class _Values(dict[str, _Text]):
    """The values of an ARN template; what a resource does not have is empty."""

    def __missing__(self, _key: str) -> _Text:
        return _Text("")


def making_calls(
    need: Need, properties: Mapping[str, Any], place: Mapping[str, str]
) -> Iterator[Call]:
    """The calls that make a resource with these properties.

    Args:
        need: What its type needs.
        properties: The resource's resolved properties.
        place: `region`, `account`, `name` and `id`.
    """
    values = _values(properties, place)
    arn, conditions = need.arn.format_map(values), _conditions(need, properties)
    yield from (Call(action, arn, conditions) for action in need.create)
    for name, action in need.by_property.items():
        if is_set(properties, name):
            yield Call(action, arn, conditions)
    for also in need.also:
        if not also.when or is_set(properties, also.when):
            yield Call(also.action, also.arn.format_map(values))
    for name, service in need.passes.items():
        named = properties.get(name) or []
        for role in [named] if isinstance(named, str) else named:
            full = role if role.startswith("arn:") else _ROLE.format_map(values) + role
            yield Call("iam:PassRole", full, {"iam:PassedToService": service})


def deleting_calls(
    need: Need, properties: Mapping[str, Any], place: Mapping[str, str]
) -> Iterator[Call]:
    """The calls that delete a resource; parameters as those of `making_calls`."""
    arn = (need.delete_arn or need.arn).format_map(_values(properties, place))
    for name, action in need.delete_by_property.items():
        if properties.get(name):
            yield Call(action, arn)
    yield from (Call(action, arn) for action in need.delete)


def is_set(properties: Mapping[str, Any], name: str) -> bool:
    """Whether the template sets a property; CloudFormation's own tags need no permission."""
    value = properties.get(name)
    if isinstance(value, list):
        keys = [item.get("Key") if isinstance(item, dict) else None for item in value]
        return any(not _is_own_tag(key) for key in keys)
    if isinstance(value, dict):
        return any(not _is_own_tag(key) for key in value)
    return bool(value)


def _is_own_tag(key: Any) -> bool:
    return isinstance(key, str) and key.startswith("aws:")


_ROLE = "arn:aws:iam::{account}:role/"


def _values(properties: Mapping[str, Any], place: Mapping[str, str]) -> _Values:
    texts = {}
    for key, value in properties.items():
        # Of a list, such as a policy's queues, the first stands for all.
        text = value[0] if isinstance(value, list) and value else value
        if isinstance(text, str):
            texts[key] = _Text(text)
    return _Values(texts | {key: _Text(value) for key, value in place.items()})


def _conditions(need: Need, properties: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: str(properties[name]) for key, name in need.conditions.items() if properties.get(name)
    }
