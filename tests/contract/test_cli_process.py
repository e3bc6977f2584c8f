"""The command line as a real process: exit codes, stdout and stderr, terminals, Ctrl-C."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

COMMAND = [sys.executable, "-c", "from autoprovision.cli.main import main; main()"]
DEADLINE = 30.0


@pytest.fixture
def environment(tmp_path: Path, httpserver: HTTPServer) -> dict[str, str]:
    profiles = tmp_path / "data" / "profiles"
    profiles.mkdir(parents=True)
    profile = {
        "apiUrl": httpserver.url_for("").rstrip("/"),
        "region": "ap-southeast-1",
        "clientId": "client-1",
        "cognitoEndpoint": httpserver.url_for("/cognito/"),
        "email": "ada@example.edu",
        "tokens": {"access": "access-ada", "refresh": "r", "expiresAt": time.time() + 3600},
    }
    (profiles / "default.json").write_text(json.dumps(profile))
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    # A proxy of the environment must not stand between us and loopback.
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    return {
        **kept,
        **proxy,
        "HOME": str(tmp_path),
        "AUTOPROVISION_DATA": str(tmp_path / "data"),
        "TERM": "xterm-256color",
        "COLUMNS": "140",
    }


def run(environment: dict[str, str], *arguments: str, stdin: str = "") -> Any:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_data_goes_to_stdout_and_talk_to_stderr(
    environment: dict[str, str], httpserver: HTTPServer
):
    httpserver.expect_request("/requests", method="POST").respond_with_json(
        {"id": "req_1", "status": "SUBMITTED"}, 202
    )
    done = run(environment, "request", "submit", "-", "--json", stdin="{}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"id": "req_1", "status": "SUBMITTED"}
    assert "Next: `autoprovision request show req_1 --watch`" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_the_three_exit_codes(environment: dict[str, str], httpserver: HTTPServer):
    httpserver.expect_request("/requests").respond_with_json({"detail": "No."}, 403)
    assert run(environment, "token").returncode == 0
    refused = run(environment, "request", "list")
    assert (refused.returncode, refused.stdout) == (1, "")
    wrong = run(environment, "request", "list", "--colour")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "Traceback" not in refused.stderr + wrong.stderr


def test_version_and_help(environment: dict[str, str]):
    assert run(environment, "--version").stdout.strip()
    shown = run(environment, "request", "submit", "--help")
    assert shown.returncode == 0
    assert "Example: autoprovision request submit site.json --watch" in shown.stdout


def test_help_loads_nothing_heavy(environment: dict[str, str]):
    script = (
        "import sys; import autoprovision.cli.main; "
        "print([m for m in ('boto3', 'dulwich', 'ministack', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment, capture_output=True, text=True, timeout=DEADLINE, check=True,
    )  # fmt: skip
    assert "boto3" not in done.stdout
    assert "dulwich" not in done.stdout
    assert "ministack" not in done.stdout


def test_a_closed_pipe_is_no_crash(environment: dict[str, str], httpserver: HTTPServer):
    items = [{"id": f"req_{number}", "status": "SUCCEEDED"} for number in range(5000)]
    httpserver.expect_request("/requests").respond_with_json({"items": items})
    process = subprocess.Popen(
        [*COMMAND, "request", "list"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    talk = process.stderr.read()
    process.wait(DEADLINE)
    process.stderr.close()
    assert "Traceback" not in talk


@pytest.fixture
def endless(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/requests/req_1").respond_with_json(
        {"id": "req_1", "status": "PROVISIONING"}
    )
    at = "2026-11-22T09:00:00Z"
    event = {"id": "evt_1", "at": at, "step": "LaunchStack", "status": "STARTED"}
    httpserver.expect_request("/requests/req_1/events").respond_with_json({"items": [event]})


@pytest.mark.usefixtures("endless")
def test_ctrl_c_stops_watching_and_says_how_to_go_on(environment: dict[str, str]):
    process = subprocess.Popen(
        [*COMMAND, "request", "show", "req_1", "--watch", "--json"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "LaunchStack  started" in first
        process.send_signal(signal.SIGINT)
        out, talk = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert json.loads(out)["status"] == "PROVISIONING"
    assert "request req_1 goes on" in talk
    assert "autoprovision request show req_1 --watch" in talk
    assert "Traceback" not in talk


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> None:
        end = time.monotonic() + DEADLINE
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self._master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self._master, 65536).decode(errors="replace")
                except OSError:
                    assert text in self.seen, self.seen

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(environment: dict[str, str]) -> Iterator[Any]:
    opened: list[Terminal] = []

    def go(*arguments: str) -> Terminal:
        opened.append(Terminal(environment, *arguments))
        return opened[-1]

    yield go
    for each in opened:
        each.close()


@pytest.mark.usefixtures("endless")
def test_a_terminal_shows_live_progress(terminal: Any):
    screen = terminal("request", "show", "req_1", "--watch")
    screen.until("elapsed")
    screen.until("LaunchStack")
    screen.process.send_signal(signal.SIGINT)
    screen.until("goes on")
    assert screen.process.wait(DEADLINE) == 130


def test_a_terminal_is_asked_before_terminating(terminal: Any, httpserver: HTTPServer):
    httpserver.expect_request(
        "/applications/app_1", method="DELETE", query_string="dryRun=true"
    ).respond_with_json(
        {
            "kept": [{"resource": "LogBucket", "what": "as it is"}],
            "lost": [{"resource": "SiteBucket", "what": "the files"}],
        }
    )
    screen = terminal("application", "terminate", "app_1")
    screen.until("Terminate app_1?")
    assert "Deleted for good: the files (SiteBucket). Kept: as it is (LogBucket)." in screen.seen
    screen.type("n\n")
    screen.until("Nothing was done")
    assert screen.process.wait(DEADLINE) == 1
    assert [seen.query_string for seen, _ in httpserver.log] == [b"dryRun=true"]
    httpserver.expect_request(
        "/applications/app_1", method="DELETE", query_string=""
    ).respond_with_json({"id": "req_2", "status": "PROVISIONING"}, 202)
    screen = terminal("application", "terminate", "app_1")
    screen.until("Terminate app_1?")
    screen.type("y\n")
    screen.until("req_2")
    assert screen.process.wait(DEADLINE) == 0


def test_a_terminal_asks_for_password_and_code_without_showing_the_password(
    terminal: Any, httpserver: HTTPServer
):
    asked: list[dict[str, Any]] = []

    def cognito(request: Request) -> Response:
        asked.append(json.loads(request.data))
        if request.headers["X-Amz-Target"].endswith("InitiateAuth"):
            return Response(json.dumps({"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s"}))
        result = {"AccessToken": "a", "RefreshToken": "r", "ExpiresIn": 3600}
        return Response(json.dumps({"AuthenticationResult": result}))

    httpserver.expect_request("/cognito/").respond_with_handler(cognito)
    screen = terminal("login", "ada@example.edu")
    # The blank comes once the terminal no longer shows what is typed.
    screen.until("Password: ")
    screen.type("canary-password\n")
    screen.until("authenticator app")
    screen.type("123456\n")
    screen.until("Signed in as ada@example.edu")
    assert screen.process.wait(DEADLINE) == 0
    assert "canary-password" not in screen.seen
    assert asked[0]["AuthParameters"]["PASSWORD"] == "canary-password"
    assert asked[1]["ChallengeResponses"]["SOFTWARE_TOKEN_MFA_CODE"] == "123456"
