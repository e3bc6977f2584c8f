"""Reads a blueprint's folder and finds everything wrong with it before anything is published."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.templates import Template, plain_yaml, read_template
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.canonical import digest
from autoprovision.domain.errors import Fault
from autoprovision.domain.planning import source_names
from autoprovision.domain.price import PriceBook, unpriced

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
_FREE = "free"
_DIGITS_IN_KEY = 16


@dataclass(frozen=True)
class BlueprintFolder:
    """A blueprint's folder without faults.

    Attributes:
        template: the text of template.yaml.
        role: the text of role.yaml, the stack that holds the blueprint's service role.
        recipe: the build recipe, for the publish method `build`.
        digest: over the manifest and every file that matters to a stack.
        certificate: the totals of its rollback certificate; no part of the digest.
    """

    manifest: Blueprint
    template: bytes
    role: bytes
    recipe: bytes | None
    digest: str
    parsed: Template = field(repr=False)
    certificate: dict[str, Any] | None = None

    @property
    def prefix(self) -> str:
        """Where its version lives in the catalog bucket."""
        short = self.digest.removeprefix("sha256:")[:_DIGITS_IN_KEY]
        return f"{self.version_prefix}{short}/"

    @property
    def version_prefix(self) -> str:
        """Where every content of its version would live."""
        return f"blueprints/{self.manifest.id}/{self.manifest.version}/"


def read_price_book(path: Path) -> PriceBook:
    """The price file.

    Raises:
        InvalidCatalogError: naming every fault.
    """
    try:
        return PriceBook.model_validate(plain_yaml(path.read_bytes()))
    except (ValidationError, yaml.YAMLError) as error:
        raise InvalidCatalogError(f"{path.name} has faults: {error}", "Mend them.") from error


def with_own_prices(folder: Path, prices: PriceBook) -> PriceBook:
    """The prices, and those of the folder's own prices.yaml where it has one.

    Raises:
        InvalidCatalogError: the file has faults, or gives a known price another number.
    """
    path = folder / "prices.yaml"
    if not path.is_file():
        return prices
    own = read_price_book(path)
    if own.region != prices.region:
        raise InvalidCatalogError(
            f"{path.name} is of {own.region}, the platform's prices are of {prices.region}.",
            "Give the prices of that region.",
        )
    if other := sorted(
        name
        for name, one in own.prices.items()
        if name in prices.prices and prices.prices[name].cents != one.cents
    ):
        raise InvalidCatalogError(
            f"{path.name} gives {', '.join(other)} another number than the platform does.",
            "Leave out what the platform knows, or choose another name.",
        )
    return prices.model_copy(update={"prices": own.prices | prices.prices})


def read_blueprint_folder(folder: Path, prices: PriceBook) -> BlueprintFolder:
    """Read and check a blueprint's folder.

    Raises:
        InvalidCatalogError: naming every fault.
    """
    faults: list[Fault] = []
    manifest = _manifest(folder, faults)
    # Two blueprints that put different things on the same stack share template and role.
    shared = manifest.template_of if manifest is not None else None
    stack_folder = folder.parent / shared if shared else folder
    texts = {name: _text(stack_folder, name, faults) for name in ("template.yaml", "role.yaml")}
    template = _template("template.yaml", texts, faults)
    role = _template("role.yaml", texts, faults)
    if role is not None and "RoleArn" not in role.outputs:
        faults.append(Fault("role.yaml", "It has no output RoleArn.", "MISSING"))
    recipe = None
    if manifest is not None and manifest.publish.recipe is not None:
        recipe = _text(folder, manifest.publish.recipe, faults)
    if manifest is not None and template is not None:
        faults += [
            *_parameter_faults(manifest, template),
            *_price_faults(manifest, template, prices),
        ]
    if faults or manifest is None or template is None:
        raise _invalid(folder, faults)
    return BlueprintFolder(
        manifest=manifest, template=texts["template.yaml"], role=texts["role.yaml"], recipe=recipe,
        digest=_digest(manifest, texts["template.yaml"], recipe), parsed=template,
        certificate=_certificate(folder),
    )  # fmt: skip


def _certificate(folder: Path) -> dict[str, Any] | None:
    path = folder / "certificate.json"
    if not path.is_file():
        return None
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def _invalid(folder: Path, faults: list[Fault]) -> InvalidCatalogError:
    lines = "".join(f"\n  {fault.pointer}: {fault.detail}" for fault in faults)
    return InvalidCatalogError(f"The blueprint {folder.name} has faults:{lines}\n", "Mend them.")


def _digest(manifest: Blueprint, template: bytes, recipe: bytes | None) -> str:
    files = {"template.yaml": template} | ({"recipe": recipe} if recipe is not None else {})
    return digest(
        {
            "manifest": manifest.document(),
            "files": {name: hashlib.sha256(text).hexdigest() for name, text in files.items()},
        }
    )


def _text(folder: Path, name: str, faults: list[Fault]) -> bytes:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        faults.append(Fault(name, "There is no such file in the folder.", "MISSING"))
        return b""
    return path.read_bytes()


def _manifest(folder: Path, faults: list[Fault]) -> Blueprint | None:
    text = _text(folder, "blueprint.yaml", faults)
    if not text:
        return None
    try:
        manifest = Blueprint.model_validate(plain_yaml(text))
    except yaml.YAMLError as error:
        faults.append(Fault("blueprint.yaml", f"It is not YAML: {error}"))
        return None
    except ValidationError as error:
        faults += [
            Fault(f"blueprint.yaml/{'/'.join(map(str, one['loc']))}", f"{one['msg']}.")
            for one in error.errors(include_url=False, include_input=False)
        ]
        return None
    if manifest.id != folder.name:
        faults.append(
            Fault("blueprint.yaml/id", f"It is {manifest.id!r}, the folder {folder.name!r}.")
        )
    return manifest


def _template(name: str, texts: dict[str, bytes], faults: list[Fault]) -> Template | None:
    if not texts[name]:
        return None
    try:
        return read_template(texts[name])
    except ValueError as error:
        faults.append(Fault(name, str(error)))
        return None


def _parameter_faults(manifest: Blueprint, template: Template) -> list[Fault]:
    faults = []
    known = source_names(set(manifest.parameters), set(PLATFORM_SETTINGS))
    for name, source in manifest.stack_parameters.items():
        at = f"blueprint.yaml/stackParameters/{name}"
        if source not in known:
            faults.append(Fault(at, f"There is no source {source!r}.", "UNKNOWN_SOURCE"))
        if name not in template.parameters:
            faults.append(Fault(at, "The template has no such parameter.", "UNKNOWN_PARAMETER"))
    for environment, topology in manifest.topologies.items():
        at = f"blueprint.yaml/topologies/{environment.value}/parameters"
        given = set(topology.parameters) | set(manifest.stack_parameters)
        faults += [
            Fault(f"{at}/{name}", "The template has no such parameter.", "UNKNOWN_PARAMETER")
            for name in sorted(set(topology.parameters) - template.parameter_names)
        ]
        faults += [
            Fault(at, f"The template's parameter {name} gets no value.", "MISSING")
            for name, has_default in template.parameters.items()
            if not has_default and name not in given
        ]
    return faults


def _price_faults(manifest: Blueprint, template: Template, prices: PriceBook) -> list[Fault]:
    faults: list[Fault] = []
    for environment, topology in manifest.topologies.items():
        at = f"blueprint.yaml/topologies/{environment.value}/prices"
        faults += [
            Fault(at, f"{resource} has no price line.", "UNPRICED")
            for resource in unpriced(template.resources, topology.prices)
        ]
        faults += [
            Fault(f"{at[: -len('prices')]}keeps", f"The template has no {one}.", "UNKNOWN_RESOURCE")
            for one in topology.keeps
            if one not in template.resources
        ]
        for line in topology.prices:
            if line.price != _FREE and line.price not in prices.prices:
                faults.append(Fault(at, f"There is no price {line.price!r}.", "UNKNOWN_PRICE"))
            if line.resource not in template.resources:
                faults.append(
                    Fault(at, f"The template has no {line.resource}.", "UNKNOWN_RESOURCE")
                )
    return faults


def yaml_document(path: Path) -> Any:
    """A YAML file's plain values.

    Raises:
        InvalidCatalogError: it is not YAML.
    """
    try:
        return plain_yaml(path.read_bytes())
    except yaml.YAMLError as error:
        raise InvalidCatalogError(f"{path.name} is not YAML: {error}", "Mend it.") from error
