"""`autoprovision request`: from a JSON template to a running application."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.client import Document
from autoprovision.cli.commands import Noun
from autoprovision.cli.files import FileArgument, read_json_bytes
from autoprovision.cli.lists import Paging, StatusFilter, UnitFilter, print_list
from autoprovision.cli.outcomes import conclude, watch_request
from autoprovision.cli.planview import show_plan, show_plan_summary
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

app = Noun("request", "Ask for an application with a JSON template, and follow the request.")

RequestId = Annotated[
    str, typer.Argument(metavar="ID", help="The request's id, req_….", show_default=False)
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Follow it to its end.")]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="KEY",
        help="With the same key and file, the same request: safe to run again.",
    ),
]
_EVENT_COLUMNS = (
    ("at", moment_of("at")),
    ("step", field("step")),
    ("status", status_of()),
    ("message", field("message")),
)


@app.verb("plan", "autoprovision request plan site.json")
def plan(session: Session, *, file: FileArgument) -> None:
    """Show what a JSON template would bring: price, quota, approval. It changes nothing."""
    answer = session.api.plan(read_json_bytes(file))
    session.out.emit(answer, lambda console: show_plan(console, answer))


@app.verb("submit", "autoprovision request submit site.json --watch")
def submit(
    session: Session, file: FileArgument, watch: WatchOption = False, key: KeyOption = None
) -> None:
    """Submit a JSON template, and with --watch follow it until its URL answers."""
    _go_on(session, session.api.submit_request(read_json_bytes(file), key), watch=watch)


@app.verb("show", "autoprovision request show req_01jd… --watch")
def show(session: Session, *, request_id: RequestId, watch: WatchOption = False) -> None:
    """Show a request with its plan and its timeline; with --watch follow it to its end."""
    if watch:
        _go_on(session, {"id": request_id}, watch=True)
        return
    request = session.api.request(request_id)
    if session.out.as_json:
        session.out.emit(request, lambda _: None)
        return
    events = session.api.request_events(request_id).get("items") or []

    def present(console: Console) -> None:
        show_request(console, request)
        if events:
            console.print()
            show_table(console, events, _EVENT_COLUMNS)

    session.out.emit(request, present)


@app.verb("list", "autoprovision request list --status AWAITING_APPROVAL")
def list_(
    session: Session, *, status: StatusFilter = None, unit: UnitFilter = None, paging: Paging
) -> None:
    """List requests, newest first."""
    columns = (
        ("id", field("id")),
        ("status", status_of()),
        ("kind", field("kind")),
        ("application", field("applicationName")),
        ("environment", field("targetEnvironment")),
        ("unit", field("businessUnit")),
        ("a month", money_of("plan", "monthlyCredits")),
        ("submitted by", field("submittedBy")),
        ("submitted", moment_of("submittedAt")),
    )
    print_list(session, session.api.requests, columns, paging, status=status, unit=unit)


@app.verb("cancel", "autoprovision request cancel req_01jd…")
def cancel(session: Session, *, request_id: RequestId) -> None:
    """Cancel a request; what it has already made is undone."""
    answer = session.api.act_on_request(request_id, "cancel")
    session.out.emit(answer, lambda console: show_request(console, answer))


@app.verb("resume", "autoprovision request resume req_01jd… --watch")
def resume(
    session: Session,
    *,
    request_id: RequestId,
    retain: Annotated[
        list[str] | None,
        typer.Option(
            "--retain",
            metavar="LOGICAL_ID",
            help="Leave this resource of the stack behind: it failed to be deleted. Repeatable.",
        ),
    ] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="Why it is left.")] = None,
    watch: WatchOption = False,
) -> None:
    """Go on with a request that needed an operator; with --retain leave something behind."""
    said = {"retain": retain, "comment": comment} if retain else {}
    body = json.dumps({name: value for name, value in said.items() if value}).encode()
    _go_on(session, session.api.act_on_request(request_id, "resume", body), watch=watch)


@app.verb("resubmit", "autoprovision request resubmit req_01jd… corrected.json --watch")
def resubmit(
    session: Session,
    *,
    request_id: RequestId,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="A corrected JSON template; - reads stdin."),
    ] = None,
    watch: WatchOption = False,
) -> None:
    """Submit a request again that came to a bad end, as it was or corrected."""
    template = read_json_bytes(file) if file is not None else None
    answer = session.api.act_on_request(request_id, "resubmit", template)
    _go_on(session, answer, watch=watch)


def show_request(console: Console, request: Mapping[str, Any]) -> None:
    """Print one request with its plan."""
    show_fields(
        console,
        [
            ("id", request.get("id")),
            ("status", status_text(request.get("status"))),
            ("why", request.get("message") or request.get("reason")),
            ("url", request.get("url")),
            ("application", request.get("applicationName")),
            ("environment", request.get("targetEnvironment")),
            ("type", request.get("projectType")),
            ("stack", request.get("techStack")),
            ("unit", request.get("businessUnit")),
            ("application id", request.get("applicationId")),
            ("submitted by", request.get("submittedBy")),
            ("submitted", moment(request.get("submittedAt"))),
            ("updated", moment(request.get("updatedAt"))),
        ],
    )
    plan_ = request.get("plan")
    if plan_:
        console.print()
        show_plan_summary(console, plan_)


def _go_on(session: Session, request: Document, *, watch: bool) -> None:
    """Print a request that has just been set going, or follow it to its end first."""
    identity = str(request.get("id") or "")
    if not watch:
        session.out.emit(request, lambda console: show_request(console, request))
        session.out.say(f"Next: `autoprovision request show {identity} --watch` follows it.")
        return
    final = watch_request(session, identity)
    session.out.emit(final, lambda console: show_request(console, final))
    conclude(session, final, "SUCCEEDED")
