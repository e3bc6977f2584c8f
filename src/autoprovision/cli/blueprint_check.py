"""Checks a blueprint's folder without AWS: the manifest, its template and how they fit.

What the catalog's tests and CloudFormation itself find later is not repeated here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from autoprovision.deployer.blueprint_folder import PLATFORM_SETTINGS
from autoprovision.domain.blueprint import Blueprint, PublishMethod, PublishTarget
from autoprovision.domain.document import faults_of
from autoprovision.domain.planning import source_names
from autoprovision.domain.price import unpriced

MANIFEST = "blueprint.yaml"
TEMPLATE = "template.yaml"
ROLE = "role.yaml"
_OUTPUTS = ("Url", "BlueprintId", "BlueprintVersion")
_TAGS = ("application", "unit", "owner", "environment")

_TARGET_OUTPUTS = {
    PublishTarget.SITE: ("SiteBucket", "DistributionId"),
    PublishTarget.FUNCTION: ("FunctionName",),
    PublishTarget.SERVICE: ("ClusterName", "ServiceName", "RepositoryUri", "BuildRoleArn"),
}
Fault = tuple[str, str, str]
"""File, JSON pointer into it, and what is wrong."""


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!Sub`, …), read as plain data."""


def _short_form(loader: _TemplateLoader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    raise yaml.YAMLError(f"An unknown kind of node: {node}")


_TemplateLoader.add_multi_constructor("!", _short_form)


def check_blueprint(folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Check one blueprint's folder.

    Args:
        folder: The folder that holds the manifest and the template.

    Returns:
        The manifest as it stands, and every fault that was found.
    """
    manifest, faults = _read(folder / MANIFEST)
    shared = manifest.get("templateOf") if isinstance(manifest, dict) else None
    stack_folder = folder.resolve().parent / shared if isinstance(shared, str) else folder
    template, template_faults = _read(stack_folder / TEMPLATE)
    role, role_faults = _read(stack_folder / ROLE)
    faults += template_faults + role_faults
    if not isinstance(manifest, dict) or not isinstance(template, dict):
        return {}, faults
    try:
        blueprint = Blueprint.model_validate(manifest)
    except ValidationError as problem:
        found = [(MANIFEST, fault.pointer, fault.detail) for fault in faults_of(problem)]
        return manifest, faults + found
    faults += _manifest_faults(folder, blueprint)
    faults += _parameter_faults(blueprint, template)
    faults += _price_faults(blueprint, template)
    faults += _template_faults(blueprint, template)
    if isinstance(role, dict) and "RoleArn" not in (role.get("Outputs") or {}):
        faults.append((ROLE, "/Outputs", "It has no output RoleArn."))
    return manifest, faults


def _read(path: Path) -> tuple[Any, list[Fault]]:
    try:
        content = yaml.load(path.read_bytes(), Loader=_TemplateLoader)  # noqa: S506
    except OSError as problem:
        return None, [(path.name, "", f"cannot be read: {problem.strerror}.")]
    except yaml.YAMLError as problem:
        return None, [(path.name, "", f"is not YAML: {' '.join(str(problem).split())}")]
    if not isinstance(content, dict):
        return None, [(path.name, "", "holds no mapping.")]
    return content, []


def _manifest_faults(folder: Path, blueprint: Blueprint) -> Iterator[Fault]:
    if blueprint.id != folder.resolve().name:
        yield MANIFEST, "/id", f"The folder is called {folder.resolve().name}, not {blueprint.id}."
    recipe = blueprint.publish.recipe
    if recipe is not None and not (folder / recipe).is_file():
        yield MANIFEST, "/publish/recipe", f"There is no file {recipe}."
    known = source_names(set(blueprint.parameters), set(PLATFORM_SETTINGS))
    for name, source in blueprint.stack_parameters.items():
        declared = source.removeprefix("parameters.")
        if source != declared and declared not in blueprint.parameters:
            yield MANIFEST, f"/stackParameters/{name}", f"There is no parameter {declared}."
        elif source not in known:
            yield MANIFEST, f"/stackParameters/{name}", f"There is no source {source}."


def _template_faults(blueprint: Blueprint, template: dict[str, Any]) -> Iterator[Fault]:
    """What the platform, its progress and its guard rails need of the template."""
    outputs = template.get("Outputs") or {}
    for name in _OUTPUTS:
        if name not in outputs:
            yield TEMPLATE, "/Outputs", f"It has no output {name}."
    if blueprint.publish.method is not PublishMethod.NONE:
        for name in _TARGET_OUTPUTS[blueprint.publish.target]:
            if name not in outputs:
                target = blueprint.publish.target.value
                yield TEMPLATE, "/Outputs", f"Publishing onto a {target} needs the output {name}."
    for name, resource in (template.get("Resources") or {}).items():
        if not isinstance(resource, dict):
            continue
        at, properties = f"/Resources/{name}", str(resource.get("Properties") or {})
        if "Description" not in (resource.get("Metadata") or {}):
            yield TEMPLATE, at, "It has no Metadata: {Description: …}, the words of the progress."
        if resource.get("Type") == "AWS::IAM::Role" and "application-boundary" not in properties:
            yield TEMPLATE, at, "It has no PermissionsBoundary; see docs/how-to-blueprint.md."
        if "'Tags'" in properties:
            missing = [tag for tag in _TAGS if f"autoprovision:{tag}" not in properties]
            if missing:
                yield TEMPLATE, f"{at}/Properties/Tags", f"It lacks autoprovision:{missing[0]}."


def _parameter_faults(blueprint: Blueprint, template: dict[str, Any]) -> Iterator[Fault]:
    wanted = template.get("Parameters") or {}
    for name in blueprint.stack_parameters:
        if name not in wanted:
            yield MANIFEST, f"/stackParameters/{name}", "The template has no such parameter."
    for environment, topology in blueprint.topologies.items():
        at = f"/topologies/{environment.value}/parameters"
        for name in topology.parameters:
            if name not in wanted:
                yield MANIFEST, f"{at}/{name}", "The template has no such parameter."
        filled = {*blueprint.stack_parameters, *topology.parameters}
        for name, declaration in wanted.items():
            has_default = isinstance(declaration, dict) and "Default" in declaration
            if name not in filled and not has_default:
                yield MANIFEST, at, f"Nothing fills the template's parameter {name}."


def _price_faults(blueprint: Blueprint, template: dict[str, Any]) -> Iterator[Fault]:
    declared = template.get("Resources") or {}
    if not declared:
        yield TEMPLATE, "/Resources", "The template declares no resource."
    kinds = {
        name: str(one.get("Type")) if isinstance(one, dict) else ""
        for name, one in declared.items()
    }
    for environment, topology in blueprint.topologies.items():
        at = f"/topologies/{environment.value}/prices"
        for missing in unpriced(kinds, topology.prices):
            yield MANIFEST, at, f"No price line mentions {missing}; a free one says `free`."
        for one in topology.keeps:
            if one not in kinds:
                at_keeps = f"/topologies/{environment.value}/keeps"
                yield MANIFEST, at_keeps, f"The template has no resource {one}."
        for line in topology.prices:
            if line.resource not in kinds:
                yield MANIFEST, at, f"The template has no resource {line.resource}."
