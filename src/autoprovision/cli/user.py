"""`autoprovision user`: who may sign in, for which business unit, in which role."""

import csv
import io
from collections.abc import Iterator
from typing import Annotated

import typer

from autoprovision.cli.client import Document
from autoprovision.cli.commands import Noun
from autoprovision.cli.errors import REFUSED, CliError, MisuseError
from autoprovision.cli.files import read_bytes
from autoprovision.cli.interview import Interview
from autoprovision.cli.lists import Paging, UnitFilter, print_list
from autoprovision.cli.render import field, money, show_fields, show_table, status_of, status_text
from autoprovision.cli.session import Session

app = Noun("user", "People: create, change and list them.")

ROLES = ("requester", "approver", "admin")
_COLUMNS = {"email", "unit", "role"}

EmailArgument = Annotated[
    str, typer.Argument(metavar="EMAIL", help="The person's address.", show_default=False)
]
ApprovesForOption = Annotated[
    list[str] | None,
    typer.Option(
        "--approves-for", metavar="UNIT", help="A unit an approver decides for; may be repeated."
    ),
]
QuotaOption = Annotated[
    int | None,
    typer.Option("--quota", metavar="N", min=0, help="The person's own limit, in credits."),
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
def list_(session: Session, *, unit: UnitFilter = None, paging: Paging) -> None:
    """List users."""
    print_list(session, session.api.users, _USER_COLUMNS, paging, unit=unit)


@app.verb("create", "autoprovision user create ada@example.edu --unit physics --role requester")
def create(
    session: Session,
    *,
    email: EmailArgument,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help=", ".join(ROLES), show_default=False)
    ],
    unit: Annotated[str | None, typer.Option("--unit", metavar="UNIT", help="Who pays.")] = None,
    approves_for: ApprovesForOption = None,
    quota: QuotaOption = None,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Set the password that stdin holds; no invitation."),
    ] = False,
) -> None:
    """Create a user. Without a password they get an invitation by e-mail."""
    user: Document = {"email": email, "role": _role(role)}
    if unit is not None:
        user["unit"] = unit
    if approves_for:
        user["approvesFor"] = approves_for
    if quota is not None:
        user["quota"] = quota
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
    quota: QuotaOption = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Let them sign in, or no longer.")
    ] = None,
    move_applications: Annotated[
        bool,
        typer.Option("--move-applications", help="Their applications go to the new unit too."),
    ] = False,
    lost_device: Annotated[
        bool,
        typer.Option("--lost-device", help="Let them enrol another authenticator app."),
    ] = False,
) -> None:
    """Change a user; what is not named stays."""
    change: Document = {
        "unit": unit,
        "role": role and _role(role),
        "approvesFor": approves_for or None,
        "quota": quota,
        "status": None if enabled is None else "ACTIVE" if enabled else "DISABLED",
        "moveApplications": move_applications or None,
        "forgetSecondFactor": lost_device or None,
    }
    change = {name: value for name, value in change.items() if value is not None}
    if not change:
        raise MisuseError(
            "There is nothing to change.", "Name at least one of the options: --unit, --role, …"
        )
    user = session.api.user_by_email(email)
    changed = session.api.change_user(str(user.get("id")), change)
    _show(session, changed)
    if changed.get("liveApplications"):
        session.out.say(
            f"Theirs live on in {user.get('unit')}: {', '.join(changed['liveApplications'])}.",
            "yellow",
        )
        session.out.say(
            "Next: `autoprovision application move ID --unit UNIT`, or `autoprovision application"
            " terminate ID`."
        )


@app.verb("import", "autoprovision user import course.csv")
def import_(
    session: Session,
    *,
    file: Annotated[
        str,
        typer.Argument(
            metavar="CSV", help="Columns email, unit and role; - reads stdin.", show_default=False
        ),
    ],
    best_effort: Annotated[
        bool,
        typer.Option(
            "--best-effort", help="Do the lines without a fault, even if others have one."
        ),
    ] = False,
) -> None:
    """Create or change everybody of a CSV file. Running it again changes nothing twice."""
    mode = "best-effort" if best_effort else "all-or-nothing"
    answer = session.api.import_users({"rows": list(_rows(file)), "mode": mode})
    columns = (
        ("line", field("line")),
        ("email", field("email")),
        ("result", field("result")),
        ("why", field("message")),
    )
    session.out.emit(
        answer, lambda console: show_table(console, answer.get("lines") or [], columns)
    )
    failed = answer.get("failed") or 0
    if failed:
        session.out.say(f"Failed lines: {failed}.", "bold red")
        session.out.say("Next: correct them and run the same command again.")
        raise typer.Exit(REFUSED)


def _rows(file: str) -> Iterator[Document]:
    """The lines of a CSV file as the API takes them."""
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise CliError(f"{file} is not UTF-8 text.", "Save it as UTF-8.") from problem
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    names = set(reader.fieldnames or ())
    if names != _COLUMNS:
        raise CliError(
            f"The first line of {file} names the columns {', '.join(sorted(names)) or '(none)'}.",
            "It has to be: email,unit,role",
        )
    for row in reader:
        cells = {name: (row.get(name) or "").strip() for name in _COLUMNS}
        if None in row or not (cells["email"] and cells["role"]):
            raise CliError(
                f"Line {reader.line_num} of {file} has not one cell for each column.",
                "Correct it; nothing was done yet.",
            )
        yield {**cells, "unit": cells["unit"] or None, "role": _role(cells["role"])}


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
                ("quota", _own_quota(user)),
                ("status", status_text(user.get("status"))),
                ("moved with them", ", ".join(user.get("movedApplications") or ())),
                ("id", user.get("id")),
            ],
        ),
    )


def _own_quota(user: Document) -> str:
    quota = user.get("quota")
    return "" if quota is None else f"{money(quota)} a month ({quota} credits)"
