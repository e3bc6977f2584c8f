"""`--watch`: to success, to failure, over network blips, and Ctrl-C."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from rich.console import Console
from typer.testing import Result
from werkzeug import Request, Response

from autoprovision.cli import progress
from autoprovision.cli.errors import CliError, UnreachableError
from autoprovision.cli.profiles import Profile
from autoprovision.cli.progress import Steps, Subject, Timeline, Watch
from autoprovision.cli.render import Output


def event(number: int, step: str, status: str, **more: Any) -> dict[str, Any]:
    at = f"2026-11-22T09:00:{number:02}Z"
    return {"id": f"evt_{number}", "at": at, "step": step, "status": status, **more}


class Story:
    """A request that moves on with every look: its states, and the events told so far."""

    def __init__(
        self, resource: dict[str, Any], chapters: list[tuple[Any, list[dict[str, Any]]]]
    ) -> None:
        self.resource = resource
        self.chapters = chapters
        self.told: list[dict[str, Any]] = []
        self.cursors: list[str | None] = []

    def read(self, _: Request) -> Response:
        status, events = self.chapters.pop(0) if len(self.chapters) > 1 else self.chapters[0]
        if isinstance(status, int):
            return Response(json.dumps({"detail": "Gone for a moment."}), status)
        self.told += [each for each in events if each not in self.told]
        return Response(json.dumps({**self.resource, "status": status}))

    def events(self, request: Request) -> Response:
        """Pages of two; the cursor is the number of events before the page."""
        cursor = request.args.get("cursor")
        self.cursors.append(cursor)
        start = int(cursor or 0)
        following = start + 2 if len(self.told) > start + 2 else None
        page = {"items": self.told[start : start + 2], "next": following and str(following)}
        return Response(json.dumps(page))


@pytest.fixture
def tell(httpserver: HTTPServer, a_request: dict[str, Any]):
    def go(*chapters: tuple[Any, list[dict[str, Any]]], path: str = "/requests/req_1") -> Story:
        story = Story(a_request, list(chapters))
        httpserver.expect_request(path).respond_with_handler(story.read)
        httpserver.expect_request(path + "/events").respond_with_handler(story.events)
        return story

    return go


GOOD = (
    ("SUBMITTED", [event(1, "PreparePlan", "STARTED")]),
    ("PROVISIONING", [event(2, "PreparePlan", "SUCCEEDED"), event(3, "LaunchStack", "STARTED", expectedSeconds=75)]),
    ("PROVISIONING", [event(4, "LaunchStack", "SUCCEEDED", message="The stack is there.")]),
    ("SUCCEEDED", [event(5, "CheckUrl", "SUCCEEDED"), event(6, "Notify", "SUCCEEDED")]),
)  # fmt: skip


def test_watch_to_success_tells_every_event_once(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
    tell: Callable[..., Any],
):
    httpserver.expect_oneshot_request("/requests", method="POST").respond_with_json(a_request, 202)
    a_request["url"] = "http://shop.example.edu/"
    story = tell(*GOOD)
    result = run("request", "submit", str(template), "--watch")
    assert result.exit_code == 0, result.stderr
    assert "http://shop.example.edu/" in result.stdout
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 6
    assert "LaunchStack  started (about 1 min 15 s)" in lines[2]
    assert "LaunchStack  done  The stack is there." in lines[3]
    assert "LaunchStack" not in result.stdout
    assert story.cursors[0] is None
    assert story.cursors[-1] == "4"


def test_watch_as_json_prints_the_final_state_only(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
    tell: Callable[..., Any],
):
    httpserver.expect_oneshot_request("/requests", method="POST").respond_with_json(a_request, 202)
    tell(*GOOD)
    result = run("request", "submit", str(template), "--watch", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {**a_request, "status": "SUCCEEDED"}


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("FAILED", "request resubmit req_1"),
        ("REJECTED", "request resubmit req_1 FILE"),
        ("EXPIRED", "request resubmit req_1"),
        ("CANCELLED", "It ended CANCELLED"),
        ("NEEDS_OPERATOR", "request resume req_1"),
    ],
)
def test_a_bad_end_is_1_and_says_why_and_what_next(
    ada: Profile,
    run: Callable[..., Result],
    a_request: dict[str, Any],
    tell: Callable[..., Any],
    status: Any,
    advice: str,
):
    a_request["message"] = "The stack could not be made."
    tell(("PROVISIONING", []), ("COMPENSATING", []), (status, []))
    result = run("request", "show", "req_1", "--watch", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == status
    assert f"It ended {status}. The stack could not be made." in result.stderr
    assert advice in result.stderr


def test_a_change_that_ends_badly_is_asked_for_again(
    ada: Profile,
    run: Callable[..., Result],
    a_request: dict[str, Any],
    tell: Callable[..., Any],
):
    a_request |= {"kind": "update", "applicationId": "app_1"}
    tell(("PROVISIONING", []), ("FAILED", []))
    result = run("request", "show", "req_1", "--watch", "--json")
    assert result.exit_code == 1
    assert "application update app_1 FILE" in result.stderr
    assert "resubmit" not in result.stderr


def test_watch_survives_blips(
    ada: Profile,
    run: Callable[..., Result],
    tell: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
):
    blips = [(500, [])] * 2
    tell(("PROVISIONING", []), *blips, *GOOD)
    result = run("request", "show", "req_1", "--watch")
    assert result.exit_code == 0
    assert result.stderr.count("Still trying") == 1
    assert "The API answers again." in result.stderr


def test_watch_ends_at_once_when_it_may_not_look(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_request("/requests/req_1").respond_with_json({"detail": "No such."}, 404)
    result = run("request", "show", "req_1", "--watch")
    assert result.exit_code == 1
    assert len(httpserver.log) == 1


def test_update_watches_the_request_that_changes_the_application(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    an_application: dict[str, Any],
    tell: Callable[..., Any],
):
    moving = {**an_application, "status": "UPDATING", "operation": "req_2"}
    httpserver.expect_oneshot_request("/applications/app_1", method="PATCH").respond_with_json(
        moving, 202
    )
    httpserver.expect_request("/applications/app_1", method="GET").respond_with_json(an_application)
    tell(
        ("PROVISIONING", []),
        ("FAILED", [event(1, "LaunchUpdate", "FAILED")]),
        path="/requests/req_2",
    )
    result = run("application", "update", "app_1", str(template), "--watch", "--json")
    # The application is as it was and well; that the change failed must not look like success.
    assert result.exit_code == 1
    assert json.loads(result.stdout) == an_application
    assert "LaunchUpdate  failed" in result.stderr


def test_terminate_may_answer_with_its_request(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    an_application: dict[str, Any],
    tell: Callable[..., Any],
):
    httpserver.expect_oneshot_request("/applications/app_1", method="DELETE").respond_with_json(
        {"id": "req_3", "status": "SUBMITTED"}, 202
    )
    gone = {**an_application, "status": "TERMINATED"}
    httpserver.expect_request("/applications/app_1", method="GET").respond_with_json(gone)
    tell(("PROVISIONING", []), ("SUCCEEDED", []), path="/requests/req_3")
    result = run("application", "terminate", "app_1", "--watch", "--yes", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == gone


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({}, "application publish app_1"),
        ({"plan": {"digest": "sha256:d1"}}, "application update app_1 FILE"),
        ({"reason": "STACK_GONE"}, "application terminate app_1"),
    ],
)
def test_a_change_that_failed_is_made_again_by_its_own_verb(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    change: dict[str, Any],
    advice: str,
):
    failed = {
        "id": "req_4", "status": "FAILED", "kind": "update", "applicationId": "app_1", **change,
    }  # fmt: skip
    httpserver.expect_request("/requests/req_4").respond_with_json(failed)
    httpserver.expect_request("/requests/req_4/events").respond_with_json({"items": []})
    result = run("request", "show", "req_4", "--watch")
    assert result.exit_code == 1
    assert advice in result.stderr


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--watch",), 1)])
def test_an_end_that_takes_a_second_person_is_asked_not_watched(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    an_application: dict[str, Any],
    more: tuple[str, ...],
    code: int,
):
    waiting = {**an_application, "terminationAskedAt": "2026-11-26T10:00:00.000Z"}
    httpserver.expect_oneshot_request("/applications/app_1", method="DELETE").respond_with_json(
        waiting, 202
    )
    result = run("application", "terminate", "app_1", "--yes", "--json", *more)
    assert result.exit_code == code
    assert json.loads(result.stdout) == waiting
    assert "It is asked, not ended" in result.stderr
    assert "confirm-termination app_1" in result.stderr
    assert "It ended" not in result.stderr


@pytest.mark.parametrize(("end", "code"), [("TERMINATED", 0), ("ERROR", 1), ("TAINTED", 1)])
def test_without_a_request_the_application_itself_is_watched(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    an_application: dict[str, Any],
    end: str,
    code: Any,
):
    states = ["TERMINATING", "TERMINATING", end]
    httpserver.expect_oneshot_request("/applications/app_1", method="DELETE").respond_with_json(
        {**an_application, "status": "TERMINATING"}, 202
    )
    httpserver.expect_request("/applications/app_1", method="GET").respond_with_handler(
        lambda _: Response(json.dumps({**an_application, "status": states.pop(0)}))
    )
    result = run("application", "terminate", "app_1", "--watch", "--json")
    assert result.exit_code == code
    assert json.loads(result.stdout)["status"] == end


def _watch(read: Callable[[], dict[str, Any]], clock: Callable[[], float] = lambda: 0.0) -> Watch:
    class NoEvents:
        def request_events(self, *_: object) -> dict[str, Any]:
            return {}

    subject = Subject(
        "request req_1", read, lambda _: False, "autoprovision request show req_1 --watch"
    )
    timeline = Timeline(NoEvents(), "req_1")  # type: ignore[arg-type]
    return Watch(subject, timeline, Output(as_json=False), sleep=lambda _: None, clock=clock)


def test_watch_gives_up_after_five_minutes_and_tells_how_to_go_on(
    capsys: pytest.CaptureFixture[str],
):
    seconds = iter(range(0, 10_000, 100))

    def away() -> dict[str, Any]:
        raise UnreachableError("The API does not answer.")

    with pytest.raises(CliError) as caught:
        _watch(away, clock=lambda: next(seconds)).to_the_end()
    assert "stayed away for 5 min 00 s" in caught.value.message
    assert "request show req_1 --watch" in caught.value.hint


def test_a_cursor_that_never_ends_is_read_once_a_look():
    class Endless:
        looks = 0

        def request_events(self, _: str, cursor: str | None) -> dict[str, Any]:
            self.looks += 1
            assert self.looks < 10
            return {"items": [], "next": f"c{self.looks}"}

    assert Timeline(Endless(), "req_1").news() == []  # type: ignore[arg-type]


def test_the_live_table_shows_step_state_elapsed_and_expected(monkeypatch: pytest.MonkeyPatch):
    steps = Steps("request req_1")
    for each in (
        event(1, "LaunchStack", "STARTED", expectedSeconds=75),
        event(41, "LaunchStack", "SUCCEEDED"),
        event(42, "AskApproval", "WAITING", message="Somebody has to approve."),
        event(43, "", "INFO", message="A note."),
    ):
        steps.add(each)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(steps)
    text = console.export_text()
    for part in (
        "✓",
        "LaunchStack",
        "done",
        "40 s",
        "about 1 min 15 s",
        "waits",
        "Somebody has to approve.",
        "A note.",
    ):
        assert part in text


def test_pauses_grow_while_nothing_happens_and_shrink_on_news(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "_FIRST_PAUSE", 1.0)
    monkeypatch.setattr(progress, "_LONGEST_PAUSE", 1.9)
    pauses: list[float] = []
    looks = [
        {"items": []},
        {"items": []},
        {"items": [event(1, "Notify", "STARTED")]},
        {"items": []},
    ]

    class Api:
        def request_events(self, *_: object) -> dict[str, Any]:
            return looks.pop(0)

    subject = Subject("request req_1", dict, lambda _: not looks, "")
    timeline = Timeline(Api(), "req_1")  # type: ignore[arg-type]
    Watch(subject, timeline, Output(as_json=False), sleep=pauses.append).to_the_end()
    assert pauses == [1.4, 1.9, 1.0]
