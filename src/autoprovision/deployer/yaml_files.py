"""Reads YAML, CloudFormation's short forms included, and remembers on which line everything is."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import yaml

from autoprovision.domain.document import pointer

# An alias is read again wherever it stands; a file that multiplies itself is not read to its end.
_MOST_NODES = 200_000
# A template's values lie some twenty deep; libyaml's composer knows no bound and ends the process.
_DEEPEST = 100
_TOO_MUCH = "It refers to itself, or has far too many parts."
_TOO_DEEP = f"It is more than {_DEEPEST} levels deep."
_BEGIN = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_END = (yaml.SequenceEndEvent, yaml.MappingEndEvent)
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class YamlFile:
    """A file's content.

    Attributes:
        value: plain values; `!Ref x` is `{"Ref": "x"}`, `!Sub x` is `{"Fn::Sub": "x"}`.
        lines: JSON pointer to the line that its key or item stands on, from 1.
        doubles: pointers of keys that stand twice in their mapping.
        repeats: pointers of what an alias or a merge key brings in from elsewhere in the file.
    """

    value: Any
    lines: dict[str, int] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()

    def line(self, at: str) -> int | None:
        """The line of a pointer, or of the nearest thing around it that has one."""
        while at not in self.lines:
            if not at:
                return None
            at = at.rpartition("/")[0]
        return self.lines[at]


# libyaml reads a long template ten times faster; wheels of PyYAML have it, other builds may not.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: bytes) -> YamlFile:
    """A YAML file's values with their lines.

    Raises:
        ValueError: it is not YAML, or one that has no end.
    """
    loader = _Safe(text)
    try:
        _refuse_depth(text)
        node = loader.get_single_node()
        reader = _Reader(loader)
        value = None if node is None else reader.value(node, "")
    except yaml.YAMLError as error:
        raise ValueError(f"It is not YAML: {_in_one_line(error)}") from error
    finally:
        loader.dispose()
    return YamlFile(value, reader.lines, tuple(reader.doubles), tuple(reader.repeats))


def _refuse_depth(text: bytes) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Safe):
        depth += isinstance(event, _BEGIN) - isinstance(event, _END)
        if depth > _DEEPEST:
            raise ValueError(_TOO_DEEP)


def _in_one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{problem} (line {mark.line + 1})." if mark else f"{problem}."


class _Reader:
    def __init__(self, loader: Any) -> None:
        self.lines: dict[str, int] = {}
        self.doubles: list[str] = []
        self.repeats: list[str] = []
        self._loader = loader
        self._left = _MOST_NODES
        self._open: set[int] = set()
        self._seen: set[int] = set()
        self._repeating = 0

    def value(self, node: yaml.Node, at: str) -> Any:
        self._count(node)
        again = id(node) in self._seen
        if again and not self._repeating:
            self.repeats.append(at)
        self._seen.add(id(node))
        self.lines.setdefault(at, node.start_mark.line + 1)
        self._open.add(id(node))
        self._repeating += again
        try:
            plain = self._plain(node, at)
        finally:
            self._open.discard(id(node))
            self._repeating -= again
        return _long_form(node.tag, plain)

    def _count(self, node: yaml.Node) -> None:
        self._left -= 1
        if self._left < 0 or id(node) in self._open:
            raise ValueError(_TOO_MUCH)
        if len(self._open) > _DEEPEST:
            raise ValueError(_TOO_DEEP)

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
        if any(key.tag == _MERGE for key, _ in node.value):
            self.repeats.append(at)
        for key, value in self._pairs(node):
            name = str(key.value)
            place = at + pointer(name)
            self.lines[place] = key.start_mark.line + 1
            if own.count(name) > 1 and place not in self.doubles:
                self.doubles.append(place)
            yield name, self.value(value, place)

    def _pairs(self, node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
        """A mapping's own pairs, behind those that its merge keys bring: the later ones count."""
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        own = []
        for key, value in node.value:
            if key.tag != _MERGE:
                own.append((key, value))
                continue
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for one in reversed(sources):
                merged += self._merged(one)
        return [*merged, *own]

    def _merged(self, node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise ValueError(f"A merge key names no mapping (line {node.start_mark.line + 1}).")
        self._count(node)
        self._open.add(id(node))
        try:
            pairs = self._pairs(node)
        finally:
            self._open.discard(id(node))
        self._left -= len(pairs)
        return pairs


def _long_form(tag: str, plain: Any) -> Any:
    if not tag.startswith("!") or tag == "!":
        return plain
    name = tag[1:]
    if name in {"Ref", "Condition"}:
        return {name: plain}
    if name == "GetAtt" and isinstance(plain, str):
        plain = plain.split(".", 1)
    return {f"Fn::{name}": plain}
