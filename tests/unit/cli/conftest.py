"""A fake API and a fake sign-in service on loopback, and the command line run against them."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner, Result
from werkzeug import Request, Response

from autoprovision.cli import progress
from autoprovision.cli.main import app
from autoprovision.cli.profiles import Platform, Profile, ProfileStore, Tokens

CLIENT_ID = "client-1"


@dataclass
class FakeSignIn:
    """Cognito's JSON calls: scripted answers per operation, and what was asked."""

    answers: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def will(
        self, operation: str, content: dict[str, Any] | None = None, status: int = 200
    ) -> None:
        self.answers.setdefault(operation, []).append((status, content or {}))

    def will_refuse(self, operation: str, kind: str, message: str) -> None:
        self.will(operation, {"__type": f"com.amazonaws.cognito#{kind}", "message": message}, 400)

    def will_sign_in(self, access: str, operation: str = "InitiateAuth") -> None:
        result = {"AccessToken": access, "RefreshToken": f"refresh-{access}", "ExpiresIn": 3600}
        self.will(operation, {"AuthenticationResult": result})

    def handle(self, request: Request) -> Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        assert request.headers["Content-Type"] == "application/x-amz-json-1.1"
        self.asked.append((operation, json.loads(request.data)))
        status, content = self.answers[operation].pop(0)
        return Response(json.dumps(content), status, content_type="application/x-amz-json-1.1")

    def payload(self, operation: str) -> dict[str, Any]:
        return next(payload for name, payload in self.asked if name == operation)


@pytest.fixture(autouse=True)
def _own_world(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTOPROVISION_DATA", "AUTOPROVISION_PROFILE", "AUTOPROVISION_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(progress, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(progress, "_LONGEST_PAUSE", 0.05)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def sign_in(httpserver: HTTPServer) -> FakeSignIn:
    service = FakeSignIn()
    httpserver.expect_request("/cognito/", method="POST").respond_with_handler(service.handle)
    return service


@pytest.fixture
def platform(httpserver: HTTPServer) -> Platform:
    return Platform(
        api_url=httpserver.url_for("").rstrip("/"),
        region="ap-southeast-1",
        client_id=CLIENT_ID,
        cognito_endpoint=httpserver.url_for("/cognito/"),
    )


@pytest.fixture
def store(data: Path) -> ProfileStore:
    return ProfileStore(data)


@pytest.fixture
def ada(store: ProfileStore, platform: Platform) -> Profile:
    """Ada is signed in with the profile `default`."""
    tokens = Tokens("access-ada", "refresh-ada", time.time() + 3600)
    profile = Profile("default", platform, "ada@example.edu", tokens)
    store.save(profile)
    return profile


Run = Callable[..., Result]


@pytest.fixture
def run(data: Path) -> Run:
    """Run the command line in this process; `json=True` adds --json and parses stdout."""

    def go(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(app, ["--data", str(data), *arguments], input=stdin)

    return go


@pytest.fixture
def ok(run: Run) -> Callable[..., str]:
    """Run a command that has to succeed; its stdout."""

    def go(*arguments: str, stdin: str | bytes | None = None) -> str:
        result = run(*arguments, stdin=stdin)
        assert result.exit_code == 0, (result.stdout, result.stderr, result.exception)
        return result.stdout

    return go


@pytest.fixture
def a_plan() -> dict[str, Any]:
    return {
        "digest": "sha256:d1",
        "blueprint": "static-site",
        "version": "1.2.0",
        "monthlyCredits": 1140,
        "approval": {"verdict": "ONE_APPROVER", "reasons": ["Production is never automatic."]},
        "quota": {"limit": 20000, "used": 500, "held": 0, "left": 19500},
        "priceLines": [
            {
                "resource": "Distribution",
                "description": "Requests",
                "quantity": "10",
                "unit": "GB",
                "unitPriceCents": "8.5",
                "monthlyCents": "85",
                "source": "AWS price list, 2026-11-01",
            }
        ],
        "parameters": {"Size": "small"},
        "expiresAfter": "7d",
    }


@pytest.fixture
def a_request(a_plan: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "req_1",
        "status": "SUBMITTED",
        "reason": "ACCEPTED",
        "message": "The request was accepted.",
        "applicationName": "shop",
        "targetEnvironment": "dev",
        "projectType": "Static",
        "businessUnit": "physics",
        "applicationId": "app_1",
        "plan": a_plan,
        "url": None,
        "submittedBy": "ada@example.edu",
        "submittedAt": "2026-11-22T09:00:00Z",
        "updatedAt": "2026-11-22T09:00:00Z",
    }


@pytest.fixture
def an_application() -> dict[str, Any]:
    return {
        "id": "app_1",
        "status": "AVAILABLE",
        "reason": "PROVISIONED",
        "message": "The application answers.",
        "applicationName": "shop",
        "targetEnvironment": "dev",
        "businessUnit": "physics",
        "owner": "ada@example.edu",
        "url": "http://shop.example.edu/",
        "blueprint": "static-site",
        "version": "1.2.0",
        "monthlyCredits": 1140,
        "expiresAt": "2026-11-29T09:00:00Z",
        "requestId": "req_1",
        "createdAt": "2026-11-22T09:00:00Z",
        "outputs": {"BucketName": "b"},
    }


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "site.json"
    path.write_text('{"ApplicationName": "shop",  "TargetEnvironment": "dev"}\n')
    return path
