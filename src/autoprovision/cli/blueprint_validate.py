"""Checks a blueprint's folder without AWS, and shows what the rules found."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprovision.cli.render import clean, field, money, print_table, show_table

if TYPE_CHECKING:
    from autoprovision.deployer.rules.check import Inspection
    from autoprovision.deployer.rules.finding import Finding
    from autoprovision.domain.price import PriceBook


def own_prices() -> "PriceBook":
    """The prices that this program brings along."""
    from autoprovision.deployer.price_books import read_price_book
    from autoprovision.deployer.sources import find_sources

    return read_price_book(find_sources().catalog / "prices.yaml")


def inspect_folder(folder: Path) -> "Inspection":
    """Ask every rule, with this program's prices and the folder's own; the linters too."""
    from autoprovision.deployer.rules.check import inspect

    return inspect(folder.resolve(), own_prices(), linters=True)


def inspection_document(found: "Inspection") -> dict[str, Any]:
    """What was found, for programs."""
    manifest = found.folder.manifest
    return {
        "valid": not found.errors,
        "id": manifest.id if manifest else None,
        "version": manifest.version if manifest else None,
        "errors": [one.as_dict() for one in found.errors],
        "warnings": [one.as_dict() for one in found.warnings],
        "allowed": [
            {"resource": resource, "rule": rule, "comment": comment}
            for resource, rule, comment in found.allowed
        ],
        "linters": [{"name": one.name, "ran": one.ran, "why": one.why} for one in found.linters],
        "monthlyCredits": found.credits,
        "provenOn": manifest.proven_on if manifest else None,
    }


def show_inspection(console: Console, found: "Inspection") -> None:
    """Print what was found by file, then what an application of it costs."""
    for name, group in groupby(found.findings, key=lambda one: one.file):
        console.print(Text(clean(name), style="bold"))
        print_table(console, _findings(group))
        console.print()
    for resource, rule, comment in found.allowed:
        console.print(Text(f"Allowed: {rule} on {resource}: {comment}", style="yellow"))
    for linter in found.linters:
        if not linter.ran:
            console.print(Text(f"Not run: {linter.why}", style="yellow"))
    if found.credits and found.folder.manifest is not None:
        proven = found.folder.manifest.proven_on
        rows = [
            {"environment": name, "credits": credits_, "price": money(credits_), "proven": proven}
            for name, credits_ in found.credits.items()
        ]
        columns = (
            ("environment", field("environment")),
            ("credits a month", field("credits")),
            ("a month", field("price")),
            ("proven on", field("proven")),
        )
        show_table(console, rows, columns)


def _findings(findings: Iterable["Finding"]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    told: set[str] = set()
    for one in findings:
        what = Text(clean(one.detail), style="yellow" if one.warning else "red")
        what.append(f"  {one.rule}", style="dim")
        where = Text(clean(one.pointer), style="dim") if one.pointer else Text()
        if one.remedy and one.remedy not in told:
            told.add(one.remedy)
            where.append(f"{' ' if one.pointer else ''}→ {clean(one.remedy)}", style="not dim")
        table.add_row(str(one.line or ""), what)
        if where.plain:
            table.add_row("", where)
    return table
