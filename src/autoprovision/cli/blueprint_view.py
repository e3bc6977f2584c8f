"""How blueprints are shown: what they serve, what each environment chooses, what was certified."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from autoprovision.cli.render import Column, field, money, show_fields, show_table
from autoprovision.domain.request import TargetEnvironment

Document = Mapping[str, Any]
_ENVIRONMENTS = tuple(one.value for one in TargetEnvironment)


def _price_of(environment: str) -> Any:
    read = field("monthlyCredits", environment)
    return lambda item: money(read(item))


BLUEPRINT_COLUMNS: tuple[Column, ...] = (
    ("id", field("id")),
    ("version", field("version")),
    # An environment without a price is not offered.
    *((name, _price_of(name)) for name in _ENVIRONMENTS),
    ("types", field("projectTypes")),
    ("stacks", field("techStacks")),
)
NARROW = ("id", "version", *_ENVIRONMENTS)


def show_blueprint(console: Console, blueprint: Document) -> None:
    """Print a blueprint; members that are missing are left out."""
    show_fields(
        console,
        [
            ("id", blueprint.get("id")),
            ("version", blueprint.get("version")),
            ("title", blueprint.get("title")),
            ("what", blueprint.get("description")),
            ("types", blueprint.get("projectTypes")),
            ("stacks", blueprint.get("techStacks")),
            ("proven on", blueprint.get("provenOn")),
            ("digest", blueprint.get("digest")),
            ("drift not seen of", blueprint.get("driftUnseen")),
        ],
    )
    _show_parameters(console, blueprint.get("parameters") or {})
    _show_topologies(console, blueprint)
    _show_data(console, blueprint.get("data") or {})
    _show_certificate(console, blueprint.get("certificate") or {})


def _show_parameters(console: Console, parameters: Document) -> None:
    if not parameters:
        return
    rows = [{"name": name, **declared} for name, declared in parameters.items()]
    columns = (
        ("parameter", field("name")),
        ("type", field("type")),
        ("default", field("default")),
        ("choices", field("choices")),
        ("what", field("description")),
    )
    console.print()
    show_table(console, rows, columns)


def _show_topologies(console: Console, blueprint: Document) -> None:
    """A column for each environment, a row for each fact."""
    topologies = blueprint.get("topologies") or {}
    if not topologies:
        return
    credits_ = blueprint.get("monthlyCredits") or {}
    options = {
        name: {
            f"with {_choice(one)}": money(one.get("monthlyCredits"))
            for one in topology.get("options") or ()
        }
        for name, topology in topologies.items()
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, topology in topologies.items():
        said = {
            **(topology.get("facts") or {}),
            "lives": topology.get("defaultExpiry") or "on",
            "lives at most": topology.get("longestExpiry") or "on",
            "a month": money(credits_.get(name)),
            **options[name],
        }
        for fact, value in said.items():
            rows.setdefault(fact, {"fact": fact})[name] = value
    columns = (("", field("fact")), *((name, field(name)) for name in topologies))
    console.print()
    show_table(console, rows.values(), columns, whole=("",))


def _show_data(console: Console, data: Document) -> None:
    """What changes lose, where the type of a resource does not tell."""
    if not data:
        return
    rows = [{"resource": name, **said} for name, said in data.items()]
    columns = (
        ("resource", field("resource")),
        ("holds", field("what")),
        ("lost by", field("lostBy")),
        ("of", lambda row: ", ".join(row.get("properties") or ())),
    )
    console.print()
    show_table(console, rows, columns)


def _choice(option: Document) -> str:
    return ", ".join(f"{name} {value}" for name, value in option["parameters"].items())


def _show_certificate(console: Console, certificate: Document) -> None:
    if not certificate:
        show_fields(console, [("rollback certificate", "none yet")])
        return
    total = {name: certificate[name] for name in ("points", "passed")}
    flows = {**certificate["workflows"], "together": total}
    rows = [
        {"name": name, "points": f"{one['points']:,}", "hold": f"{one['passed']:,}"}
        for name, one in flows.items()
    ]
    columns = (
        ("rollback certificate", field("name")),
        ("points", field("points")),
        ("hold", field("hold")),
    )
    console.print()
    show_table(console, rows, columns)
