"""Watches long work to its end: live per step on a terminal, plain lines without one."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import typer
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from autoprovision.cli.client import ApiClient, Document
from autoprovision.cli.errors import INTERRUPTED, CliError, RefusalError, UnreachableError
from autoprovision.cli.render import Output, clean, seconds

_FIRST_PAUSE = 0.3
_LONGEST_PAUSE = 4.0
_SLOWER = 1.4
_PATIENCE_SECONDS = 300.0
_SERVER_FAULT = 500
_STILL = {"STARTED", "WAITING"}
_WORDS = {
    "STARTED": "started", "SUCCEEDED": "done", "FAILED": "failed", "WAITING": "waits",
    "INFO": "note",
}  # fmt: skip
_MARKS = {"SUCCEEDED": "✓", "FAILED": "✗"}
_STYLES = {"SUCCEEDED": "green", "FAILED": "red", "WAITING": "yellow"}


@dataclass
class Subject:
    """What is watched.

    Attributes:
        title: What it is called on the screen.
        read: Reads the resource as it is now.
        is_over: Whether a state of the resource is final.
        resume_with: The command that watches on.
    """

    title: str
    read: Callable[[], Document]
    is_over: Callable[[Mapping[str, Any]], bool]
    resume_with: str


class Timeline:
    """Reads a request's events with the cursor, each event once.

    Args:
        api: The API.
        request_id: Whose timeline; None reads nothing.
    """

    def __init__(self, api: ApiClient, request_id: str | None) -> None:
        self._api = api
        self._id = request_id
        self._cursor: str | None = None
        self._seen: set[str] = set()

    def news(self) -> list[Document]:
        """The events that were not read before."""
        fresh: list[Document] = []
        while self._id is not None:
            page = self._api.request_events(self._id, self._cursor)
            items = page.get("items") or []
            for event in items:
                identity = str(event.get("id") or sorted(event.items()))
                if identity not in self._seen:
                    self._seen.add(identity)
                    fresh.append(event)
            # The last page has no cursor: the next look starts again at its beginning.
            following = page.get("next")
            if not items or not following or following == self._cursor:
                break
            self._cursor = str(following)
        return fresh


@dataclass
class Steps:
    """The steps seen so far, drawn again at every look."""

    title: str
    events: dict[str, Document] = field(default_factory=dict)
    began: dict[str, datetime] = field(default_factory=dict)
    note: str = ""
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))

    def add(self, event: Document) -> None:
        """Take an event in."""
        status = event.get("status")
        name = str(event.get("step") or "")
        if status == "INFO" or not name:
            self.note = str(event.get("message") or "")
            return
        if status == "STARTED" or name not in self.began:
            self.began[name] = _instant(event.get("at"))
        expected = self.events.get(name, {}).get("expectedSeconds")
        self.events[name] = {"expectedSeconds": expected, **event}

    def elapsed(self, name: str) -> float:
        """How long a step has taken, or took."""
        event = self.events[name]
        end = datetime.now(UTC) if event.get("status") in _STILL else _instant(event.get("at"))
        return max(0.0, (end - self.began[name]).total_seconds())

    def __rich__(self) -> Table:
        """The table that a terminal shows."""
        table = Table(box=None, pad_edge=False, title=clean(self.title), title_justify="left")
        for header in ("", "step", "state", "elapsed", "expected", ""):
            table.add_column(header)
        for name, event in self.events.items():
            status = str(event.get("status") or "")
            expected = event.get("expectedSeconds")
            table.add_row(
                self.spinner if status in _STILL else _MARKS.get(status, ""),
                clean(name),
                Text(_WORDS.get(status, clean(status)), style=_STYLES.get(status, "")),
                seconds(self.elapsed(name)),
                f"about {seconds(expected)}" if isinstance(expected, int | float) else "",
                clean(event.get("message") or ""),
            )
        if self.note:
            table.caption, table.caption_justify = clean(self.note), "left"
        return table


class Watch:
    """Follows one subject until it is over.

    Args:
        subject: What is watched.
        timeline: Where its steps are told.
        out: Where the progress is shown: always stderr.
        sleep: Waits for some seconds.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        subject: Subject,
        timeline: Timeline,
        out: Output,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subject = subject
        self._timeline = timeline
        self._out = out
        self._sleep = sleep
        self._clock = clock
        self._steps = Steps(subject.title)
        self._resource: Document = {}
        self._live = False

    def to_the_end(self) -> Document:
        """Watch until it is over.

        Returns:
            The resource in its final state.

        Raises:
            CliError: The API stayed away for five minutes, or refused.
            typer.Exit: Ctrl-C; the work itself goes on.
        """
        try:
            with self._shown():
                return self._follow()
        except KeyboardInterrupt as stop:
            self._out.say(f"Stopped watching; {self._subject.title} goes on.")
            self._out.say(f"Next: `{self._subject.resume_with}` watches on.")
            if self._out.as_json:
                self._out.emit(self._resource, lambda _: None)
            raise typer.Exit(INTERRUPTED) from stop

    def _follow(self) -> Document:
        pause = _FIRST_PAUSE
        lost_since: float | None = None
        while True:
            try:
                news = self._look()
            except (UnreachableError, RefusalError) as problem:
                if isinstance(problem, RefusalError) and problem.status < _SERVER_FAULT:
                    raise
                lost_since = lost_since if lost_since is not None else self._lost(problem)
                if self._clock() - lost_since > _PATIENCE_SECONDS:
                    raise self._given_up(problem) from problem
                news = False
            else:
                if lost_since is not None:
                    self._tell("The API answers again.")
                    lost_since = None
                if self._subject.is_over(self._resource):
                    return self._resource
            pause = _FIRST_PAUSE if news else min(_LONGEST_PAUSE, pause * _SLOWER)
            self._sleep(pause)

    def _look(self) -> bool:
        # The resource first: once it is over, its timeline is whole.
        self._resource = self._subject.read()
        news = self._timeline.news()
        for event in news:
            self._steps.add(event)
            if not self._live:
                self._out.say(_line(event))
        return bool(news)

    def _lost(self, problem: CliError) -> float:
        self._tell(f"{problem.message} Still trying; {self._subject.title} goes on meanwhile.")
        return self._clock()

    def _given_up(self, problem: CliError) -> CliError:
        return CliError(
            f"{problem.message} It has stayed away for {seconds(_PATIENCE_SECONDS)}.",
            f"{self._subject.title} goes on; `{self._subject.resume_with}` watches on.",
        )

    def _tell(self, sentence: str) -> None:
        if self._live:
            self._steps.note = sentence
        else:
            self._out.say(sentence)

    @contextmanager
    def _shown(self) -> Iterator[None]:
        console = self._out.stderr
        self._live = console.is_terminal
        screen = Live(self._steps, console=console, refresh_per_second=8) if self._live else None
        with screen or nullcontext():
            yield


def _line(event: Mapping[str, Any]) -> str:
    status = str(event.get("status") or "")
    expected = event.get("expectedSeconds")
    about = f" (about {seconds(expected)})" if isinstance(expected, int | float) else ""
    at = f"{_instant(event.get('at')).astimezone():%H:%M:%S}"
    words = (at, str(event.get("step") or ""), _WORDS.get(status, status) + about)
    message = str(event.get("message") or "")
    return "  ".join(word for word in (*words, message) if word)


def _instant(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
