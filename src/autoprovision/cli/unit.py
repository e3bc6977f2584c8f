"""`autoprovision unit`: what a business unit may spend, and where it went."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import REFUSED, MisuseError
from autoprovision.cli.lists import Paging, print_list
from autoprovision.cli.render import (
    field,
    moment_of,
    money,
    money_of,
    show_fields,
    show_table,
    status_of,
)
from autoprovision.cli.session import Session

app = Noun("unit", "Business units, their quota and their ledger. 1 credit is 1 US cent a month.")

UnitName = Annotated[
    str, typer.Argument(metavar="UNIT", help="The business unit's name.", show_default=False)
]
_BALANCE = (
    ("unit", field("unit")),
    ("quota", money_of("quota")),
    ("used", money_of("used")),
    ("held", money_of("held")),
    ("left", money_of("left")),
)
_FINDING = (
    ("kind", status_of("kind")),
    ("subject", field("subject")),
    ("what does not agree", field("sentence")),
)
_LEDGER = (
    ("at", moment_of("at")),
    ("movement", status_of("movement")),
    ("credits", money_of("credits")),
    ("by", field("by")),
    ("cause", field("cause")),
    ("request", field("requestId")),
    ("application", field("applicationId")),
    ("used", money_of("balanceAfter", "used")),
    ("held", money_of("balanceAfter", "held")),
    ("left", money_of("balanceAfter", "left")),
)


@app.verb("list", "autoprovision unit list")
def list_(session: Session, *, paging: Paging) -> None:
    """List business units with what they have left."""
    print_list(session, session.api.units, _BALANCE, paging)


@app.verb("show", "autoprovision unit show physics")
def show(session: Session, *, unit: UnitName) -> None:
    """Show a business unit's quota, and what of it is used, held and left."""
    answer = session.api.unit(unit)
    session.out.emit(answer, lambda console: _show_unit(console, answer))


@app.verb("set", "autoprovision unit set physics --quota 20000")
def set_(
    session: Session,
    *,
    unit: UnitName,
    quota: Annotated[
        int | None,
        typer.Option("--quota", metavar="N", min=0, help="Credits a month: 20000 is $200.00."),
    ] = None,
    no_limit: Annotated[bool, typer.Option("--no-limit", help="Take the limit away.")] = False,
) -> None:
    """Set a business unit's quota; an unknown unit is created."""
    if (quota is None) is not no_limit:
        raise MisuseError("Either a quota or no limit.", "Give --quota N, or --no-limit.")
    answer = session.api.set_unit(unit, quota)
    session.out.emit(answer, lambda console: _show_unit(console, answer))


@app.verb("ledger", "autoprovision unit ledger physics --all")
def ledger(session: Session, *, unit: UnitName, paging: Paging) -> None:
    """Show every movement of a business unit's credits, newest first."""
    print_list(session, lambda query: session.api.unit_ledger(unit, query), _LEDGER, paging)


@app.verb("reconcile", "autoprovision unit reconcile")
def reconcile(session: Session) -> None:
    """Hold the ledger against what lives, and show where they differ."""
    answer = session.api.reconcile_units()
    findings = answer.get("findings") or []

    def show_proof(console: Console) -> None:
        show_fields(console, (answer.get("checked") or {}).items())
        if findings:
            console.print()
            show_table(console, findings, _FINDING)

    session.out.emit(answer, show_proof)
    if findings:
        session.out.say(f"{len(findings)} things do not agree.", "bold red")
        raise typer.Exit(REFUSED)
    session.out.say("Entries, holds, applications and stacks agree.", "green")


def _show_unit(console: Console, unit: Mapping[str, Any]) -> None:
    credits_ = [(name, unit.get(name)) for name in ("quota", "used", "held", "left")]
    show_fields(
        console,
        [
            ("unit", unit.get("unit")),
            ("quota", "no limit" if "quota" in unit and unit["quota"] is None else ""),
            *(
                (name, f"{money(value)} a month ({value} credits)")
                for name, value in credits_
                if isinstance(value, int | float)
            ),
        ],
    )
