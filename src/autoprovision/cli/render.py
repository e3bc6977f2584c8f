"""How answers look: data on stdout as tables or one JSON document, talk on stderr."""

import json
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.prompt import Confirm
from rich.table import Table
from rich.text import Text

from autoprovision.cli.errors import CliError

_WIDE = 200
_GOOD = {"SUCCEEDED", "AVAILABLE", "APPROVED", "AUTOMATIC", "CONFIRMED", "CREATED"}
_BAD = {
    "FAILED", "REJECTED", "EXPIRED", "INVALID", "OVER_QUOTA", "NEEDS_OPERATOR", "ERROR",
    "TAINTED", "REFUSED",
}  # fmt: skip
_PENDING = {
    "SUBMITTED", "AWAITING_APPROVAL", "PROVISIONING", "UPDATING", "TERMINATING", "COMPENSATING",
    "STARTED", "WAITING", "ONE_APPROVER", "TWO_APPROVERS",
}  # fmt: skip

Cell = Any
Column = tuple[str, Callable[[Mapping[str, Any]], Cell]]
Field = tuple[str, Cell]


class Output:
    """Where a command's answers go.

    The streams are looked up at every use, because tests and shells swap them.

    Args:
        as_json: Whether stdout gets exactly one JSON document.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def stdout(self) -> Console:
        """A console on stdout; wide enough for whole lines when it is no terminal."""
        return _console(sys.stdout)

    @property
    def stderr(self) -> Console:
        """A console on stderr."""
        return _console(sys.stderr)

    @property
    def can_ask(self) -> bool:
        """Whether a person sits at the terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def ask_yes(self, question: str) -> bool:
        """Ask a yes-or-no question on the terminal; no is the default."""
        return Confirm.ask(Text(clean(question)), console=self.stderr, default=False)

    def emit(self, document: Any, show: Callable[[Console], None]) -> None:
        """Print a command's answer.

        Args:
            document: The answer for programs.
            show: Prints it for people.
        """
        if self.as_json:
            print(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            show(self.stdout)

    def say(self, sentence: str, style: str = "") -> None:
        """Tell something on stderr."""
        self.stderr.print(Text(clean(sentence), style=style), soft_wrap=True)

    def fail(self, problem: CliError) -> None:
        """Tell what went wrong and what to run next; as JSON also on stdout."""
        self.say(problem.message, "bold red")
        if problem.details:
            table = _grid()
            for pointer, detail in problem.details:
                table.add_row("", Text(clean(pointer), style="bold"), Text(clean(detail)))
            print_table(self.stderr, table)
        if problem.hint:
            self.say(f"Next: {problem.hint}")
        if self.as_json:
            print(json.dumps(problem.document(), indent=2, ensure_ascii=False))


def money(credits_: object) -> str:
    """Credits as dollars: 1 credit is 1 US cent a month."""
    if not isinstance(credits_, int | float):
        return ""
    sign = "-" if credits_ < 0 else ""
    return f"{sign}${abs(credits_) / 100:,.2f}"


def moment(value: object) -> str:
    """A time of the API in the reader's own time zone; anything else as it is."""
    if not isinstance(value, str) or not value:
        return ""
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}" if at.tzinfo else value


def seconds(value: float) -> str:
    """A length of time: 42 s, 3 min 05 s, 5 h 10 min, 7 days 12 h."""
    whole = max(0, round(value))
    hours, days = whole // 3600, whole // 86_400
    if days >= 2:
        return f"{days} days {hours % 24} h"
    if hours:
        return f"{hours} h {whole % 3600 // 60:02} min"
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02} s"


def clean(value: object) -> str:
    """Text without control characters: nothing the API sends may steer a terminal."""
    return "".join(
        character if character == "\n" or unicodedata.category(character) != "Cc" else "\ufffd"
        for character in str(value)
    )


def legible(script: object) -> str:
    """A script as it is read by a shell: what a terminal would hide or turn around is spelt out."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character)[0] != "C"
        else f"<U+{ord(character):04X}>"
        for character in str(script)
    ).expandtabs()


def status_text(value: object) -> Text:
    """A status, a verdict or a decision in its colour."""
    word = clean(value or "")
    style = (
        "green"
        if word in _GOOD
        else "red"
        if word in _BAD
        else "yellow"
        if word in _PENDING
        else ""
    )
    return Text(word, style=style)


def show_table(
    console: Console, items: Iterable[Mapping[str, Any]], columns: Sequence[Column],
    *, whole: Collection[str] = (),
) -> None:  # fmt: skip
    """Print items as a table; columns that are empty in every row are left out.

    Args:
        whole: heads of columns whose cells are never broken over lines.
    """
    rows = [[_cell(read(item)) for _, read in columns] for item in items]
    kept = [index for index in range(len(columns)) if any(row[index].plain for row in rows)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index in kept or range(len(columns)):
        head = columns[index][0]
        table.add_column(head, overflow="fold", no_wrap=head in whole)
    for row in rows:
        table.add_row(*(row[index] for index in kept))
    print_table(console, table)


def show_fields(console: Console, fields: Iterable[Field]) -> None:
    """Print names and values; values that are empty are left out."""
    table = _grid()
    for name, value in fields:
        cell = _cell(value)
        if cell.plain:
            table.add_row(Text(name, style="bold"), cell)
    print_table(console, table)


def field(*path: str) -> Callable[[Mapping[str, Any]], Any]:
    """A reader of one member, however deep; None where anything on the way is missing."""

    def read(item: Mapping[str, Any]) -> Any:
        value: Any = item
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return read


def status_of(name: str = "status") -> Callable[[Mapping[str, Any]], Text]:
    """A reader of a status in its colour."""
    return lambda item: status_text(item.get(name))


def money_of(*path: str) -> Callable[[Mapping[str, Any]], str]:
    """A reader of credits as dollars."""
    read = field(*path)
    return lambda item: money(read(item))


def moment_of(*path: str) -> Callable[[Mapping[str, Any]], str]:
    """A reader of a time in the reader's own time zone."""
    read = field(*path)
    return lambda item: moment(read(item))


def _cell(value: Cell) -> Text:
    if isinstance(value, Text):
        return value
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        return Text(", ".join(clean(entry) for entry in value))
    if isinstance(value, Mapping):
        return Text(", ".join(f"{clean(name)}={clean(entry)}" for name, entry in value.items()))
    return Text(clean(value))


def print_table(console: Console, table: Table) -> None:
    """Print a table; what goes to a file has no blanks at the ends of its lines."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=console.file)


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.show_header = False
    return table


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else _WIDE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
