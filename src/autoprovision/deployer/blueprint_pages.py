"""What follows from a blueprint's folder: golden files of its examples, and its README's tables.

They are kept in the folder, so that a change of a manifest or a price shows what it means.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoprovision.domain.blueprint import Blueprint, Catalog, PublishedBlueprint
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.git_source import AllowedHosts
from autoprovision.domain.planning import Resolved, resolve
from autoprovision.domain.price import PriceBook, Quantity, credits_of, price_lines
from autoprovision.domain.request import TargetEnvironment, parse_template

BEGIN, END = "<!-- made from the manifest: begin -->", "<!-- made from the manifest: end -->"
# What the golden files are resolved with: no domain, so that they hold no one's names.
_PLATFORM = {
    "name": "autoprovision", "region": "ap-southeast-1", "urlScheme": "https",
    "domainName": "", "hostedZoneId": "", "certificateArn": "", "regionalCertificateArn": "",
}  # fmt: skip
_UNIT = "physics"


@dataclass(frozen=True)
class Pages:
    """A blueprint with what its pages are made from.

    Attributes:
        resources: logical id to type, of the template.
    """

    folder: Path
    manifest: Blueprint
    resources: Mapping[str, str]
    prices: PriceBook

    @property
    def examples(self) -> list[str]:
        """Names of the examples: one an environment, and variants as `dev-database`."""
        found = sorted(one.stem for one in (self.folder / "examples").glob("*.json"))
        return [*(env.value for env in self.manifest.topologies), *(x for x in found if "-" in x)]

    def resolved(self, example: str) -> Resolved:
        """An example, resolved as a plan would.

        Raises:
            InvalidInputError: the example is no request that this blueprint takes there.
        """
        try:
            document = json.loads(self.example(example).read_bytes())
        except ValueError as error:
            raise InvalidInputError([Fault("", f"It is not JSON: {error}")]) from error
        asked = parse_template(document)
        environment = example.partition("-")[0]
        if asked.TargetEnvironment.value != environment:
            sentence = f"It orders {asked.TargetEnvironment.value}, not {environment}."
            raise InvalidInputError([Fault("/TargetEnvironment", sentence)])
        published = PublishedBlueprint(
            manifest=self.manifest, digest="", template_url="", role_arn="",
            resources=dict(self.resources),
        )  # fmt: skip
        catalog = Catalog(
            blueprints=(published,), prices=self.prices, version="golden",
            networks=tuple(TargetEnvironment),
        )  # fmt: skip
        hosts = AllowedHosts.parse("github.com")
        return resolve(asked, catalog, platform=_PLATFORM, unit=_UNIT, allowed_hosts=hosts)

    def example(self, name: str) -> Path:
        """Where an example lies."""
        return self.folder / "examples" / f"{name}.json"

    def files(self) -> Iterator[tuple[Path, str]]:
        """Every file that follows, with the text that it should have.

        Raises:
            InvalidInputError: an example does not resolve.
        """
        for example in self.examples:
            path = self.folder / "golden" / f"{example}.json"
            yield path, _golden(self.resolved(example))
        readme = self.folder / "README.md"
        yield readme, _readme(readme, _rendered(self.manifest, self.prices))

    def write(self) -> list[Path]:
        """Write what differs, and say which files that were."""
        written = []
        for path, text in self.files():
            if not path.exists() or path.read_text("utf-8") != text:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, "utf-8")
                written.append(path)
        return written


def monthly_credits(
    manifest: Blueprint, environment: TargetEnvironment, prices: PriceBook,
    chosen: Mapping[str, str] | None = None,
) -> int:  # fmt: skip
    """What an environment costs a month; prices that are not in the book are left out.

    Args:
        chosen: parameters other than the defaults.
    """
    quantities = manifest.quantities(environment, manifest.defaults | dict(chosen or {}))
    known = (line for line in quantities if line.price == "free" or line.price in prices.prices)
    return credits_of(price_lines(known, prices))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    top = list(head)
    lines = [top, ["---"] * len(top), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _golden(found: Resolved) -> str:
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


def _rendered(manifest: Blueprint, prices: PriceBook) -> str:
    """The part of a README that follows from the manifest."""
    parts = [_orders(manifest), _topologies(manifest, prices)]
    if manifest.parameters:
        parts.append(_parameters(manifest))
    if manifest.data:
        parts.append(_data(manifest))
    parts += [_prices(manifest, prices), proof(manifest)]
    return f"{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}\n"


def _orders(manifest: Blueprint) -> str:
    rows = [
        [one.project_type, ", ".join(one.tech_stacks), ", ".join(_environments(manifest, one))]
        for one in manifest.serves
    ]
    return "## What orders it\n\n" + table(["ProjectType", "TechStack", "TargetEnvironment"], rows)


def _environments(manifest: Blueprint, entry: Any) -> list[str]:
    return [env.value for env in entry.environments if env in manifest.topologies]


def _topologies(manifest: Blueprint, prices: PriceBook) -> str:
    chosen = manifest.topologies
    names = list(dict.fromkeys(name for one in chosen.values() for name in one.facts))
    rows = [[name, *(one.facts.get(name, "") for one in chosen.values())] for name in names]
    rows.append(["lives, unless asked", *(one.default_expiry or "on" for one in chosen.values())])
    rows.append(["lives at most", *(one.longest_expiry or "on" for one in chosen.values())])
    credits_ = [monthly_credits(manifest, environment, prices) for environment in chosen]
    rows.append(["**credits a month**", *(f"**{one}**" for one in credits_)])
    rows += _options(manifest, prices)
    return "## Topologies\n\n" + table(["", *(env.value for env in chosen)], rows)


def _options(manifest: Blueprint, prices: PriceBook) -> list[list[str]]:
    """A row for each choice that costs more than the default."""
    chosen = [one for env in manifest.topologies for one in manifest.options(env)]
    distinct = [one for at, one in enumerate(chosen) if one not in chosen[:at]]
    return [
        [
            "with " + ", ".join(f"`{name}` {value}" for name, value in one.items()),
            *(str(monthly_credits(manifest, env, prices, one)) for env in manifest.topologies),
        ]
        for one in distinct
    ]


def _parameters(manifest: Blueprint) -> str:
    rows = []
    for name, one in manifest.parameters.items():
        kind = ", ".join(one.choices) if one.choices else one.type
        default = "needed" if one.default is None else f"`{json.dumps(one.default)}`"
        rows.append([f"`{name}`", kind, default, one.description])
    return "## Parameters\n\n" + table(["key", "type", "default", "meaning"], rows)


def _data(manifest: Blueprint) -> str:
    rows = []
    for name, one in manifest.data.items():
        properties = ", ".join(f"`{it}`" for it in one.properties)
        lost_by = one.lost_by.value + (f" of {properties}" if properties else "")
        rows.append([name, one.what, lost_by])
    return "## What changes lose\n\n" + table(["resource", "what", "lost by"], rows)


def _prices(manifest: Blueprint, prices: PriceBook) -> str:
    rows, conditional = [], False
    for environment, topology in manifest.topologies.items():
        for one in topology.prices:
            (line,) = price_lines([one], prices)
            if line.monthly_cents != "0":
                conditional |= bool(one.when)
                cost = line.monthly_cents + (" (estimated)" if line.estimated else "")
                rows.append([
                    environment.value, line.resource, line.description,
                    f"{line.quantity} {line.unit}", cost, _when(one),
                ])  # fmt: skip
    title = "## Where the credits go\n\n"
    if not rows:
        return f"{title}Everything is free of charge."
    head = ["", "resource", "what", "quantity", "credits", "only with"]
    if not conditional:
        head, rows = head[:-1], [row[:-1] for row in rows]
    return f"{title}Everything else is free of charge.\n\n{table(head, rows)}"


def _when(line: Quantity) -> str:
    return ", ".join(
        f"`{name}` {' or '.join(values)}" for name, values in (line.when or {}).items()
    )


def proof(manifest: Blueprint) -> str:
    """Which emulator proves the blueprint, as a sentence."""
    if manifest.proven_on == "embedded":
        return "Its stacks are made, answer and are deleted on the embedded AWS in tests."
    return (
        "Control plane only: tests make and delete its stacks on an emulator, where no container "
        "or machine runs. Nothing of it is shown as a working URL there."
    )


def _readme(path: Path, part: str) -> str:
    text = path.read_text("utf-8") if path.is_file() else f"# {path.parent.name}\n"
    before, found, rest = text.partition(BEGIN)
    after = rest.partition(END)[2].lstrip("\n")
    if not found:
        before = before.rstrip("\n") + "\n\n"
    return before + part + (f"\n{after}" if after else "")
