"""What benchmarks stand on: a platform on an embedded AWS of its own, people, a repository."""

import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from autoprovision.embedded import git_host, launcher, localhost_names
from autoprovision.embedded.platform import Installed, install

PASSWORD = "Correct-horse-battery-9"  # noqa: S105 - of people who live as long as the benchmark
SITE = {
    "index.html": "<!doctype html><title>It works</title><h1>From git</h1>",
    "404.html": "<!doctype html><title>Nothing</title><h1>Nothing here</h1>",
    "assets/app.3f9a2b1c.js": "console.log('hi')",
    "about/index.html": "<!doctype html><h1>About</h1>",
}
ENDS = frozenset({"SUCCEEDED", "FAILED", "REJECTED", "EXPIRED", "CANCELLED", "NEEDS_OPERATOR"})
# Finer than a step, coarser than a call costs the machine under measurement.
_POLL_SECONDS = 0.03
_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Person:
    """Somebody signed in."""

    http: httpx.Client
    email: str
    token: str

    def submit(self, template: Mapping[str, str]) -> str:
        """Submit a JSON template and give back the request's id.

        Raises:
            httpx.HTTPStatusError: it was refused.
        """
        answer = self.http.post("/requests", json=dict(template))
        answer.raise_for_status()
        return str(answer.json()["id"])

    def wait(self, request_id: str) -> dict[str, Any]:
        """The request once it is at its end.

        Raises:
            RuntimeError: it ended otherwise than well, or did not end.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            request: dict[str, Any] = self.http.get(f"/requests/{request_id}").json()
            if request["status"] == "SUCCEEDED":
                return request
            if request["status"] in ENDS:
                raise RuntimeError(f"{request_id} ended {request['status']}: {request['reason']}")
            time.sleep(_POLL_SECONDS)
        raise RuntimeError(f"{request_id} did not end in {_PATIENCE_SECONDS:.0f} s.")

    def timeline(self, request_id: str) -> list[dict[str, Any]]:
        """The events of a request, oldest first."""
        items: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": 100}
        while True:
            page = self.http.get(f"/requests/{request_id}/events", params=query).json()
            items += page["items"]
            if not page["next"]:
                return items
            query["cursor"] = page["next"]


@dataclass(frozen=True)
class Ground:
    """A platform, somebody who runs it, and a site in git.

    Attributes:
        folder: for whatever a benchmark wants to write; gone at the end.
        repository: URL of the site's repository.
    """

    aws: launcher.EmbeddedAws
    installed: Installed
    folder: Path
    repository: str
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """The client of a service, as root; made once, as it costs 20 to 60 ms."""
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]

    def sign_in(self, email: str, password: str = PASSWORD) -> Person:
        """Sign somebody in by password."""
        answer = self.client("cognito-idp").initiate_auth(
            ClientId=self.installed.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )  # fmt: skip
        token = str(answer["AuthenticationResult"]["AccessToken"])
        http = httpx.Client(
            base_url=self.installed.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        return Person(http, email, token)

    def person(self, unit: str | None = None, *, quota: int = 1_000_000) -> Person:
        """A requester, in a unit of their own unless one is named."""
        admin = self.sign_in(self.installed.admin_email, self.installed.admin_password)
        unit = unit or f"unit-{uuid.uuid4().hex[:8]}"
        admin.http.put(f"/business-units/{unit}", json={"quota": quota}).raise_for_status()
        email = f"p{uuid.uuid4().hex[:8]}@example.edu"
        body = {"email": email, "role": "requester", "password": PASSWORD, "unit": unit}
        admin.http.post("/users", json=body).raise_for_status()
        return self.sign_in(email)

    def template(self) -> dict[str, str]:
        """A good JSON template with a fresh name."""
        token = uuid.uuid4().hex[:8]
        return {
            "ApplicationName": f"app-{token}", "TargetEnvironment": "dev", "ProjectType": "Static",
            "ProjectURL": self.repository, "ProjectEmail": f"mail-{token}@example.edu",
        }  # fmt: skip


def end_tidily() -> None:
    """Let a program that is told to end stop its embedded AWS first, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def embedded(folder: Path, **variables: str) -> Iterator[launcher.EmbeddedAws]:
    """An embedded AWS that ends with the block."""
    try:
        yield launcher.start(folder, extra_environment=variables)
    finally:
        launcher.stop(folder)


@contextmanager
def platform(**variables: str) -> Iterator[Ground]:
    """A platform on an embedded AWS; nothing is left of either after the block.

    Args:
        variables: more environment variables for the embedded AWS.
    """
    localhost_names.install()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        with embedded(folder / "aws", **variables) as aws:
            installed = install(aws, say=lambda _: None)
            site = folder / "site"
            for name, text in SITE.items():
                (site / name).parent.mkdir(parents=True, exist_ok=True)
                (site / name).write_text(text, "utf-8")
            git_host.commit_folder(site)
            with git_host.serve({"acme/site": site}) as host:
                yield Ground(aws, installed, folder, f"{host}/acme/site")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
