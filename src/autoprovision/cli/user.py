"""`autoprovision user`: who may sign in, for which business unit, in which role."""

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from autoprovision.cli.client import Document
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import REFUSED, CliError, MisuseError, RefusalError
from autoprovision.cli.files import read_bytes
from autoprovision.cli.interview import Interview
from autoprovision.cli.lists import (
    AllOption,
    CursorOption,
    LimitOption,
    UnitFilter,
    print_list,
)
from autoprovision.cli.render import field, show_fields, show_table, status_of, status_text
from autoprovision.cli.session import Session

app = Noun("user", "People: create, change and list them.")

ROLES = ("requester", "approver", "admin")
_CONFLICT = 409
_COLUMNS = {"email", "unit", "role", "approvesFor"}

EmailArgument = Annotated[
    str, typer.Argument(metavar="EMAIL", help="The person's address.", show_default=False)
]
ApprovesForOption = Annotated[
    list[str] | None,
    typer.Option(
        "--approves-for", metavar="UNIT", help="A unit an approver decides for; may be repeated."
    ),
]
_USER_COLUMNS = (
    ("email", field("email")),
    ("unit", field("unit")),
    ("role", field("role")),
    ("approves for", field("approvesFor")),
    ("status", status_of()),
    ("id", field("id")),
)


@app.verb("list", "autoprovision user list --unit physics")
def list_(
    session: Session,
    *,
    unit: UnitFilter = None,
    limit: LimitOption = 50,
    cursor: CursorOption = None,
    everything: AllOption = False,
) -> None:
    """List users."""
    print_list(
        session,
        session.api.users,
        _USER_COLUMNS,
        limit=limit,
        cursor=cursor,
        everything=everything,
        unit=unit,
    )


@app.verb("create", "autoprovision user create ada@example.edu --unit physics --role requester")
def create(
    session: Session,
    *,
    email: EmailArgument,
    unit: Annotated[
        str, typer.Option("--unit", metavar="UNIT", help="Who pays.", show_default=False)
    ],
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help=", ".join(ROLES), show_default=False)
    ],
    approves_for: ApprovesForOption = None,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Set the password that stdin holds; no invitation."),
    ] = False,
) -> None:
    """Create a user. Without a password they get an invitation by e-mail."""
    user: Document = {"email": email, "unit": unit, "role": _role(role)}
    if approves_for:
        user["approvesFor"] = approves_for
    if password_stdin:
        user["password"] = Interview(session.out, password_stdin=True).password()
    _show(session, session.api.create_user(user))


@app.verb("set", "autoprovision user set ada@example.edu --role approver --approves-for physics")
def set_(
    session: Session,
    *,
    email: EmailArgument,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="UNIT", help="Who pays from now on.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help=", ".join(ROLES))
    ] = None,
    approves_for: ApprovesForOption = None,
    quota: Annotated[
        int | None,
        typer.Option("--quota", metavar="N", min=0, help="The person's own limit, in credits."),
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let them sign in, or no longer.")
    ] = None,
) -> None:
    """Change a user; what is not named stays."""
    change: Document = {
        "unit": unit,
        "role": role and _role(role),
        "approvesFor": approves_for or None,
        "quota": quota,
        "status": None if enabled is None else "ACTIVE" if enabled else "DISABLED",
    }
    change = {name: value for name, value in change.items() if value is not None}
    if not change:
        raise MisuseError(
            "There is nothing to change.", "Name at least one of the options: --unit, --role, …"
        )
    user = session.api.user_by_email(email)
    _show(session, session.api.change_user(str(user.get("id")), change))


@app.verb("import", "autoprovision user import course.csv")
def import_(
    session: Session,
    *,
    file: Annotated[
        str,
        typer.Argument(
            metavar="CSV",
            help="Columns email, unit, role, and approvesFor if needed; - reads stdin.",
            show_default=False,
        ),
    ],
) -> None:
    """Create all users of a CSV file. Running it again only creates those who are missing."""
    results = []
    for user in list(_rows(file)):
        result = _imported(session, user)
        session.out.say(f"{result['email']}: {result['outcome']}")
        results.append(result)
    columns = (
        ("email", field("email")),
        ("outcome", status_of("outcome")),
        ("why", field("detail")),
    )

    def show_results(console: Console) -> None:
        show_table(console, results, columns)

    session.out.emit({"items": results, "next": None}, show_results)
    failed = sum(result["outcome"] == "FAILED" for result in results)
    if failed:
        session.out.say(f"{failed} of {len(results)} users could not be created.", "bold red")
        session.out.say("Next: correct their lines and run the same command again.")
        raise typer.Exit(REFUSED)


def _imported(session: Session, user: Document) -> dict[str, Any]:
    try:
        created = session.api.create_user(user)
    except RefusalError as problem:
        outcome = "EXISTS" if problem.status == _CONFLICT else "FAILED"
        faults = "; ".join(f"{pointer} {detail}" for pointer, detail in problem.details)
        detail = f"{problem.message} {faults}".strip()
        return {"email": user["email"], "outcome": outcome, "detail": detail}
    return {"email": user["email"], "outcome": "CREATED", "id": created.get("id")}


def _rows(file: str) -> Iterator[Document]:
    """The users of a CSV file, every line checked before the first is created."""
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise CliError(f"{file} is not UTF-8 text.", "Save it as UTF-8.") from problem
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    names = set(reader.fieldnames or ())
    if not {"email", "unit", "role"} <= names or not names <= _COLUMNS:
        raise CliError(
            f"The first line of {file} names the columns {', '.join(sorted(names)) or '(none)'}.",
            "It has to be email,unit,role or email,unit,role,approvesFor.",
        )
    for row in reader:
        cells = {name: (row.get(name) or "").strip() for name in reader.fieldnames or ()}
        if None in row or not all(cells[name] for name in ("email", "unit", "role")):
            raise CliError(
                f"Line {reader.line_num} of {file} has not one cell for each column.",
                "Correct it; nobody was created yet.",
            )
        units = cells.pop("approvesFor", "").split()
        yield {**cells, "role": _role(cells["role"]), **({"approvesFor": units} if units else {})}


def _role(role: str) -> str:
    if role.lower() not in ROLES:
        raise MisuseError(f"There is no role {role!r}.", f"Choose one of {', '.join(ROLES)}.")
    return role.lower()


def _show(session: Session, user: Document) -> None:
    session.out.emit(
        user,
        lambda console: show_fields(
            console,
            [
                ("email", user.get("email")),
                ("unit", user.get("unit")),
                ("role", user.get("role")),
                ("approves for", user.get("approvesFor")),
                ("status", status_text(user.get("status"))),
                ("id", user.get("id")),
            ],
        ),
    )
