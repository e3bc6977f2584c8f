"""What goes wrong: sentences, exit codes, retries and tokens."""

import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import Result
from werkzeug import Request, Response

from autoprovision.cli import session as session_module
from autoprovision.cli.profiles import Platform, Profile, ProfileStore, Tokens

PROBLEM = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "There are 2 faults in what was sent.",
    "code": "INVALID_INPUT",
    "errors": [
        {"pointer": "/ApplicationName", "detail": "Use 2 to 40 letters.", "code": "INVALID_VALUE"},
        {"pointer": "/Colour", "detail": "There is no key 'Colour'.", "code": "UNKNOWN_KEY"},
    ],
}


def test_every_field_error_is_shown_with_what_to_run_next(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, template: Path
):
    httpserver.expect_oneshot_request("/requests", method="POST").respond_with_json(PROBLEM, 400)
    result = run("request", "submit", str(template))
    assert result.exit_code == 1
    assert result.stdout == ""
    for part in (
        "There are 2 faults in what was sent. (INVALID_INPUT 400)",
        "/ApplicationName  Use 2 to 40 letters.",
        "/Colour           There is no key 'Colour'.",
        "Next: Correct the JSON template.",
    ):
        assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_with_json_a_refusal_is_the_problem_document(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, template: Path
):
    httpserver.expect_oneshot_request("/requests", method="POST").respond_with_json(PROBLEM, 400)
    result = run("request", "submit", str(template), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == PROBLEM


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (409, "OVER_QUOTA", "autoprovision unit set UNIT --quota N"),
        (409, "NAME_TAKEN", "another ApplicationName"),
        (403, "FORBIDDEN", "login EMAIL"),
        (422, "IDEMPOTENCY_MISMATCH", "--idempotency-key"),
        (500, "", "Run the same command again"),
    ],
)
def test_the_next_step_follows_from_the_code(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    status: Any,
    code: Any,
    hint: str,
):
    httpserver.expect_request("/requests", method="POST").respond_with_json(
        {"title": "No", "detail": "It was refused.", "code": code}, status
    )
    result = run("request", "submit", str(template))
    assert result.exit_code == 1
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("words", "status", "problem", "hint"),
    [
        ("application show app_1", 404, {}, "`autoprovision application list` shows the ids."),
        ("application show req_1", 404, {}, "a request: `autoprovision request show req_1`."),
        ("request cancel app_1", 404, {}, "an application: `autoprovision application show app_1`"),
        ("approval show req_1", 404, {}, "`autoprovision approval list`"),
        ("finding show nope", 404, {}, "`autoprovision finding list`"),
        ("application extend app_1 x", 400, {}, "Correct what is named above"),
        ("request resume req_1 --retain X", 400, {}, "Correct what is named above"),
        ("finding resolve fnd_1 --comment x", 400, {}, "Correct what is named above"),
        ("application update app_1 FILE", 400, {}, "autoprovision application plan app_1 FILE"),
        ("application plan app_1 FILE", 400, {}, "autoprovision application plan app_1 FILE"),
        ("request plan FILE", 400, {}, "Correct the JSON template."),
        ("request cancel req_1", 409, {"code": "WRONG_STATUS"}, "autoprovision request show req_1"),
        ("application publish app_1", 409, {"code": "WRONG_STATUS"}, "application show app_1"),
        (
            "application publish app_1", 409,
            {"code": "OPERATION_IN_PROGRESS", "operation": "req_7"}, "request show req_7",
        ),
        ("application publish app_1", 409, {"code": "OPERATION_IN_PROGRESS"}, "show app_1"),
        ("application plan app_1 FILE", 409, {"code": "STACK_GONE"}, "terminate app_1"),
        ("unit set physics --quota 5", 409, {}, "autoprovision unit show physics"),
    ],
)  # fmt: skip
def test_the_next_step_fits_what_was_called(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    words: str,
    status: int,
    problem: dict[str, str],
    hint: str,
):
    httpserver.expect_request(re.compile(".*")).respond_with_json(
        {"detail": "It was refused.", **problem}, status
    )
    result = run(*words.replace("FILE", str(template)).split())
    assert result.exit_code == 1
    assert hint in result.stderr


def test_advice_of_the_server_wins(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, template: Path
):
    httpserver.expect_request("/plans", method="POST").respond_with_json(
        {"detail": "Too much.", "code": "OVER_QUOTA", "advice": "Use dev: it costs $2.00."}, 409
    )
    assert "Next: Use dev: it costs $2.00." in run("request", "plan", str(template)).stderr


def test_an_answer_that_is_no_json_is_told(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_oneshot_request("/requests/req_1").respond_with_data("<html>", status=200)
    result = run("request", "show", "req_1")
    assert result.exit_code == 1
    assert "no JSON object" in result.stderr
    httpserver.expect_oneshot_request("/requests/req_1").respond_with_data("<html>", status=418)
    assert "418" in run("request", "show", "req_1").stderr


def test_gateway_style_messages_are_shown(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_request("/requests/req_1").respond_with_json({"message": "Forbidden"}, 403)
    assert "Forbidden (HTTP 403)" in run("request", "show", "req_1").stderr


def test_429_and_503_are_tried_again_with_the_same_key(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
):
    answers = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0"}), (202, {})]

    def answer(_: Request) -> Response:
        status, headers = answers.pop(0)
        return Response(json.dumps(a_request), status, headers)

    httpserver.expect_request("/requests", method="POST").respond_with_handler(answer)
    assert run("request", "submit", str(template)).exit_code == 0
    assert len(httpserver.log) == 3
    assert len({request.headers["Idempotency-Key"] for request, _ in httpserver.log}) == 1


def test_a_patch_is_not_repeated_after_503(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, template: Path
):
    httpserver.expect_request("/applications/app_1", method="PATCH").respond_with_json(
        {"detail": "Down."}, 503, headers={"Retry-After": "0"}
    )
    assert run("application", "update", "app_1", str(template)).exit_code == 1
    assert len(httpserver.log) == 1


def test_a_call_that_is_still_worked_on_is_asked_for_again(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
) -> None:
    busy = {"detail": "It is being worked on.", "code": "IN_PROGRESS"}
    answers = [(409, busy, {"Retry-After": "0"}), (202, a_request, {})]

    def answer(_: Request) -> Response:
        status, content, headers = answers.pop(0)
        return Response(json.dumps(content, separators=(",", ":")), status, headers)

    httpserver.expect_request("/requests", method="POST").respond_with_handler(answer)
    assert run("request", "submit", str(template)).exit_code == 0
    assert len({request.headers["Idempotency-Key"] for request, _ in httpserver.log}) == 1


def test_patience_ends(ada: Profile, run: Callable[..., Result], httpserver: HTTPServer):
    httpserver.expect_request("/requests/req_1").respond_with_json(
        {"detail": "Down.", "code": "UNAVAILABLE"}, 503, headers={"Retry-After": "0"}
    )
    result = run("request", "show", "req_1")
    assert result.exit_code == 1
    assert len(httpserver.log) == 4


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_dead_api_is_named_with_what_to_run(store: ProfileStore, run: Callable[..., Result]):
    url = f"http://127.0.0.1:{_free_port()}"
    tokens = Tokens("a", "r", time.time() + 3600)
    store.save(Profile("default", Platform(url, "eu-west-1", "c"), "ada@example.edu", tokens))
    result = run("request", "list")
    assert result.exit_code == 1
    assert url in result.stderr
    assert "autoprovision status" in result.stderr
    assert "autoprovision up" in result.stderr


def test_an_expired_access_token_is_refreshed_and_kept(
    ada: Profile,
    store: ProfileStore,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    sign_in: Any,
    a_request: dict[str, Any],
):
    store.save(ada.signed_in(ada.email, Tokens("old", "refresh-ada", time.time() - 5)))
    result = {"AccessToken": "fresh", "ExpiresIn": 3600}
    sign_in.will("InitiateAuth", {"AuthenticationResult": result})
    httpserver.expect_request(
        "/requests/req_1", headers={"Authorization": "Bearer fresh"}
    ).respond_with_json(a_request)
    ok("request", "show", "req_1", "--json")
    ok("request", "show", "req_1", "--json")
    assert [name for name, _ in sign_in.asked] == ["InitiateAuth"]
    assert sign_in.payload("InitiateAuth")["AuthFlow"] == "REFRESH_TOKEN_AUTH"
    kept = store.load("default")
    assert kept is not None
    assert kept.tokens is not None
    assert (kept.tokens.access, kept.tokens.refresh) == ("fresh", "refresh-ada")


def test_a_401_is_answered_with_one_refresh(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    sign_in: Any,
    a_request: dict[str, Any],
):
    sign_in.will_sign_in("fresh")
    httpserver.expect_request(
        "/requests/req_1", headers={"Authorization": "Bearer access-ada"}
    ).respond_with_json({"message": "Unauthorized"}, 401)
    httpserver.expect_request(
        "/requests/req_1", headers={"Authorization": "Bearer fresh"}
    ).respond_with_json(a_request)
    ok("request", "show", "req_1", "--json")


def test_a_401_that_stays_asks_to_sign_in(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, sign_in: Any
):
    sign_in.will_sign_in("fresh")
    httpserver.expect_request("/requests/req_1").respond_with_json({"message": "Unauthorized"}, 401)
    result = run("request", "show", "req_1")
    assert result.exit_code == 1
    assert "autoprovision login EMAIL" in result.stderr
    assert len([r for r, _ in httpserver.log if r.path == "/requests/req_1"]) == 2


def test_a_refresh_token_at_its_end_asks_to_sign_in(
    ada: Profile, store: ProfileStore, run: Callable[..., Result], sign_in: Any
):
    store.save(ada.signed_in(ada.email, Tokens("old", "refresh-ada", 0)))
    sign_in.will_refuse("InitiateAuth", "NotAuthorizedException", "Refresh Token has expired")
    result = run("request", "list")
    assert result.exit_code == 1
    assert "no longer valid" in result.stderr
    assert "autoprovision login EMAIL" in result.stderr


def test_without_a_profile_the_way_in_is_told(run: Callable[..., Result]):
    result = run("request", "list")
    assert result.exit_code == 1
    assert "There is no profile default" in result.stderr
    assert "autoprovision up" in result.stderr


def test_a_bug_is_a_sentence_and_a_trace_only_for_debugging(
    ada: Profile, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(session_module, "ApiClient", broken)
    result = run("request", "list")
    assert result.exit_code == 1
    assert "ZeroDivisionError: by nought" in result.stderr
    assert "AUTOPROVISION_DEBUG=1" in result.stderr
    monkeypatch.setenv("AUTOPROVISION_DEBUG", "1")
    assert isinstance(run("request", "list").exception, ZeroDivisionError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["request", "submit"],
        ["request", "fly"],
        ["request", "list", "--limit", "0"],
        ["unit", "set", "physics"],
        ["--profile", "../evil", "request", "list"],
        ["user", "create", "a@b.edu"],
    ],
)
def test_wrong_use_is_2(ada: Profile, run: Callable[..., Result], arguments: list[str]):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr
