"""How a change is shown before it is made, and what was changed by hand."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from autoprovision.cli.render import field, moment, money, show_fields, show_table, status_text


def show_preview(console: Console, preview: Mapping[str, Any]) -> None:
    """Print what an update would do: the price, who has to approve, and each resource."""
    before, after = preview.get("creditsBefore"), preview.get("creditsAfter")
    approval = preview.get("approval") or {}
    show_fields(
        console,
        [
            ("price now", f"{money(before)} a month"),
            ("price then", f"{money(after)} a month"),
            ("approval", status_text(approval.get("verdict"))),
            *(("", f"- {reason}") for reason in approval.get("reasons") or ()),
        ],
    )
    show_changes(console, preview)


def show_changes(console: Console, preview: Mapping[str, Any]) -> None:
    """Print what becomes of the stack: what is lost, and each resource that changes."""
    changes = preview.get("changes") or []
    show_fields(
        console,
        [
            ("loses data", ", ".join(preview.get("losesData") or ()) or "nothing"),
            ("stack", "" if changes else "stays as it is"),
            ("change set", preview.get("changeSet")),
        ],
    )
    if changes:
        console.print()
        show_table(console, changes, _CHANGES)


_CHANGES = (
    ("resource", field("logicalId")),
    ("type", field("type")),
    ("becomes", field("effect")),
    ("properties", lambda change: ", ".join(change.get("properties") or ())),
)
_DIFFERENCES = (
    ("resource", field("resource")),
    ("property", field("path")),
    ("", field("change")),
    ("in the template", field("expected")),
    ("there", field("actual")),
)


def show_drift(console: Console, found: Mapping[str, Any]) -> None:
    """Print what was changed by hand, property by property."""
    show_fields(
        console,
        [
            ("status", status_text(found.get("status"))),
            ("why", found.get("reason")),
            ("checked", moment(found.get("checkedAt"))),
        ],
    )
    differences = found.get("differences") or []
    if differences:
        console.print()
        show_table(console, differences, _DIFFERENCES)
