"""`autoprovision approval`: the open questions, and the decisions on them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import CliError
from autoprovision.cli.lists import (
    AllOption,
    CursorOption,
    LimitOption,
    print_list,
)
from autoprovision.cli.planview import show_plan
from autoprovision.cli.render import (
    field,
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
_DECISION_COLUMNS = (
    ("decision", status_of("decision")),
    ("by", field("by")),
    ("at", moment_of("at")),
    ("comment", field("comment")),
)


@app.verb("list", "autoprovision approval list")
def list_(
    session: Session,
    *,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
    everything: AllOption = False,
) -> None:
    """List the approvals that are open for you."""
    columns = (
        ("request", field("requestId")),
        ("status", status_of()),
        ("question", field("question")),
        ("a month", money_of("plan", "monthlyCredits")),
        ("submitted by", field("submittedBy")),
        ("expires", moment_of("expiresAt")),
    )
    print_list(
        session,
        session.api.approvals,
        columns,
        limit=limit,
        cursor=cursor,
        everything=everything,
    )


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
) -> None:
    """Approve a request: exactly the plan that is shown."""
    _decide(session, request_id, "APPROVED", comment, plan_digest)


@app.verb("reject", 'autoprovision approval reject req_01jd… --comment "Use dev, not prod."')
def reject(
    session: Session,
    *,
    request_id: RequestId,
    comment: Annotated[
        str, typer.Option("--comment", help="Why, in a sentence.", show_default=False)
    ],
    plan_digest: DigestOption = None,
) -> None:
    """Reject a request; its quota is given back."""
    _decide(session, request_id, "REJECTED", comment, plan_digest)


def _decide(
    session: Session,
    request_id: str,
    decision: str,
    comment: str | None,
    seen_digest: str | None,
) -> None:
    question = session.api.approval(request_id)
    digest = question.get("planDigest") or (question.get("plan") or {}).get("digest")
    if seen_digest and seen_digest != digest:
        raise CliError(
            f"The plan has changed: its digest is {digest} now. Nothing was decided.",
            f"Look at it again with `autoprovision approval show {request_id}`.",
        )
    body = {"decision": decision, "planDigest": digest}
    if comment is not None:
        body["comment"] = comment
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
            ("plan digest", approval.get("planDigest")),
        ],
    )
    if approval.get("plan"):
        console.print()
        show_plan(console, approval["plan"])
    if approval.get("decisions"):
        console.print()
        show_table(console, approval["decisions"], _DECISION_COLUMNS)
