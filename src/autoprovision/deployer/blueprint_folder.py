"""Reads a blueprint's folder and finds everything wrong with it before anything is published."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autoprovision.deployer.blueprint_pages import Pages
from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.rules.check import Inspection, inspect
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.templates import Template
from autoprovision.deployer.yaml_files import read_yaml
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.canonical import digest
from autoprovision.domain.price import PriceBook

_DIGITS_IN_KEY = 16
# What golden files and tables cannot be made without.
_IN_THE_WAY = frozenset(
    {"example-unresolved", "manifest-field", "not-yaml", "price-unknown", "source-unknown"}
)


@dataclass(frozen=True)
class BlueprintFolder:
    """A blueprint's folder without faults.

    Attributes:
        template: the text of template.yaml.
        role: the text of role.yaml, the stack that holds the blueprint's service role.
        recipe: the build recipe, for the publish method `build`.
        digest: over the manifest and every file that matters to a stack.
        certificate: the totals of its rollback certificate; no part of the digest.
        warnings: what whoever publishes it should know: warnings, exceptions that its author
            declared, and linters that did not run; a sentence each.
    """

    manifest: Blueprint
    template: bytes
    role: bytes
    recipe: bytes | None
    digest: str
    parsed: Template = field(repr=False)
    certificate: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """Where its version lives in the catalog bucket."""
        short = self.digest.removeprefix("sha256:")[:_DIGITS_IN_KEY]
        return f"{self.version_prefix}{short}/"

    @property
    def version_prefix(self) -> str:
        """Where every content of its version would live."""
        return f"blueprints/{self.manifest.id}/{self.manifest.version}/"


def read_blueprint_folder(
    folder: Path, prices: PriceBook, *, linters: bool = False
) -> BlueprintFolder:
    """Read and check a blueprint's folder.

    Args:
        linters: whether cfn-lint and checkov are asked too, where they are installed.

    Raises:
        InvalidCatalogError: naming every fault.
    """
    found = inspect(folder, prices, linters=linters)
    read = found.folder
    if found.errors or read.manifest is None or read.template is None or read.role is None:
        raise _invalid(folder, found.errors)
    template = read.texts[read.template_name]
    return BlueprintFolder(
        manifest=read.manifest, template=template, role=read.texts[read.role_name],
        recipe=read.recipe, digest=_digest(read.manifest, template, read.recipe),
        parsed=read.template, certificate=_certificate(folder), warnings=tuple(_warnings(found)),
    )  # fmt: skip


def _warnings(found: Inspection) -> Iterator[str]:
    for one in found.warnings:
        yield f"Warning: {one.place}: {one.detail} ({one.rule})"
    for resource, rule, comment in found.allowed:
        yield f"Allowed: {rule} on {resource}: {comment}"
    for linter in found.linters:
        if not linter.ran:
            yield f"Not run: {linter.why}"


def render_folder(folder: Path, prices: PriceBook) -> list[Path]:
    """Write what follows from a folder, and say which files changed.

    Raises:
        InvalidCatalogError: it has faults that stand in the way.
    """
    found = inspect(folder, prices, linters=False)
    read = found.folder
    faults = [one for one in found.errors if one.rule in _IN_THE_WAY]
    if faults or read.manifest is None or read.template is None:
        raise _invalid(folder, faults or found.errors)
    return Pages(folder, read.manifest, read.template.resources, read.prices).write()


def _certificate(folder: Path) -> dict[str, Any] | None:
    path = folder / "certificate.json"
    if not path.is_file():
        return None
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def _invalid(folder: Path, errors: Iterable[Finding]) -> InvalidCatalogError:
    lines = "".join(f"\n  {one.place}: {one.detail} ({one.rule})" for one in errors)
    hint = f"Mend them; `autoprovision blueprint validate {folder}` says how."
    return InvalidCatalogError(f"The blueprint {folder.name} has faults:{lines}\n", hint)


def _digest(manifest: Blueprint, template: bytes, recipe: bytes | None) -> str:
    files = {"template.yaml": template} | ({"recipe": recipe} if recipe is not None else {})
    return digest(
        {
            "manifest": manifest.document(),
            "files": {name: hashlib.sha256(text).hexdigest() for name, text in files.items()},
        }
    )


def yaml_document(path: Path) -> Any:
    """A YAML file's plain values.

    Raises:
        InvalidCatalogError: it is not YAML.
    """
    try:
        return read_yaml(path.read_bytes()).value
    except ValueError as error:
        raise InvalidCatalogError(f"{path.name}: {error}", "Mend it.") from error
