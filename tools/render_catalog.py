"""Writes what follows from the catalog: golden files, the tables in the READMEs, docs/catalog.md.

Run it after a change of a manifest, a template or a price, and look at the differences: they are
what the change means to people. The tests fail while it has not been run.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autoprovision.deployer.blueprint_folder import (
    BlueprintFolder,
    read_blueprint_folder,
    read_price_book,
)
from autoprovision.domain.blueprint import Blueprint, Catalog, PublishedBlueprint, PublishMethod
from autoprovision.domain.git_source import AllowedHosts
from autoprovision.domain.planning import Resolved, resolve
from autoprovision.domain.price import Quantity, credits_of, price_lines
from autoprovision.domain.request import TargetEnvironment, parse_template

ROOT = Path(__file__).resolve().parents[1]
CATALOG = ROOT / "catalog"
BEGIN, END = "<!-- made from the manifest: begin -->", "<!-- made from the manifest: end -->"
# What the golden files are resolved with: no domain, so that they hold no one's names.
PLATFORM = {
    "name": "autoprovision", "region": "ap-southeast-1", "urlScheme": "https",
    "domainName": "", "hostedZoneId": "", "certificateArn": "", "regionalCertificateArn": "",
}  # fmt: skip
UNIT = "physics"


def folders() -> list[BlueprintFolder]:
    """Every blueprint of the catalog, checked.

    Raises:
        InvalidCatalogError: a folder has faults.
    """
    book = read_price_book(CATALOG / "prices.yaml")
    paths = sorted(CATALOG.glob("*/blueprint.yaml"))
    return [read_blueprint_folder(path.parent, book) for path in paths]


def catalog_of(read: list[BlueprintFolder]) -> Catalog:
    """The catalog as the platform would see it, without addresses."""
    published = tuple(
        PublishedBlueprint(
            manifest=one.manifest, digest=one.digest, template_url="", role_arn="",
            resources=one.parsed.resources,
        )
        for one in read
    )  # fmt: skip
    book = read_price_book(CATALOG / "prices.yaml")
    return Catalog(
        blueprints=published, prices=book, version="golden", networks=tuple(TargetEnvironment)
    )


def examples(manifest: Blueprint) -> list[str]:
    """The names of a blueprint's examples: one an environment, and variants as `dev-database`."""
    found = sorted(one.stem for one in (CATALOG / manifest.id / "examples").glob("*.json"))
    return [*(env.value for env in manifest.topologies), *(one for one in found if "-" in one)]


def resolved(manifest: Blueprint, example: str, catalog: Catalog) -> Resolved:
    """One of the blueprint's examples, resolved as a plan would."""
    document = json.loads((CATALOG / manifest.id / "examples" / f"{example}.json").read_bytes())
    hosts = AllowedHosts.parse("github.com")
    return resolve(
        parse_template(document), catalog, platform=PLATFORM, unit=UNIT, allowed_hosts=hosts
    )


def golden(found: Resolved) -> str:
    """What a golden file holds."""
    document = {
        "blueprint": found.blueprint.manifest.id,
        "parameters": found.parameters,
        "assigned": found.assigned,
        "expiresAfter": found.expires_after,
        "monthlyCredits": found.monthly_credits,
        "priceLines": [line.document() for line in found.price_lines],
        "unpriced": list(found.unpriced),
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def rendered(folder: BlueprintFolder, catalog: Catalog) -> str:
    """The part of a README that follows from the manifest."""
    manifest = folder.manifest
    parts = [_orders(manifest), _topologies(manifest, catalog)]
    if manifest.parameters:
        parts.append(_parameters(manifest))
    parts += [_prices(manifest, catalog), _proof(manifest)]
    return f"{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}\n"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _orders(manifest: Blueprint) -> str:
    rows = [
        [one.project_type, ", ".join(one.tech_stacks), ", ".join(_environments(manifest, one))]
        for one in manifest.serves
    ]
    return "## What orders it\n\n" + _table(["ProjectType", "TechStack", "TargetEnvironment"], rows)


def _environments(manifest: Blueprint, entry: Any) -> list[str]:
    return [env.value for env in entry.environments if env in manifest.topologies]


def _topologies(manifest: Blueprint, catalog: Catalog) -> str:
    chosen = manifest.topologies
    names = list(dict.fromkeys(name for one in chosen.values() for name in one.facts))
    rows = [[name, *(one.facts.get(name, "") for one in chosen.values())] for name in names]
    rows.append(["lives, unless asked", *(one.default_expiry or "on" for one in chosen.values())])
    rows.append(["lives at most", *(one.longest_expiry or "on" for one in chosen.values())])
    credits_ = [str(_credits(manifest, env, catalog)) for env in chosen]
    rows.append(["**credits a month**", *(f"**{one}**" for one in credits_)])
    rows += _options(manifest, catalog)
    return "## Topologies\n\n" + _table(["", *(env.value for env in chosen)], rows)


def _options(manifest: Blueprint, catalog: Catalog) -> list[list[str]]:
    """A row for each choice that costs more than the default."""
    chosen = [one for env in manifest.topologies for one in manifest.options(env)]
    distinct = [one for at, one in enumerate(chosen) if one not in chosen[:at]]
    return [
        [
            "with " + ", ".join(f"`{name}` {value}" for name, value in one.items()),
            *(str(_credits(manifest, env, catalog, one)) for env in manifest.topologies),
        ]
        for one in distinct
    ]


def _credits(
    manifest: Blueprint, environment: TargetEnvironment, catalog: Catalog,
    chosen: dict[str, str] | None = None,
) -> int:  # fmt: skip
    quantities = manifest.quantities(environment, manifest.defaults | (chosen or {}))
    return credits_of(price_lines(quantities, catalog.prices))


def _parameters(manifest: Blueprint) -> str:
    rows = []
    for name, one in manifest.parameters.items():
        kind = ", ".join(one.choices) if one.choices else one.type
        default = "needed" if one.default is None else f"`{json.dumps(one.default)}`"
        rows.append([f"`{name}`", kind, default, one.description])
    return "## Parameters\n\n" + _table(["key", "type", "default", "meaning"], rows)


def _prices(manifest: Blueprint, catalog: Catalog) -> str:
    rows, conditional = [], False
    for environment, topology in manifest.topologies.items():
        for one in topology.prices:
            (line,) = price_lines([one], catalog.prices)
            if line.monthly_cents != "0":
                conditional |= bool(one.when)
                rows.append([
                    environment.value, line.resource, line.description,
                    f"{line.quantity} {line.unit}", line.monthly_cents, _when(one),
                ])  # fmt: skip
    head = ["", "resource", "what", "quantity", "credits", "only with"]
    if not conditional:
        head, rows = head[:-1], [row[:-1] for row in rows]
    return "## Where the credits go\n\nEverything else is free of charge.\n\n" + _table(head, rows)


def _when(line: Quantity) -> str:
    return ", ".join(
        f"`{name}` {' or '.join(values)}" for name, values in (line.when or {}).items()
    )


def _proof(manifest: Blueprint) -> str:
    if manifest.proven_on == "embedded":
        return "Its stacks are made, answer and are deleted on the embedded AWS in tests."
    return (
        "Control plane only: tests make and delete its stacks on an emulator, where no container "
        "or machine runs. Nothing of it is shown as a working URL there."
    )


def overview(read: list[BlueprintFolder], catalog: Catalog) -> str:
    """The page docs/catalog.md."""
    rows = []
    for folder in read:
        one = folder.manifest
        credits_ = [
            str(_credits(one, env, catalog)) if env in one.topologies else ""
            for env in TargetEnvironment
        ]
        rows.append(
            [f"[{one.id}](../catalog/{one.id}/README.md)", _types(one), _stacks(one), *credits_,
             _code(one), one.proven_on]
        )  # fmt: skip
    head = ["blueprint", "project types", "tech stacks", "dev", "stag", "prod", "code", "proven on"]
    return (
        "# What can be ordered\n\nMade by `tools/render_catalog.py`. Credits a month: 1 credit is "
        "1 US cent at the list prices of `catalog/prices.yaml`. Where two blueprints take the same "
        "stack, they share the environments; their READMEs say how.\n\n" + _table(head, rows) + "\n"
    )


def _types(manifest: Blueprint) -> str:
    return ", ".join(dict.fromkeys(one.project_type for one in manifest.serves))


def _stacks(manifest: Blueprint) -> str:
    names = dict.fromkeys(stack for one in manifest.serves for stack in one.tech_stacks)
    return ", ".join(names)


def _code(manifest: Blueprint) -> str:
    publish = manifest.publish
    return {
        PublishMethod.FILES: "copied",
        PublishMethod.BUILD: f"built, onto a {publish.target.value}",
        PublishMethod.NONE: "ready-made image",
    }[publish.method]


def files() -> Iterator[tuple[Path, str]]:
    """Every file that follows from the catalog, with the text that it should have."""
    read = folders()
    catalog = catalog_of(read)
    for folder in read:
        home = CATALOG / folder.manifest.id
        for example in examples(folder.manifest):
            found = resolved(folder.manifest, example, catalog)
            yield home / "golden" / f"{example}.json", golden(found)
        yield home / "README.md", _readme(home / "README.md", rendered(folder, catalog))
    yield ROOT / "docs" / "catalog.md", overview(read, catalog)


def _readme(path: Path, part: str) -> str:
    text = path.read_text("utf-8")
    before, found, rest = text.partition(BEGIN)
    after = rest.partition(END)[2].lstrip("\n")
    if not found:
        before = before.rstrip("\n") + "\n\n"
    return before + part + (f"\n{after}" if after else "")


def main() -> None:
    """Write what differs."""
    for path, text in files():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
