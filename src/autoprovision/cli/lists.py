"""The options of every `list`, and how a list is printed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.client import Document, ReadPage, pages
from autoprovision.cli.render import Column, show_table
from autoprovision.cli.session import Session

UnitFilter = Annotated[
    str | None, typer.Option("--unit", metavar="UNIT", help="Only of this business unit.")
]
StatusFilter = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="Only in this status.")
]


@dataclass(frozen=True)
class Paging:
    """How much of a list is read, and from where: the options of every `list`."""

    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="How many at most.")] = 50
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", help="Go on where the list before ended: its `next`."),
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="All of them, page after page.")] = False


def print_list(
    session: Session,
    read: ReadPage,
    columns: Sequence[Column],
    paging: Paging,
    *,
    whole: Collection[str] = (),
    **filters: str | None,
) -> None:
    """Read a list and print it.

    Args:
        session: The command's session.
        read: Reads a page: `api.requests`, `api.users`, …
        columns: How an item is shown.
        paging: How much of it, and from where.
        whole: Heads of columns whose cells are never broken over lines.
        filters: Query parameters of the list. What the API lets through is sifted here too, so
            that a filter holds whether or not the API knows it.
    """
    page: Document
    more = ""
    wanted = {name: value for name, value in filters.items() if value is not None}
    if paging.everything or wanted:
        most = None if paging.everything else paging.limit
        found = (item for item in pages(read, filters, paging.cursor) if _fits(item, wanted))
        kept = list(islice(found, None if most is None else most + 1))
        more = "" if most is None or len(kept) <= most else "add --all, or a greater --limit"
        page = {"items": kept[:most], "next": None}
    else:
        page = read({"limit": paging.limit, "cursor": paging.cursor})
        more = f"add --all, or --cursor {page['next']}" if page.get("next") else ""
    items: list[Any] = page.get("items") or []

    def show(console: Console) -> None:
        if items:
            show_table(console, items, columns, whole=whole)

    session.out.emit(page, show)
    if session.out.as_json:
        return
    # A page may be empty although there are more: the API only looks so far in one call.
    if more:
        session.out.say(f"There are more: {more}.")
    elif not items:
        session.out.say("There are none.")


def _fits(item: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    """Whether an item has the members that were asked for."""
    own = {**item, "unit": item.get("unit", item.get("businessUnit"))}
    return all(str(own.get(name)).casefold() == value.casefold() for name, value in filters.items())
