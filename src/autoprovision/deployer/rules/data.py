"""Rules of what resources hold: nobody loses data because an author had not thought of it."""

from collections.abc import Iterator
from typing import Any

from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import MANIFEST, Folder
from autoprovision.domain.document import pointer
from autoprovision.domain.held_data import MACHINES, HeldData, LostBy, is_store


def data_findings(folder: Folder) -> Iterator[Finding]:
    """Where `data` of the manifest and the template do not fit together."""
    manifest, template = folder.manifest, folder.template
    if manifest is None or template is None:
        return
    resources = template.section("Resources")
    for name, said in manifest.data.items():
        yield from _declared(folder, name, said, resources.get(name))
    for name, resource in resources.items():
        if resource["Type"] in MACHINES and name not in manifest.data:
            detail = f"{name} has disks; nobody says what is on them."
            yield folder.found("data-undeclared", MANIFEST, "/data", detail)


def _declared(
    folder: Folder, name: str, said: HeldData, resource: dict[str, Any] | None
) -> Iterator[Finding]:
    at = pointer("data", name)
    if resource is None:
        yield folder.found("data-unknown", MANIFEST, at, f"The template has no {name}.")
        return
    if said.lost_by is LostBy.NOTHING and is_store(resource["Type"]):
        detail = f"{name} is {resource['Type']}, which holds data."
        yield folder.found("data-store", MANIFEST, at, detail)
    has = resource.get("Properties") or {}
    for index, one in enumerate(said.properties):
        if one not in has:
            place = pointer("data", name, "properties", str(index))
            yield folder.found("data-unknown", MANIFEST, place, f"{name} has no property {one}.")
