"""`autoprovision application`: what lives, from its first URL to its end."""

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.changeview import show_drift, show_preview
from autoprovision.cli.client import Document
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import REFUSED, CliError
from autoprovision.cli.files import FileArgument, read_json_bytes
from autoprovision.cli.lists import Paging, StatusFilter, UnitFilter, print_list
from autoprovision.cli.outcomes import conclude, watch_application
from autoprovision.cli.render import (
    field,
    moment,
    moment_of,
    money,
    money_of,
    show_fields,
    status_of,
    status_text,
)
from autoprovision.cli.session import Session

_PREVIEW_SECONDS, _PREVIEW_PAUSE = 180.0, 2.0

app = Noun("application", "Look after what lives: change it, extend it, end it.")

ApplicationId = Annotated[
    str, typer.Argument(metavar="ID", help="The application's id, app_….", show_default=False)
]
WatchOption = Annotated[bool, typer.Option("--watch", help="Follow it to its end.")]


@app.verb("list", "autoprovision application list --unit physics")
def list_(
    session: Session, *, status: StatusFilter = None, unit: UnitFilter = None, paging: Paging
) -> None:
    """List applications."""
    columns = (
        ("id", field("id")),
        ("status", status_of()),
        ("name", field("applicationName")),
        ("environment", field("targetEnvironment")),
        ("unit", field("businessUnit")),
        ("a month", money_of("monthlyCredits")),
        ("expires", moment_of("expiresAt")),
        ("url", field("url")),
    )
    print_list(session, session.api.applications, columns, paging, status=status, unit=unit)


@app.verb("show", "autoprovision application show app_01jd…")
def show(session: Session, *, application_id: ApplicationId, watch: WatchOption = False) -> None:
    """Show an application; with --watch follow what moves it to its end."""
    application = session.api.application(application_id)
    if watch:
        application, _ = watch_application(session, application_id, application)
    session.out.emit(application, lambda console: _show_application(console, application))


@app.verb("plan", "autoprovision application plan app_01jd… change.json")
def plan(session: Session, application_id: ApplicationId, file: FileArgument) -> None:
    """Show what an update would do to the stack and to the price; nothing is changed."""
    shown = _previewed(session, application_id, read_json_bytes(file))
    session.out.emit(shown, lambda console: show_preview(console, shown["preview"]))


@app.verb("update", "autoprovision application update app_01jd… change.json --watch")
def update(
    session: Session,
    application_id: ApplicationId,
    file: FileArgument,
    watch: WatchOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Change an application with a JSON file that holds what shall be different.

    On a terminal what CloudFormation would do is shown first, and exactly that is done.
    """
    change = read_json_bytes(file)
    if session.out.can_ask and not yes:
        shown = _previewed(session, application_id, change)["preview"]
        show_preview(session.out.stderr, shown)
        session.confirm(f"Update {application_id} like this?", yes=yes)
        agreed = {**json.loads(change), "planDigest": shown["planDigest"]}
        change = json.dumps(agreed).encode()
    answer = session.api.update_application(application_id, change)
    _go_on(session, application_id, answer, watch=watch, good="AVAILABLE")


@app.verb("publish", "autoprovision application publish app_01jd… --watch")
def publish(session: Session, *, application_id: ApplicationId, watch: WatchOption = False) -> None:
    """Put the project's newest code onto an application; its stack stays as it is."""
    answer = session.api.publish_application(application_id)
    _go_on(session, application_id, answer, watch=watch, good="AVAILABLE")


@app.verb("extend", "autoprovision application extend app_01jd… 14d")
def extend(
    session: Session,
    *,
    application_id: ApplicationId,
    duration: Annotated[
        str, typer.Argument(metavar="DURATION", help="How much longer, such as 7d or 12h.")
    ],
) -> None:
    """Let an application live longer."""
    answer = session.api.extend_application(application_id, duration)
    session.out.emit(answer, lambda console: _show_application(console, answer))


@app.verb("move", "autoprovision application move app_01jd… --unit chemistry")
def move(
    session: Session,
    *,
    application_id: ApplicationId,
    unit: Annotated[
        str,
        typer.Option("--unit", metavar="UNIT", help="Who pays from now on.", show_default=False),
    ],
) -> None:
    """Move an application and its credits to another business unit; admins may."""
    answer = session.api.move_application(application_id, unit)
    session.out.emit(answer, lambda console: _show_application(console, answer))


def _previewed(session: Session, application_id: str, change: bytes) -> Document:
    """The plan and its preview, once CloudFormation has worked it out."""
    deadline = time.monotonic() + _PREVIEW_SECONDS
    while True:
        shown = session.api.preview_update(application_id, change)
        if shown.get("preview") is not None:
            return shown
        if time.monotonic() > deadline:
            raise CliError(
                "CloudFormation is still working out what would change.", "Try again in a minute."
            )
        time.sleep(_PREVIEW_PAUSE)


@app.verb("drift", "autoprovision application drift app_01jd…")
def drift(session: Session, *, application_id: ApplicationId) -> None:
    """Show what was changed by hand behind an application, property by property."""
    found = session.api.application_drift(application_id)
    session.out.emit(found, lambda console: show_drift(console, found))


@app.verb("confirm-termination", "autoprovision application confirm-termination app_01jd… --watch")
def confirm_termination(
    session: Session,
    *,
    application_id: ApplicationId,
    watch: WatchOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Confirm, as a second person, that a protected application ends."""
    session.confirm(f"Terminate {application_id}? Everything on it is deleted.", yes=yes)
    answer = session.api.confirm_termination(application_id)
    _go_on(session, application_id, answer, watch=watch, good="TERMINATED")


@app.verb("terminate", "autoprovision application terminate app_01jd… --watch --yes")
def terminate(
    session: Session,
    *,
    application_id: ApplicationId,
    watch: WatchOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End an application: everything it runs on is deleted, and its quota given back."""
    if session.out.can_ask and not yes:
        session.out.say(_ending(session.api.ending_of(application_id)))
    session.confirm(f"Terminate {application_id}? Everything on it is deleted.", yes=yes)
    answer = session.api.terminate_application(application_id)
    if answer.get("terminationAskedAt"):  # the application, not the request that ends it
        _wait_for_another(session, application_id, answer, watch=watch)
        return
    _go_on(session, application_id, answer, watch=watch, good="TERMINATED")


def _wait_for_another(
    session: Session, application_id: str, answer: Document, *, watch: bool
) -> None:
    """Say that nothing is ended yet, and who has to do what.

    Raises:
        typer.Exit: its end was to be watched, and it has not begun: exit code 1.
    """
    session.out.emit(answer, lambda console: _show_application(console, answer))
    session.out.say("It is asked, not ended: it takes a second person, who is told by mail.")
    session.out.say(
        "Next: an approver or an administrator runs "
        f"`autoprovision application confirm-termination {application_id}`; "
        f"`autoprovision application extend {application_id} 7d` takes the question back."
    )
    if watch:
        raise typer.Exit(REFUSED)


def _ending(told: Mapping[str, Any]) -> str:
    """What goes and what stays, before anybody says yes."""
    lost, kept = (
        ", ".join(f"{one['what']} ({one['resource']})" for one in told.get(name) or ())
        for name in ("lost", "kept")
    )
    sentence = f"Deleted for good: {lost or 'nothing that holds data'}. Kept: {kept or 'nothing'}."
    if told.get("confirmationNeeded"):
        sentence += " An approver or administrator has to confirm it."
    return sentence


def _go_on(
    session: Session, application_id: str, answer: Document, *, watch: bool, good: str
) -> None:
    """Print an application that has just been set moving, or follow it to its end first."""
    if not watch:
        session.out.emit(answer, lambda console: _show_application(console, answer))
        session.out.say(
            f"Next: `autoprovision application show {application_id} --watch` follows it."
        )
        return
    final, decisive = watch_application(session, application_id, answer)
    session.out.emit(final, lambda console: _show_application(console, final))
    conclude(session, decisive, "SUCCEEDED", good)


def _show_application(console: Console, application: Mapping[str, Any]) -> None:
    price = money(application.get("monthlyCredits"))
    show_fields(
        console,
        [
            ("id", application.get("id")),
            ("status", status_text(application.get("status"))),
            ("why", application.get("message") or application.get("reason")),
            ("changed by", application.get("operation")),
            ("url", application.get("url")),
            ("name", application.get("applicationName")),
            ("environment", application.get("targetEnvironment")),
            ("unit", application.get("businessUnit")),
            ("owner", application.get("owner")),
            ("blueprint", application.get("blueprint")),
            ("version", application.get("version")),
            ("price", f"{price} a month" if price else ""),
            ("expires", moment(application.get("expiresAt"))),
            ("request", application.get("requestId")),
            ("created", moment(application.get("createdAt"))),
            ("updated", moment(application.get("updatedAt"))),
            ("outputs", application.get("outputs")),
        ],
    )
