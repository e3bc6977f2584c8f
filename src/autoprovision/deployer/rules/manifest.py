"""Rules of the manifest: its name, its parameters, what every environment says of itself."""

from collections.abc import Iterator

from autoprovision.deployer.rules.conditions import made_in
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import MANIFEST, Folder
from autoprovision.deployer.templates import Template
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.document import pointer
from autoprovision.domain.planning import source_names
from autoprovision.domain.request import TargetEnvironment

# What a manifest may use as `platform.<name>`; a test holds it against what a plan offers.
PLATFORM_SETTINGS = frozenset(
    {
        "name",
        "region",
        "urlScheme",
        "domainName",
        "hostedZoneId",
        "certificateArn",
        "regionalCertificateArn",
    }
)
# What a reader compares environments by.
FACTS = ("nodes", "zones", "database", "backup", "protection", "logs")


def manifest_findings(folder: Folder) -> Iterator[Finding]:
    """What is wrong with the manifest by itself."""
    manifest = folder.manifest
    if manifest is None:
        return
    name = folder.path.resolve().name
    if manifest.id != name:
        detail = f"It is {manifest.id!r}, the folder {name!r}."
        yield folder.found("manifest-id", MANIFEST, "/id", detail)
    taken = {source.removeprefix("parameters.") for source in manifest.stack_parameters.values()}
    for one in manifest.parameters:
        if one not in taken:
            at = pointer("parameters", one)
            yield folder.found("parameter-idle", MANIFEST, at, "No stack parameter takes it.")
    for environment, topology in manifest.topologies.items():
        at = pointer("topologies", environment.value)
        if environment is TargetEnvironment.DEV and not topology.default_expiry:
            yield folder.found("expiry-dev", MANIFEST, at, "It has no defaultExpiry.")
        if missing := [fact for fact in FACTS if fact not in topology.facts]:
            detail = f"It does not say: {', '.join(missing)}."
            yield folder.found("topology-facts", MANIFEST, f"{at}/facts", detail)


def parameter_findings(folder: Folder) -> Iterator[Finding]:
    """Where manifest and template do not fit together."""
    manifest, template = folder.manifest, folder.template
    if manifest is None:
        return
    known = source_names(set(manifest.parameters), set(PLATFORM_SETTINGS))
    for name, source in manifest.stack_parameters.items():
        at = pointer("stackParameters", name)
        if source not in known:
            detail = f"There is no source {source!r}."
            yield folder.found("source-unknown", MANIFEST, at, detail)
        if template is not None and name not in template.parameters:
            detail = "The template has no such parameter."
            yield folder.found("parameter-unknown", MANIFEST, at, detail)
    if template is None:
        return
    for environment, topology in manifest.topologies.items():
        at = pointer("topologies", environment.value, "parameters")
        for name in sorted(set(topology.parameters) - template.parameter_names):
            detail = "The template has no such parameter."
            yield folder.found("parameter-unknown", MANIFEST, f"{at}{pointer(name)}", detail)
        for name in topology.keeps:
            if name not in template.resources:
                place = pointer("topologies", environment.value, "keeps", name)
                detail = f"The template has no {name}."
                yield folder.found("keeps-unknown", MANIFEST, place, detail)
        yield from _unsaid(folder, manifest, template, environment)
        filled = {*topology.parameters, *manifest.stack_parameters}
        for name, has_default in template.parameters.items():
            if not has_default and name not in filled:
                detail = f"The template's parameter {name} gets no value."
                yield folder.found("parameter-unfilled", MANIFEST, at, detail)


def _unsaid(
    folder: Folder, manifest: Blueprint, template: Template, environment: TargetEnvironment
) -> Iterator[Finding]:
    """What outlives an application without people being told."""
    said = manifest.topologies[environment].keeps
    for name in sorted(made_in(template, manifest, environment) - set(said)):
        policy = template.section("Resources")[name].get("DeletionPolicy", "Delete")
        if policy != "Delete":
            at = pointer("Resources", name)
            detail = f"{name} stays in {environment.value} ({policy}), and nobody is told."
            yield folder.found("keeps-missing", folder.template_name, at, detail)
