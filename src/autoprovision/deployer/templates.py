"""Reads a CloudFormation template as far as the deployer has to know it."""

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Template:
    """What a template declares.

    Attributes:
        parameters: names, each with whether it has a default.
        resources: logical id to resource type.
    """

    parameters: dict[str, bool]
    resources: dict[str, str]
    outputs: frozenset[str]

    @property
    def parameter_names(self) -> frozenset[str]:
        """Names of the parameters."""
        return frozenset(self.parameters)


# libyaml reads a long template ten times faster; wheels of PyYAML have it, other builds may not.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def plain_yaml(text: bytes) -> Any:
    """A YAML file's plain values.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return yaml.load(text, Loader=_Safe)  # noqa: S506 - a subclass of SafeLoader


class _Loader(_Safe):  # type: ignore[misc]
    """YAML with CloudFormation's short forms (`!Ref`), which are kept as plain values."""


def _short_form(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    raise yaml.constructor.ConstructorError(None, None, "unknown kind of node", node.start_mark)


_Loader.add_multi_constructor("!", _short_form)


def read_template(text: bytes) -> Template:
    """Read a template.

    Raises:
        ValueError: it is no CloudFormation template.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"It is not YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise ValueError("It has no Resources.")
    return Template(
        parameters={
            name: "Default" in declared
            for name, declared in (document.get("Parameters") or {}).items()
        },
        resources={name: one["Type"] for name, one in document["Resources"].items()},
        outputs=frozenset(document.get("Outputs") or {}),
    )
