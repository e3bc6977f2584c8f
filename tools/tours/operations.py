"""docs/tour-operations.md: machines patched, restarted, given a command, asked how they are."""

import json
from datetime import UTC, datetime

from tools.tours.stage import ROOT, Stage, stage

PAGE = ROOT / "docs" / "tour-operations.md"
EXAMPLE = ROOT / "catalog" / "virtual-machine" / "examples" / "dev.json"
MAIL = "lab@example.edu"
COMMAND = (
    'echo "Hello from $(uname -s), as the disk of this machine sees it:"\nls -A "$HOME" | wc -l\n'
)


def play() -> str:
    """The page of one run."""
    today = datetime.now(UTC).date()
    with stage() as tour:
        tour.say(
            f"# A tour of operations on machines\n\nOne run on the embedded AWS on {today}, by "
            "`python -m tools.tours operations --write`, with shortened sleeps. There is no machine on "
            "the embedded AWS: "
            "the runbooks really run, and what they say to a machine is done by a process of this "
            "one, which its output says. [Runbooks](runbooks.md) tells how it works."
        )
        tour.up(AUTOMATION_SLEEP_SCALE="0.1")
        tour.people("physics", ("ada@example.edu", "requester"), quota=100_000)
        sent = {**json.loads(EXAMPLE.read_text("utf-8")), "ApplicationName": "pendulum"}
        sent |= {"ProjectEmail": MAIL}
        sent.pop("BusinessUnit", None)
        tour.file("pendulum.json", sent, shown=False)
        tour.quietly("--profile", "ada", "request", "submit", "pendulum.json", "--watch")
        application = str(tour.read("application", "list")["items"][0]["id"])
        tour.say("## What can be done")
        tour.run("--profile", "ada", "application", "operations", application)
        _command(tour, application)
        _one_by_one(tour, application)
        _diagnostics(tour, application)
        tour.say("## Told")
        tour.show(f"Mails to {MAIL}:", *(f"- {mail.subject}" for mail in tour.mails(MAIL)))
        return tour.page() + "\n"


def _operate(tour: Stage, application: str, *words: str, stdin: str = "") -> None:
    tour.run(
        "--profile", "ada", "application", "operate", application, *words, "--watch", "--yes",
        stdin=stdin,
    )  # fmt: skip


def _command(tour: Stage, application: str) -> None:
    tour.say("## A command")
    tour.say("The script is read from stdin and travels by reference. It writes:")
    tour.show(*COMMAND.splitlines())
    _operate(tour, application, "run-command", "--command", "-", stdin=COMMAND)
    tour.say("One that fails says where, and leaves the application as it is:")
    _operate(tour, application, "run-command", "--command", "-", stdin="echo so far; exit 3\n")


def _one_by_one(tour: Stage, application: str) -> None:
    tour.say("## Restarted, one machine after the other")
    _operate(tour, application, "restart")
    tour.say("## Patched, honestly")
    _operate(tour, application, "patch", "--parameter", "restart=NoReboot")


def _diagnostics(tour: Stage, application: str) -> None:
    tour.say("## Diagnostics")
    _operate(tour, application, "collect-diagnostics", "--parameter", "logLines=5")
    newest = str(tour.read("--profile", "ada", "request", "list")["items"][0]["id"])
    tour.run("--profile", "ada", "request", "diagnostics", newest, keep=14)
