"""`up`, `down`, `status`, `mailbox` and `deploy`, with the embedded AWS and the deployer faked."""

import json
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import Result

import autoprovision.embedded
from autoprovision.cli.profiles import KnownPlatform, Platform, Profile, ProfileStore, Tokens
from autoprovision.embedded import launcher, mailbox
from autoprovision.embedded.errors import EmbeddedAwsError

ADDRESS = "http://127.0.0.1:4599"


@dataclass
class FakeAws:
    """Stands for one embedded AWS: what was started, installed and stopped."""

    platform: Platform
    running: Any = None
    starts: list[int | None] = field(default_factory=list)
    installs: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    stops: int = 0
    breaks: BaseException | None = None

    def start(self, data: Path, *, port: int | None = None) -> Any:
        self.starts.append(port)
        self.running = SimpleNamespace(
            endpoint_url=ADDRESS, region="ap-southeast-1", data=data, log=data / "aws.log"
        )
        return self.running

    def status(self, _: Path) -> Any:
        return self.running

    def stop(self, _: Path) -> bool:
        self.stops += 1
        was, self.running = self.running, None
        return was is not None

    def install(
        self, aws: Any, *, say: Callable[[str], None], parameters: Mapping[str, str] | None = None
    ) -> Any:
        self.installs += 1
        self.parameters = dict(parameters or {})
        say("Deploying the platform …")
        if self.breaks is not None:
            raise self.breaks
        return SimpleNamespace(
            api_url=self.platform.api_url,
            region=aws.region,
            user_pool_client_id=self.platform.client_id,
            cognito_endpoint=self.platform.cognito_endpoint,
            admin_email="root@example.edu",
            admin_password="Root pass 1!",
        )


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> FakeAws:
    fake = FakeAws(platform)
    for name in ("start", "status", "stop"):
        monkeypatch.setattr(launcher, name, getattr(fake, name))
    installer = ModuleType("autoprovision.embedded.platform")
    installer.install = fake.install  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, installer.__name__, installer)
    monkeypatch.setattr(autoprovision.embedded, "platform", installer, raising=False)
    return fake


def test_up_prints_the_apis_url_and_leaves_admin_signed_in(
    aws: FakeAws, run: Callable[..., Result], store: ProfileStore, data: Path, sign_in: Any
):
    sign_in.will_sign_in("root-token")
    result = run("up", "--port", "4599")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == aws.platform.api_url + "\n"
    assert "Deploying the platform" in result.stderr
    assert aws.starts == [4599]
    assert sign_in.payload("InitiateAuth")["AuthParameters"] == {
        "USERNAME": "root@example.edu",
        "PASSWORD": "Root pass 1!",
    }
    admin = store.load("admin")
    assert admin is not None
    assert admin.tokens is not None
    assert (admin.email, admin.tokens.access) == ("root@example.edu", "root-token")
    assert stat.S_IMODE((data / "platform.json").stat().st_mode) == 0o600
    assert "Root pass" not in result.output


def test_up_on_a_running_one_just_says_so(
    aws: FakeAws, run: Callable[..., Result], ok: Callable[..., str], sign_in: Any
):
    sign_in.will_sign_in("root-token")
    ok("up")
    again = run("up")
    assert (again.exit_code, again.stdout) == (0, aws.platform.api_url + "\n")
    assert "already runs" in again.stderr
    assert (len(aws.starts), aws.installs) == (1, 1)


def test_up_changes_the_parameters_of_a_running_one(
    aws: FakeAws, ok: Callable[..., str], sign_in: Any
):
    sign_in.will_sign_in("root-token")
    ok("up", "--parameter", "ApprovalZone=Asia/Singapore")
    assert aws.parameters == {"ApprovalZone": "Asia/Singapore"}
    ok("up", "--parameter", "ApprovalExpiry=1wd,dev=2h")
    assert (len(aws.starts), aws.parameters) == (1, {"ApprovalExpiry": "1wd,dev=2h"})


def test_up_again_signs_a_signed_out_admin_in(aws: FakeAws, ok: Callable[..., str], sign_in: Any):
    sign_in.will_sign_in("one")
    ok("up")
    sign_in.will("RevokeToken")
    ok("logout", "--profile", "admin")
    sign_in.will_sign_in("two")
    ok("up")
    assert ok("token") == "two\n"


def test_a_failed_up_leaves_nothing_running(
    aws: FakeAws, run: Callable[..., Result], store: ProfileStore
):
    aws.breaks = EmbeddedAwsError("The stack failed.", "Read its log.")
    result = run("up")
    assert result.exit_code == 1
    assert "The stack failed." in result.stderr
    assert "Next: Read its log." in result.stderr
    assert aws.running is None
    assert store.known_platform() is None


def test_an_interrupted_up_leaves_nothing_running(aws: FakeAws, run: Callable[..., Result]):
    aws.breaks = KeyboardInterrupt()
    assert run("up").exit_code == 130
    assert aws.running is None


def test_up_after_half_an_up_installs_again(
    aws: FakeAws, ok: Callable[..., str], data: Path, sign_in: Any
):
    aws.start(data)
    sign_in.will_sign_in("root-token")
    ok("up")
    assert aws.installs == 1


def test_status_is_four_members(aws: FakeAws, ok: Callable[..., str], sign_in: Any):
    nothing = {"running": False, "apiUrl": None, "endpointUrl": None, "region": None}
    assert json.loads(ok("status", "--json")) == nothing
    sign_in.will_sign_in("root-token")
    up = json.loads(ok("up", "--json"))
    running = {
        "running": True,
        "apiUrl": aws.platform.api_url,
        "endpointUrl": ADDRESS,
        "region": "ap-southeast-1",
    }
    assert up == running
    assert json.loads(ok("status", "--json")) == running
    assert json.loads(ok("down", "--json")) == nothing
    assert json.loads(ok("status", "--json")) == nothing


def test_a_crashed_embedded_aws_does_not_count_as_running(
    aws: FakeAws, ok: Callable[..., str], sign_in: Any
):
    sign_in.will_sign_in("root-token")
    ok("up")
    aws.running = None
    assert json.loads(ok("status", "--json"))["running"] is False


def test_down_forgets_its_people_and_no_others(
    aws: FakeAws,
    run: Callable[..., Result],
    ok: Callable[..., str],
    store: ProfileStore,
    sign_in: Any,
):
    elsewhere = Platform("https://api.example.edu", "eu-west-1", "c")
    store.save(Profile("work", elsewhere, "ada@example.edu", Tokens("w", "r", 9e9)))
    sign_in.will_sign_in("root-token")
    ok("up")
    store.save(Profile("ada", aws.platform, "ada@example.edu", Tokens("a", "r", 9e9)))
    result = run("down")
    assert result.exit_code == 0
    assert "has stopped" in result.stderr
    assert store.names() == ["work"]
    assert "was not running" in run("down").stderr


def test_status_of_a_deployed_platform_asks_its_health(
    aws: FakeAws, ok: Callable[..., str], ada: Profile, httpserver: HTTPServer
):
    httpserver.expect_oneshot_request("/health").respond_with_json({"status": "ok"})
    answer = json.loads(ok("status", "--json"))
    assert answer == {
        "running": True,
        "apiUrl": ada.platform.api_url,
        "endpointUrl": None,
        "region": "ap-southeast-1",
    }
    httpserver.expect_oneshot_request("/health").respond_with_json({}, 403)
    assert json.loads(ok("status", "--json"))["running"] is False


def test_mailbox_shows_mails_of_one_address(
    aws: FakeAws,
    ok: Callable[..., str],
    run: Callable[..., Result],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    silent = run("mailbox")
    assert silent.exit_code == 1
    assert "autoprovision up" in silent.stderr
    aws.start(data)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    mails = [
        mailbox.Mail(
            "m1", "p@x.edu", ("Ada@x.edu",), (), (), "It runs", "http://shop/\n", None, at
        ),
        mailbox.Mail("m2", "p@x.edu", ("bo@x.edu",), (), (), "Other", "text", None, at),
    ]
    monkeypatch.setattr(mailbox, "mailbox", lambda _: mails)
    shown = ok("mailbox", "--to", "ada@x.edu")
    assert "http://shop/" in shown
    assert "Other" not in shown
    assert [mail["subject"] for mail in json.loads(ok("mailbox", "--json"))["items"]] == [
        "It runs",
        "Other",
    ]

    def broken(_: object) -> None:
        raise OSError("refused")

    monkeypatch.setattr(mailbox, "mailbox", broken)
    assert "does not answer: refused" in run("mailbox").stderr


@dataclass(frozen=True)
class Options:
    region: str
    platform_name: str
    parameters: Mapping[str, str]
    networks: tuple[str, ...]
    admin_email: str | None


@pytest.fixture
def deployer(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    seen = SimpleNamespace(options=None, carried_out=False, breaks=None)

    def deploy(clients: Any, options: Options, *, say: Any, confirm: Any) -> Any:
        seen.options, seen.client = options, clients("s3")
        if seen.breaks:
            raise seen.breaks
        if confirm("campus-data", ["Add Requests (AWS::DynamoDB::Table)"]):
            seen.carried_out = True
        return SimpleNamespace(
            api_url="https://api.example.edu",
            user_pool_id="pool-1",
            user_pool_client_id="client-9",
            region=options.region,
        )

    package, module = (
        ModuleType("autoprovision.deployer"),
        ModuleType("autoprovision.deployer.deploy"),
    )
    module.deploy, module.DeployOptions = deploy, Options  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return seen


def test_deploy_shows_changes_and_prints_the_api(
    deployer: SimpleNamespace, run: Callable[..., Result], store: ProfileStore
):
    result = run(
        *("deploy", "--region", "eu-west-1", "--name", "campus", "--admin-email", "a@b.edu"),
        *(
            "--parameter",
            "DomainName=apps.example.edu",
            "--parameter",
            "Note=a=b",
            "--network",
            "dev, prod",
            "--yes",
        ),
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "https://api.example.edu\n"
    assert "The stack campus-data would change:" in result.stderr
    assert "Add Requests (AWS::DynamoDB::Table)" in result.stderr
    assert "--region eu-west-1 --client-id client-9" in result.stderr
    assert deployer.carried_out
    assert deployer.options == Options(
        "eu-west-1",
        "campus",
        {"DomainName": "apps.example.edu", "Note": "a=b"},
        ("dev", "prod"),
        "a@b.edu",
    )
    assert deployer.client.meta.region_name == "eu-west-1"
    known = store.known_platform()
    assert known is not None
    assert (known.platform.client_id, known.embedded) == ("client-9", False)


def test_deploy_changes_nothing_where_nobody_can_say_yes(
    deployer: SimpleNamespace, run: Callable[..., Result]
):
    result = run("deploy", "--region", "eu-west-1")
    assert result.exit_code == 1
    assert "Add --yes" in result.stderr
    assert not deployer.carried_out


def test_deploy_leaves_an_embedded_platform_known(
    deployer: SimpleNamespace, ok: Callable[..., str], store: ProfileStore, platform: Platform
):
    store.remember_platform(KnownPlatform(platform, embedded=True))
    ok("deploy", "--region", "eu-west-1", "--yes")
    known = store.known_platform()
    assert known is not None
    assert known.platform == platform


def test_deploy_tells_what_is_missing(
    deployer: SimpleNamespace, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    nowhere = run("deploy")
    assert nowhere.exit_code == 2
    assert "--region" in nowhere.stderr
    form = run("deploy", "--region", "eu-west-1", "--parameter", "Name")
    assert form.exit_code == 2
    from botocore.exceptions import NoCredentialsError

    deployer.breaks = NoCredentialsError()
    refused = run("deploy", "--region", "eu-west-1", "--yes")
    assert refused.exit_code == 1
    assert "aws sts get-caller-identity" in refused.stderr
