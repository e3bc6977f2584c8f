"""Writes the folder of a blueprint that is made of a template from elsewhere."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.rules.forbidden import TRANSFORM_WHY, forbidden_kind
from autoprovision.deployer.starting.manifest import manifest_document
from autoprovision.deployer.starting.role import role_document
from autoprovision.deployer.starting.shape import shape_faults
from autoprovision.deployer.starting.template import Fitting
from autoprovision.deployer.starting.yaml_text import yaml_text
from autoprovision.deployer.templates import Template, read_template

_README = """# {title}

{description}

Made of a template from elsewhere, which is kept as `{original}`.
"""


@dataclass(frozen=True)
class Started:
    """A folder that was made.

    Attributes:
        decisions: what only its author can decide, a sentence each.
    """

    folder: Path
    decisions: tuple[str, ...]


def start_from_template(folder: Path, source: Path, region: str) -> Started:
    """Make a blueprint's folder of a template.

    Args:
        folder: not there yet; its name is the blueprint's id.
        source: a CloudFormation template, in YAML or JSON.
        region: whose registry is asked about types.

    Raises:
        InvalidCatalogError: the file is no template, one that a transform writes, or one whose
            parts are not what they have to be.
    """
    text = source.read_bytes()
    try:
        template = read_template(text)
    except ValueError as error:
        raise InvalidCatalogError(
            f"{source} is no CloudFormation template: {error}", "Name a template's file."
        ) from error
    document: dict[str, Any] = template.file.value
    if "Transform" in document:
        raise InvalidCatalogError(
            f"{source} has the transform {document['Transform']}.", TRANSFORM_WHY
        )
    if not template.resources:
        raise InvalidCatalogError(f"{source}: It has no resources.", "Name another template.")
    twice = [f"{at.lstrip('/')} stands twice." for at in template.file.doubles]
    if faults := [*twice, *shape_faults(document)]:
        raise InvalidCatalogError(
            f"{source} cannot be taken as it is: {' '.join(faults)}", "Mend the template."
        )
    fitting = Fitting(document, region)
    fitting.fit()
    fitting.decisions[:0] = _forbidden(template)
    name = folder.resolve().name
    manifest = manifest_document(name, fitting)
    role = role_document(name, fitting.resources, manifest.get("needs", {}))
    original = f"original{source.suffix or '.yaml'}"
    (folder / "examples").mkdir(parents=True)
    files = {
        original: text.decode("utf-8", "replace"),
        "template.yaml": yaml_text(_ordered(document)),
        "role.yaml": yaml_text(role),
        "blueprint.yaml": yaml_text(manifest),
        "README.md": _README.format(**manifest, original=original),
        "examples/dev.json": json.dumps(_example(name, manifest), indent=2) + "\n",
    }
    for file, content in files.items():
        (folder / file).write_text(content, "utf-8")
    return Started(folder, tuple(fitting.decisions))


def _forbidden(template: Template) -> list[str]:
    """Resources that have to go, a sentence each."""
    said = []
    for name, kind in template.resources.items():
        if (found := forbidden_kind(kind)) is not None:
            said.append(f"{name} ({kind}) has to go: no blueprint has {found.what}. {found.why}")
    return said


def _ordered(document: dict[str, Any]) -> dict[str, Any]:
    """The template's sections in the order that people expect."""
    first = ("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters")
    last = ("Resources", "Outputs")
    middle = [key for key in document if key not in {*first, *last}]
    document.setdefault("AWSTemplateFormatVersion", "2010-09-09")
    return {key: document[key] for key in (*first, *middle, *last) if key in document}


def _example(name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    asked = {
        key: one["choices"][0] if "choices" in one else one.get("minimum", 1) if one["type"] == "integer" else "example"
        for key, one in manifest.get("parameters", {}).items()
        if "default" not in one
    }  # fmt: skip
    example = {
        "ApplicationName": name[:40],
        "TargetEnvironment": "dev",
        "ProjectType": manifest["serves"][0]["projectType"],
        "ProjectEmail": "ada@example.edu",
    }
    return {**example, "Parameters": asked} if asked else example
