"""Reads a CloudFormation template as far as the deployer has to know it."""

from dataclasses import dataclass, field
from typing import Any

from autoprovision.deployer.yaml_files import YamlFile, read_yaml


@dataclass(frozen=True)
class Template:
    """What a template declares.

    Attributes:
        parameters: names, each with whether it has a default.
        resources: logical id to resource type.
        file: all of it, with its lines.
    """

    parameters: dict[str, bool]
    resources: dict[str, str]
    outputs: frozenset[str]
    file: YamlFile = field(repr=False)

    @property
    def parameter_names(self) -> frozenset[str]:
        """Names of the parameters."""
        return frozenset(self.parameters)

    def section(self, name: str) -> dict[str, dict[str, Any]]:
        """The entries of a section that are mappings: `Resources`, `Parameters`, …."""
        found = self.file.value.get(name)
        entries = found.items() if isinstance(found, dict) else ()
        return {key: value for key, value in entries if isinstance(value, dict)}


def read_template(text: bytes) -> Template:
    """Read a template.

    Raises:
        ValueError: it is no CloudFormation template.
    """
    file = read_yaml(text)
    document = file.value
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise ValueError("It has no Resources.")
    for name, one in document["Resources"].items():
        if not isinstance(one, dict) or not isinstance(one.get("Type"), str):
            raise ValueError(f"Its resource {name} has no Type.")
    parameters, outputs = document.get("Parameters") or {}, document.get("Outputs") or {}
    if not isinstance(parameters, dict) or not isinstance(outputs, dict):
        raise ValueError("Its Parameters or Outputs are no mapping.")
    return Template(
        parameters={
            name: isinstance(declared, dict) and "Default" in declared
            for name, declared in parameters.items()
        },
        resources={name: one["Type"] for name, one in document["Resources"].items()},
        outputs=frozenset(outputs),
        file=file,
    )
