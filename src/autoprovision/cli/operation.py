"""`autoprovision application operations` and `operate`, and `request diagnostics`."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from autoprovision.cli.application import ApplicationId, WatchOption
from autoprovision.cli.application import app as application_app
from autoprovision.cli.errors import CliError, MisuseError
from autoprovision.cli.files import read_bytes
from autoprovision.cli.outcomes import conclude, watch_request
from autoprovision.cli.render import field, show_table
from autoprovision.cli.request import RequestId, show_request
from autoprovision.cli.request import app as request_app
from autoprovision.cli.session import Session

_FORM = "--parameter NAME=VALUE"
_FETCH_SECONDS = 60.0


@application_app.verb("operations", "autoprovision application operations app_01jd…")
def operations(session: Session, *, application_id: ApplicationId) -> None:
    """List what can be done with an application's machines."""
    offered = session.api.operations_of(application_id)

    def present(console: Console) -> None:
        columns = (
            ("operation", field("operation")),
            ("does", field("description")),
            ("parameters", _parameters),
            ("know before", field("warning")),
        )
        show_table(console, offered["items"], columns)
        machines = ", ".join(str(one["id"]) for one in offered.get("machines") or ())
        console.print(f"\nMachines: {machines or 'none that Systems Manager knows'}")

    session.out.emit(offered, present)


def _parameters(operation: Mapping[str, Any]) -> str:
    """Each parameter with its default, as `operate` takes it."""
    declared = operation.get("parameters") or {}
    return " ".join(
        f"{name}={one['default']}" if one.get("default") is not None else f"{name}"
        for name, one in declared.items()
    )


@application_app.verb(
    "operate", "autoprovision application operate app_01jd… run-command --command - --watch"
)
def operate(
    session: Session,
    *,
    application_id: ApplicationId,
    operation: Annotated[
        str,
        typer.Argument(
            metavar="OPERATION",
            help="One that `application operations` lists.",
            show_default=False,
        ),
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="K=V", help="A parameter; may be repeated."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option("--command", metavar="FILE", help="A script for the machines; - reads stdin."),
    ] = None,
    watch: WatchOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Do something with an application's machines; what was done is not taken back."""
    given = dict(_pair(one) for one in parameter or [])
    if command is not None:
        given["command"] = _script(command)
    session.confirm(f"{operation} on {application_id}? It is not taken back.", yes=yes)
    request = session.api.operate_application(application_id, operation, given)
    identity = str(request["id"])
    if not watch:
        session.out.emit(request, lambda console: show_request(console, request))
        session.out.say(f"Next: `autoprovision request show {identity} --watch` follows it.")
        return
    final = watch_request(session, identity)
    session.out.emit(final, lambda console: show_request(console, final))
    conclude(session, final, "SUCCEEDED")


def _pair(text: str) -> tuple[str, Any]:
    """A parameter; numbers and booleans are what they look like."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise MisuseError(f"{text} is no parameter.", f"Write {_FORM}.")
    try:
        plain = json.loads(value)
    except ValueError:
        return name, value
    return name, plain if isinstance(plain, bool | int | float) else value


def _script(file: str) -> str:
    try:
        return read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as problem:
        raise CliError("The command is not UTF-8 text.", "Save it as UTF-8.") from problem


@request_app.verb("diagnostics", "autoprovision request diagnostics req_01jd…")
def diagnostics(session: Session, *, request_id: RequestId) -> None:
    """Print what an operation's machines brought."""
    found = session.api.diagnostics_of(request_id)
    if session.out.as_json:
        session.out.emit(found, lambda _: None)
        return
    if not found["items"]:
        raise CliError(
            "This request has no diagnostics.",
            "`autoprovision application operate ID collect-diagnostics` collects them; they are "
            "kept for a week.",
        )
    texts = [_fetched(str(one["url"])) for one in found["items"]]
    session.out.emit(found, lambda _: print("\n".join(texts)))


def _fetched(url: str) -> str:
    try:
        answer = httpx.get(url, timeout=_FETCH_SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as problem:
        raise CliError("The diagnostics could not be fetched.", "Run it again.") from problem
    return answer.text
