"""Writes CloudFormation documents as people write them: short forms, blocks, no aliases."""

import re
from typing import Any

import yaml

_SHORT = {"Ref": "!Ref", "Condition": "!Condition"}


class Flow(dict[str, Any]):
    """A mapping that stands in one line."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, *_: Any, **__: Any) -> None:
        # Items of lists stand deeper than their key.
        super().increase_indent(flow=flow, indentless=False)


def _mapping(dumper: _Dumper, value: dict[str, Any]) -> yaml.Node:
    if len(value) == 1:
        ((name, inner),) = value.items()
        tag = _SHORT.get(name) or (f"!{name[4:]}" if name.startswith("Fn::") else None)
        if tag is not None and (name != "Condition" or isinstance(inner, str)):
            return _short(dumper, tag, inner)
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())


def _short(dumper: _Dumper, tag: str, inner: Any) -> yaml.Node:
    if tag == "!GetAtt" and isinstance(inner, list):
        inner = ".".join(map(str, inner))
    if isinstance(inner, str):
        return dumper.represent_scalar(tag, inner, style="|" if "\n" in inner else None)
    if isinstance(inner, list):
        return dumper.represent_sequence(tag, inner)
    return dumper.represent_mapping(tag, inner.items())


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _flow(dumper: _Dumper, value: Flow) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)


_Dumper.add_representer(Flow, _flow)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(str, _text)


def yaml_text(document: Any) -> str:
    """A document as YAML."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120,
        default_flow_style=False,
    )  # fmt: skip
    # The dumper quotes what has a tag of its own; a name needs no quotes.
    return re.sub(r"(!(?:Ref|GetAtt|Condition)) '([A-Za-z0-9:.]+)'", r"\1 \2", text)
