import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import Result
from werkzeug import Request, Response

from autoprovision.cli.profiles import Profile


def test_plan_shows_price_quota_approval_and_price_lines(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    template: Path,
    a_plan: dict[str, Any],
):
    httpserver.expect_oneshot_request("/plans", method="POST").respond_with_json(a_plan)
    shown = ok("request", "plan", str(template))
    for part in (
        "static-site 1.2.0",
        "$11.40 of $200.00 a month",
        "$195.00",
        "ONE_APPROVER",
        "- Production is never automatic.",
        "Distribution",
        "2026-11-01",
        "$0.8500",
        "Size=small",
    ):
        assert part in shown


def test_submit_sends_the_files_bytes_as_they_are(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
):
    httpserver.expect_oneshot_request("/requests", method="POST").respond_with_json(
        a_request, status=202
    )
    assert "req_1" in ok("request", "submit", str(template))
    sent, _ = httpserver.log[0]
    assert sent.data == template.read_bytes()
    assert sent.headers["Authorization"] == "Bearer access-ada"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Idempotency-Key"]


def test_submit_uses_the_key_that_is_given(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
):
    httpserver.expect_oneshot_request(
        "/requests", method="POST", headers={"Idempotency-Key": "course-7"}
    ).respond_with_json(a_request, status=202)
    ok("request", "submit", str(template), "--idempotency-key", "course-7")


def test_every_post_has_a_key_of_its_own(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
):
    httpserver.expect_request("/requests", method="POST").respond_with_json(a_request, status=202)
    for _ in range(2):
        ok("request", "submit", str(template))
    keys = {request.headers["Idempotency-Key"] for request, _ in httpserver.log}
    assert len(keys) == 2


def test_submit_reads_stdin(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, a_request: dict[str, Any]
):
    httpserver.expect_oneshot_request(
        "/requests", method="POST", data='{"a": "é"}'
    ).respond_with_json(a_request, status=202)
    ok("request", "submit", "-", stdin='{"a": "é"}')


def test_a_byte_order_mark_is_left_out(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    tmp_path: Path,
    a_request: dict[str, Any],
):
    file = tmp_path / "bom.json"
    file.write_bytes(b"\xef\xbb\xbf{}")
    httpserver.expect_oneshot_request("/requests", method="POST", data="{}").respond_with_json(
        a_request, status=202
    )
    ok("request", "submit", str(file))


def test_a_file_that_is_no_json_is_a_local_error(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, tmp_path: Path
):
    file = tmp_path / "site.json"
    file.write_text('{"ApplicationName": "shop",\n}')
    result = run("request", "submit", str(file))
    assert result.exit_code == 1
    assert "site.json is not JSON" in result.stderr
    assert "line 2, column 1" in result.stderr
    assert httpserver.log == []


def test_a_binary_file_and_a_deeply_nested_one_are_told_apart(
    ada: Profile, run: Callable[..., Result], tmp_path: Path
):
    file = tmp_path / "site.json"
    file.write_bytes(b'{"a": "\xff"}')
    assert "is not UTF-8" in run("request", "plan", str(file)).stderr
    file.write_text("[" * 200_000)
    result = run("request", "plan", str(file))
    assert result.exit_code == 1
    assert "nested too deeply" in result.stderr


def test_a_missing_file_is_wrong_use(ada: Profile, run: Callable[..., Result], tmp_path: Path):
    result = run("request", "submit", str(tmp_path / "nothing.json"))
    assert result.exit_code == 2
    assert "cannot be read: No such file" in result.stderr


def test_show_prints_the_request_and_its_timeline(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, a_request: dict[str, Any]
):
    httpserver.expect_oneshot_request("/requests/req_1").respond_with_json(a_request)
    events = [
        {"id": "evt_1", "at": "2026-11-22T09:00:01Z", "step": "LaunchStack", "status": "STARTED"}
    ]
    httpserver.expect_oneshot_request("/requests/req_1/events").respond_with_json(
        {"items": events, "next": None}
    )
    shown = ok("request", "show", "req_1")
    assert "The request was accepted." in shown
    assert "LaunchStack" in shown


def test_show_as_json_is_the_request_and_nothing_else(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, a_request: dict[str, Any]
):
    httpserver.expect_oneshot_request("/requests/req_1").respond_with_json(a_request)
    assert json.loads(ok("request", "show", "req_1", "--json")) == a_request


def test_a_request_with_hardly_any_member_is_shown(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
):
    httpserver.expect_oneshot_request("/requests/req_1").respond_with_json({"id": "req_1"})
    httpserver.expect_oneshot_request("/requests/req_1/events").respond_with_json({})
    assert "req_1" in ok("request", "show", "req_1")


def test_list_tells_how_to_go_on(
    ada: Profile,
    run: Callable[..., Result],
    httpserver: HTTPServer,
    a_request: dict[str, Any],
) -> None:
    httpserver.expect_oneshot_request(
        "/requests", query_string={"limit": "2", "cursor": "c1"}
    ).respond_with_json({"items": [a_request], "next": "c2"})
    result = run("request", "list", "--limit", "2", "--cursor", "c1")
    assert result.exit_code == 0
    assert "req_1" in result.stdout
    assert "$11.40" in result.stdout
    assert "--cursor c2" in result.stderr


@pytest.mark.parametrize("everything", [True, False])
def test_a_filter_holds_even_if_the_api_does_not_know_it(
    ada: Profile,
    ok: Callable[..., str],
    run: Callable[..., Result],
    httpserver: HTTPServer,
    a_request: dict[str, Any],
    everything: bool,
) -> None:
    def page(request: Request) -> Response:
        assert request.args["status"] == "FAILED"
        number = int(request.args.get("cursor", "0"))
        states = ["FAILED", "SUCCEEDED"]
        items = [{**a_request, "id": f"req_{number}{s}", "status": s} for s in states]
        return Response(
            json.dumps({"items": items, "next": str(number + 1) if number < 2 else None})
        )

    httpserver.expect_request("/requests").respond_with_handler(page)
    more = ["--all"] if everything else ["--limit", "2"]
    filters = ["--status", "FAILED", "--unit", "physics"]
    answer = json.loads(ok("request", "list", *filters, *more, "--json"))
    answered = run("request", "list", *filters, *more)
    found = [item["id"] for item in answer["items"]]
    assert found == [f"req_{n}FAILED" for n in range(3 if everything else 2)]
    assert ("There are more" in answered.stderr) is not everything


def test_list_all_walks_every_page(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, a_request: dict[str, Any]
):
    def page(request: Request) -> Response:
        cursor = request.args.get("cursor")
        content = {None: (["req_1"], "c2"), "c2": (["req_2"], "c3"), "c3": (["req_3"], None)}
        ids, following = content[cursor]
        items = [{**a_request, "id": identity} for identity in ids]
        return Response(json.dumps({"items": items, "next": following}), 200)

    httpserver.expect_request("/requests").respond_with_handler(page)
    answer = json.loads(ok("request", "list", "--all", "--json"))
    assert [item["id"] for item in answer["items"]] == ["req_1", "req_2", "req_3"]
    assert answer["next"] is None


def test_an_empty_page_with_more_behind_it_does_not_say_none(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_oneshot_request("/approvals").respond_with_json({"items": [], "next": "c"})
    talk = run("approval", "list").stderr
    assert "There are more" in talk
    assert "There are none" not in talk


def test_an_empty_list_says_so(ada: Profile, run: Callable[..., Result], httpserver: HTTPServer):
    httpserver.expect_oneshot_request("/requests").respond_with_json({"items": [], "next": None})
    result = run("request", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "There are none." in result.stderr


def test_cancel_resume_and_resubmit_post_to_their_request(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    template: Path,
    a_request: dict[str, Any],
):
    for verb, arguments, sent in (
        ("cancel", [], b"{}"),
        ("resume", [], b"{}"),
        ("resubmit", [], b"{}"),
        ("resubmit", [str(template)], Path(template).read_bytes()),
    ):
        httpserver.expect_oneshot_request(
            f"/requests/req_1/{verb}", method="POST", data=sent.decode()
        ).respond_with_json(a_request, status=202)
        assert json.loads(ok("--json", "request", verb, "req_1", *arguments)) == a_request


def test_an_identifier_cannot_point_elsewhere(
    ada: Profile,
    ok: Callable[..., str],
    run: Callable[..., Result],
    httpserver: HTTPServer,
    a_request: dict[str, Any],
):
    httpserver.expect_oneshot_request("/requests/..%2Fusers").respond_with_json(a_request)
    httpserver.expect_oneshot_request("/requests/../users").respond_with_json(a_request)
    ok("request", "show", "../users", "--json")
    assert httpserver.log[0][0].environ["RAW_URI"] == "/requests/..%2Fusers"
    for nothing in ("", "..", "."):
        assert run("request", "show", nothing).exit_code == 2


def test_what_the_api_sends_cannot_steer_the_terminal(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, a_request: dict[str, Any]
):
    a_request["message"] = "evil \x1b]0;title\x07 [red]not markup[/red]"
    httpserver.expect_oneshot_request("/requests/req_1").respond_with_json(a_request)
    httpserver.expect_oneshot_request("/requests/req_1/events").respond_with_json({"items": []})
    shown = ok("request", "show", "req_1")
    assert "\x1b" not in shown
    assert "[red]not markup[/red]" in shown
