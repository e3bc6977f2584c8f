"""`autoprovision finding`: what the audit has found, and what operators say to it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.commands import Noun
from autoprovision.cli.lists import Paging, print_list
from autoprovision.cli.render import (
    field,
    moment,
    moment_of,
    money,
    show_fields,
    status_of,
    status_text,
)
from autoprovision.cli.session import Session

app = Noun("finding", "Look at what the audit has found: orphans, drift, what does not agree.")

FindingId = Annotated[
    str, typer.Argument(metavar="ID", help="The finding's id, fnd_….", show_default=False)
]
CommentOption = Annotated[
    str, typer.Option("--comment", help="Why, in a sentence.", show_default=False)
]


@app.verb("list", "autoprovision finding list")
def list_(
    session: Session,
    *,
    gone: Annotated[bool, typer.Option("--gone", help="Those that have gone instead.")] = False,
    paging: Paging,
) -> None:
    """List the findings that stand; the one that began first comes first."""
    columns = (
        ("id", field("id")),
        ("status", status_of()),
        ("kind", field("kind")),
        ("first seen", moment_of("firstSeen")),
        ("last seen", moment_of("lastSeen")),
        ("what", field("sentence")),
    )
    print_list(
        session,
        lambda query: session.api.findings({**query, **({"gone": "true"} if gone else {})}),
        columns,
        paging,
    )


@app.verb("show", "autoprovision finding show fnd_1f2e…")
def show(session: Session, *, finding_id: FindingId) -> None:
    """Show a finding."""
    finding = session.api.finding(finding_id)
    session.out.emit(finding, lambda console: _show_finding(console, finding))


@app.verb("acknowledge", 'autoprovision finding acknowledge fnd_1f2e… --comment "Ada looks."')
def acknowledge(session: Session, *, finding_id: FindingId, comment: CommentOption) -> None:
    """Say that somebody knows of it; it stays in the list until it is gone."""
    finding = session.api.remark(finding_id, "acknowledge", comment)
    session.out.emit(finding, lambda console: _show_finding(console, finding))


@app.verb("resolve", 'autoprovision finding resolve fnd_1f2e… --comment "Deleted by hand."')
def resolve(session: Session, *, finding_id: FindingId, comment: CommentOption) -> None:
    """Close what is dealt with; the audit opens it again if it finds it again."""
    finding = session.api.remark(finding_id, "resolve", comment)
    session.out.emit(finding, lambda console: _show_finding(console, finding))


def _show_finding(console: Console, finding: Mapping[str, Any]) -> None:
    left = finding.get("left") or {}
    price = money(left.get("monthlyCredits"))
    show_fields(
        console,
        [
            ("id", finding.get("id")),
            ("status", status_text(finding.get("status"))),
            ("kind", finding.get("kind")),
            ("subject", finding.get("subject")),
            ("what", finding.get("sentence")),
            ("first seen", moment(finding.get("firstSeen"))),
            ("last seen", moment(finding.get("lastSeen"))),
            ("by", finding.get("acknowledgedBy")),
            ("comment", finding.get("comment")),
            ("gone", moment(finding.get("goneAt"))),
            ("resource", left.get("physicalId")),
            ("type", left.get("type")),
            ("arn", left.get("arn")),
            ("stack", left.get("stackId")),
            ("application", left.get("applicationId")),
            ("unit", left.get("businessUnit")),
            ("left by", left.get("by")),
            ("costs", f"{price} a month" if price else ""),
        ],
    )
