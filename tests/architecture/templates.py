"""Reads CloudFormation templates with their intrinsic functions, for tests."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


class _Loader(yaml.SafeLoader):
    pass


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def load(path: str) -> dict[str, Any]:
    """A template of the repository."""
    return yaml.load((ROOT / path).read_text("utf-8"), Loader=_Loader)  # noqa: S506


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Resources of a type, by logical id."""
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolved(value: Any) -> Any:
    """A Sub, Ref or GetAtt as text in which what is unknown stays in braces."""
    if isinstance(value, dict):
        if "Fn::Sub" in value:
            inner = value["Fn::Sub"]
            return inner[0] if isinstance(inner, list) else inner
        if "Ref" in value:
            return "${" + value["Ref"] + "}"
        if "Fn::GetAtt" in value:
            return "${" + ".".join(value["Fn::GetAtt"]) + "}"
        if "Fn::ImportValue" in value:
            return "import " + str(resolved(value["Fn::ImportValue"]))
    return value


def statements(role_or_policy: dict[str, Any]) -> list[dict[str, Any]]:
    """Every statement of a role's inline policies or of a managed policy."""
    properties = role_or_policy["Properties"]
    documents = [
        one["PolicyDocument"] for one in properties.get("Policies", []) if "PolicyDocument" in one
    ]
    if "PolicyDocument" in properties:
        documents.append(properties["PolicyDocument"])
    for one in properties.get("Policies", []):
        if "Fn::If" in one:
            documents += [
                branch["PolicyDocument"]
                for branch in one["Fn::If"]
                if isinstance(branch, dict) and "PolicyDocument" in branch
            ]
    return [statement for document in documents for statement in document["Statement"]]
