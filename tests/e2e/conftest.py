"""One platform on an embedded AWS for a worker's end-to-end tests; people and repositories on it."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoprovision.embedded import git_host, launcher, localhost_names, mailbox
from autoprovision.embedded.platform import Installed, install

PASSWORD = "Correct-horse-battery-9"
SITE = {
    "index.html": "<!doctype html><title>It works</title><h1>From git</h1>",
    "404.html": "<!doctype html><title>Nothing</title><h1>Nothing here</h1>",
    "assets/app.3f9a2b1c.js": "console.log('hi')",
    "about/index.html": "<!doctype html><h1>About</h1>",
}
ENDS = {
    "SUCCEEDED",
    "FAILED",
    "REJECTED",
    "EXPIRED",
    "CANCELLED",
    "NEEDS_OPERATOR",
    "INVALID",
    "OVER_QUOTA",
}


@dataclass(frozen=True)
class Person:
    """Somebody signed in."""

    http: httpx.Client
    email: str
    id: str
    token: str

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.http.post(path, json=body, headers=headers)

    def wait(
        self, request_id: str, *, until: Callable[[dict], bool] | None = None, seconds: float = 90
    ) -> dict:
        """The request once it is at an end (or as told)."""
        reached = until or (lambda request: request["status"] in ENDS)
        deadline = time.monotonic() + seconds
        while True:
            request = self.get(f"/requests/{request_id}").json()
            if reached(request):
                return request
            if time.monotonic() > deadline:
                events = self.get(f"/requests/{request_id}/events").json()
                pytest.fail(f"{request_id} is {request['status']}: {json.dumps(events, indent=1)}")
            time.sleep(0.1)


class World:
    """The platform and what tests do to it from outside."""

    def __init__(self, aws: launcher.EmbeddedAws, installed: Installed) -> None:
        self.aws, self.installed = aws, installed
        self.admin = self.sign_in(installed.admin_email, installed.admin_password)

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def sign_in(self, email: str, password: str = PASSWORD) -> Person:
        answer = self.client("cognito-idp").initiate_auth(
            ClientId=self.installed.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )  # fmt: skip
        token = answer["AuthenticationResult"]["AccessToken"]
        http = httpx.Client(
            base_url=self.installed.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        return Person(http, email, http.get("/me").json()["id"], token)

    def unit(self, quota: int = 20000) -> str:
        name = f"unit-{uuid.uuid4().hex[:8]}"
        assert (
            self.admin.http.put(f"/business-units/{name}", json={"quota": quota}).status_code == 200
        )
        return name

    def person(self, unit: str | None, role: str = "requester", **more: Any) -> Person:
        email = f"p{uuid.uuid4().hex[:8]}@example.edu"
        body = {"email": email, "role": role, "password": PASSWORD, **more}
        if unit:
            body["unit"] = unit
        answer = self.admin.post("/users", body)
        assert answer.status_code == 201, answer.text
        return self.sign_in(email)

    def mails(self, to: str) -> list[mailbox.Mail]:
        return [mail for mail in mailbox.mailbox(self.aws) if to in mail.to]

    def mailed(self, to: str, *, seconds: float = 20) -> list[mailbox.Mail]:
        """The mails to an address, once there is one: mails follow the outcome they tell."""
        deadline = time.monotonic() + seconds
        while not (found := self.mails(to)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def logged(self, function: str, about: str, *, seconds: float = 60) -> str:
        """What a function logged, once it has said something."""
        deadline = time.monotonic() + seconds
        logs, group = self.client("logs"), f"/aws/lambda/autoprovision-{function}"
        text = ""
        while about not in text and time.monotonic() < deadline:
            with suppress(logs.exceptions.ResourceNotFoundException):
                events = logs.filter_log_events(logGroupName=group)["events"]
                text = "\n".join(one["message"] for one in events)
            time.sleep(0.1)
        assert about in text, text
        return text

    def stacks(self) -> list[dict]:
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return [
            stack
            for page in pages
            for stack in page["Stacks"]
            if stack["StackName"].startswith("ap-")
        ]

    def secrets(self) -> list[str]:
        return [one["Name"] for one in self.client("secretsmanager").list_secrets()["SecretList"]]

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line as a person would, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "autoprovision", *words], input=stdin, text=True,
            capture_output=True, check=False, timeout=120,
            env={**os.environ, "AUTOPROVISION_DATA": str(self.aws.data)},
        )  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    localhost_names.install()
    data = tmp_path_factory.mktemp("platform")
    aws = launcher.start(data, extra_environment={"AUTOMATION_SLEEP_SCALE": "0.01"})
    try:
        yield World(aws, install(aws, say=lambda _: None))
    finally:
        launcher.stop(data)


@pytest.fixture(scope="session")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Gives a function that puts files into a repository and answers with its URL."""
    import threading
    from contextlib import ExitStack

    folder = tmp_path_factory.mktemp("git")
    lock = threading.Lock()
    with ExitStack() as stack:

        def repository(files: dict[str, str] | None = None, token: str | None = None) -> str:
            with lock:
                place = folder / uuid.uuid4().hex[:8]
                for name, text in (SITE if files is None else files).items():
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    (place / name).write_text(text, "utf-8")
                place.mkdir(exist_ok=True)
                git_host.commit_folder(place)
                return (
                    stack.enter_context(git_host.serve({"acme/site": place}, token=token))
                    + "/acme/site"
                )

        yield repository


@pytest.fixture
def template(git: Callable[..., str]) -> Callable[..., dict]:
    """Gives a function that makes a good JSON template with a fresh name and address."""

    def make(**changes: Any) -> dict:
        token = uuid.uuid4().hex[:8]
        template = {
            "ApplicationName": f"app-{token}", "TargetEnvironment": "dev", "ProjectType": "Static",
            "ProjectEmail": f"mail-{token}@example.edu", **changes,
        }  # fmt: skip
        template.setdefault("ProjectURL", None)
        if template["ProjectURL"] is None:
            template["ProjectURL"] = git()
        return template

    return make


def read(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text("utf-8"))
