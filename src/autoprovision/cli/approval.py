"""`autoprovision approval`: the open questions, and the decisions on them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from autoprovision.cli.changeview import show_changes
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import CliError
from autoprovision.cli.lists import Paging, print_list
from autoprovision.cli.planview import show_plan
from autoprovision.cli.render import (
    clean,
    field,
    legible,
    moment,
    moment_of,
    money_of,
    show_fields,
    show_table,
    status_of,
    status_text,
)
from autoprovision.cli.session import Session

app = Noun("approval", "Decide on requests that need a person.")

RequestId = Annotated[
    str, typer.Argument(metavar="ID", help="The request's id, req_….", show_default=False)
]
DigestOption = Annotated[
    str | None,
    typer.Option(
        "--plan-digest",
        metavar="DIGEST",
        help="Decide only on the plan with this digest: the one you have looked at.",
    ),
]
BehalfOption = Annotated[
    str | None,
    typer.Option(
        "--on-behalf-of",
        metavar="EMAIL",
        help="Decide for this person, who is away and delegated to you.",
        show_default=False,
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_DELEGATION_COLUMNS = (
    ("who is away", field("from")),
    ("who decides", field("to")),
    ("from", moment_of("fromAt")),
    ("until", moment_of("until")),
    ("in force", field("inForce")),
)
_DECISION_COLUMNS = (
    ("decision", status_of("decision")),
    ("by", field("by")),
    ("at", moment_of("at")),
    ("comment", field("comment")),
)


@app.verb("list", "autoprovision approval list")
def list_(session: Session, *, paging: Paging) -> None:
    """List the approvals that are open for you."""
    columns = (
        ("request", field("requestId")),
        ("status", status_of()),
        ("question", field("question")),
        ("a month", money_of("plan", "monthlyCredits")),
        ("submitted by", field("submittedBy")),
        ("expires", moment_of("expiresAt")),
    )
    print_list(session, session.api.approvals, columns, paging)


@app.verb("show", "autoprovision approval show req_01jd…")
def show(session: Session, *, request_id: RequestId) -> None:
    """Show an approval: the question, the plan, and the decisions so far."""
    approval = session.api.approval(request_id)
    session.out.emit(approval, lambda console: _show_approval(console, approval))


@app.verb("approve", 'autoprovision approval approve req_01jd… --comment "Fits the course."')
def approve(
    session: Session,
    *,
    request_id: RequestId,
    comment: Annotated[str | None, typer.Option("--comment", help="Why, in a sentence.")] = None,
    plan_digest: DigestOption = None,
    on_behalf_of: BehalfOption = None,
    yes: YesOption = False,
) -> None:
    """Approve a request: exactly the plan that is shown."""
    said = {"decision": "APPROVED", "comment": comment, "onBehalfOf": on_behalf_of}
    _decide(session, request_id, said, plan_digest, yes=yes)


@app.verb("reject", 'autoprovision approval reject req_01jd… --comment "Use dev, not prod."')
def reject(
    session: Session,
    *,
    request_id: RequestId,
    comment: Annotated[
        str, typer.Option("--comment", help="Why, in a sentence.", show_default=False)
    ],
    plan_digest: DigestOption = None,
    on_behalf_of: BehalfOption = None,
    yes: YesOption = False,
) -> None:
    """Reject a request; its quota is given back."""
    said = {"decision": "REJECTED", "comment": comment, "onBehalfOf": on_behalf_of}
    _decide(session, request_id, said, plan_digest, yes=yes)


@app.verb("delegate", "autoprovision approval delegate bo@example.edu --until 5d")
def delegate(
    session: Session,
    *,
    email: Annotated[
        str,
        typer.Argument(metavar="EMAIL", help="The approver who stands in.", show_default=False),
    ],
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="TIME",
            help="5d, 2026-12-01 (to its end) or a moment.",
            show_default=False,
        ),
    ],
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="A day or a moment; else now."),
    ] = None,
) -> None:
    """Let another approver decide for you while you are away."""
    body = {"to": email, "until": until} | ({"from": since} if since else {})
    answer = session.api.delegate(body)
    session.out.emit(answer, lambda console: show_table(console, [answer], _DELEGATION_COLUMNS))


@app.verb("delegations", "autoprovision approval delegations")
def delegations(session: Session) -> None:
    """Show who decides for you, and for whom you do."""
    _show_delegations(session, session.api.delegations())


@app.verb("undelegate", "autoprovision approval undelegate")
def undelegate(session: Session) -> None:
    """Decide for yourself again, from now on."""
    _show_delegations(session, session.api.end_delegation())


def _show_delegations(session: Session, answer: Mapping[str, Any]) -> None:
    rows = [one for one in (answer.get("given"), *(answer.get("received") or ())) if one]

    def show_rows(console: Console) -> None:
        if rows:
            show_table(console, rows, _DELEGATION_COLUMNS)
        else:
            session.out.say("Nobody decides for you, and you for nobody else.")

    session.out.emit(dict(answer), show_rows)


@app.verb("redrive", "autoprovision approval redrive")
def redrive(session: Session) -> None:
    """Ask again what could not be asked: the dead letters of approvals go back on their queue."""
    answer = session.api.redrive_approvals()
    session.out.emit(answer, lambda console: show_fields(console, answer.items()))


def _decide(
    session: Session,
    request_id: str,
    said: dict[str, str | None],
    seen_digest: str | None,
    *,
    yes: bool,
) -> None:
    question = session.api.approval(request_id)
    digest = question.get("planDigest") or (question.get("plan") or {}).get("digest")
    if seen_digest and seen_digest != digest:
        raise CliError(
            f"The plan has changed: its digest is {digest} now. Nothing was decided.",
            f"Look at it again with `autoprovision approval show {request_id}`.",
        )
    if not seen_digest and not yes and session.out.can_ask:
        _show_approval(session.out.stderr, question)
    session.confirm(f"{said['decision']}: is this what you decide?", yes=yes or bool(seen_digest))
    body: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    body["planDigest"] = digest
    answer = session.api.decide(request_id, body)
    session.out.emit(answer, lambda console: _show_approval(console, {**question, **answer}))


def _show_approval(console: Console, approval: Mapping[str, Any]) -> None:
    show_fields(
        console,
        [
            ("request", approval.get("requestId")),
            ("status", status_text(approval.get("status"))),
            ("question", approval.get("question")),
            ("submitted by", approval.get("submittedBy")),
            ("expires", moment(approval.get("expiresAt"))),
            ("closed by", approval.get("closedBy")),
            ("closed because", approval.get("closedBecause")),
            ("plan digest", approval.get("planDigest")),
        ],
    )
    if approval.get("plan"):
        console.print()
        show_plan(console, approval["plan"])
    if approval.get("preview"):
        console.print()
        show_changes(console, approval["preview"])
    for name, value in (approval.get("operationParameters") or {}).items():
        if "\n" in str(value):
            console.print(Text(f"\n{clean(name)}, as it would run:", style="bold"))
            console.print(Text(legible(value)))
    if approval.get("decisions"):
        console.print()
        show_table(console, approval["decisions"], _DECISION_COLUMNS)
