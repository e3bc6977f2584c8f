"""Reads YAML, CloudFormation's short forms included, and remembers on which line everything is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from autoprovision.domain.document import pointer

# An alias is read again wherever it stands; a file that multiplies itself is not read to its end.
_MOST_NODES = 200_000


@dataclass(frozen=True)
class YamlFile:
    """A file's content.

    Attributes:
        value: plain values; `!Ref x` is `{"Ref": "x"}`, `!Sub x` is `{"Fn::Sub": "x"}`.
        lines: JSON pointer to the line that its key or item stands on, from 1.
        doubles: pointers of keys that stand twice in their mapping.
    """

    value: Any
    lines: dict[str, int] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()

    def line(self, at: str) -> int | None:
        """The line of a pointer, or of the nearest thing around it that has one."""
        while at not in self.lines:
            if not at:
                return None
            at = at.rpartition("/")[0]
        return self.lines[at]


# libyaml reads a long template ten times faster; wheels of PyYAML have it, other builds may not.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain_yaml(text: bytes) -> Any:
    """A YAML file's plain values.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return yaml.load(text, Loader=_Safe)  # noqa: S506 - a subclass of SafeLoader


def read_yaml(text: bytes) -> YamlFile:
    """A YAML file's values with their lines.

    Raises:
        ValueError: it is not YAML, or one that has no end.
    """
    loader = _Safe(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader)
        value = None if node is None else reader.value(node, "")
    except yaml.YAMLError as error:
        raise ValueError(f"It is not YAML: {_in_one_line(error)}") from error
    finally:
        loader.dispose()
    return YamlFile(value, reader.lines, tuple(reader.doubles))


def _in_one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{problem} (line {mark.line + 1})." if mark else f"{problem}."


class _Reader:
    def __init__(self, loader: Any) -> None:
        self.lines: dict[str, int] = {}
        self.doubles: list[str] = []
        self._loader = loader
        self._left = _MOST_NODES
        self._open: set[int] = set()

    def value(self, node: yaml.Node, at: str) -> Any:
        self._left -= 1
        if self._left < 0 or id(node) in self._open:
            raise ValueError("It refers to itself, or has far too many parts.")
        self.lines.setdefault(at, node.start_mark.line + 1)
        self._open.add(id(node))
        try:
            plain = self._plain(node, at)
        finally:
            self._open.discard(id(node))
        return _long_form(node.tag, plain)

    def _plain(self, node: yaml.Node, at: str) -> Any:
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, f"{at}/{index}") for index, one in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, at))
        if node.tag.startswith("!"):
            return node.value
        made = self._loader.construct_object(node)
        # CloudFormation reads a date as the text that it is.
        return made.isoformat() if isinstance(made, date) else made

    def _entries(self, node: yaml.MappingNode, at: str) -> Iterator[tuple[str, Any]]:
        own = [str(key.value) for key, _ in node.value]
        self._loader.flatten_mapping(node)
        for key, value in node.value:
            name = str(key.value)
            place = at + pointer(name)
            self.lines[place] = key.start_mark.line + 1
            if own.count(name) > 1 and place not in self.doubles:
                self.doubles.append(place)
            yield name, self.value(value, place)


def _long_form(tag: str, plain: Any) -> Any:
    if not tag.startswith("!") or tag == "!":
        return plain
    name = tag[1:]
    if name in {"Ref", "Condition"}:
        return {name: plain}
    if name == "GetAtt" and isinstance(plain, str):
        plain = plain.split(".", 1)
    return {f"Fn::{name}": plain}
