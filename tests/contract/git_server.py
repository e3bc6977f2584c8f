"""A real git server on loopback for the contract tests: `git http-backend` behind a small server."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autoprovision.domain.git_source import (
    AllowedHosts,
    FetchLimits,
    GitSource,
    SourceError,
    parse_project_url,
)
from autoprovision.source.fetch import GitRepository

HOSTS = AllowedHosts.parse(
    "github.com,git.example.org,http://127.0.0.1:*,http://localhost:*,"
    "https://localhost:*,ssh://127.0.0.1:*"
)
SMALL = FetchLimits(total_bytes=300_000, file_bytes=100_000, files=20, path_bytes=60, seconds=20.0)
CANARY = "canary-8f1d2c"


def source(url: str) -> GitSource:
    """What the platform makes of a ProjectURL in these tests."""
    return parse_project_url(url, allowed_hosts=HOSTS)


def refusal(url: str, *, limits: FetchLimits = SMALL, **secrets: str) -> SourceError:
    """The error of a fetch that must fail."""
    with pytest.raises(SourceError) as caught:
        GitRepository(HOSTS, limits).fetch(source(url), secrets).close()
    assert caught.value.message.endswith(".")
    return caught.value


_PLAIN_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.com",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "file:http",
    "PATH": os.environ["PATH"],
}


def git(*arguments: str, folder: Path, stdin: bytes | None = None) -> str:
    """Run git in a folder and give what it printed."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        env={**_PLAIN_ENVIRONMENT, "HOME": str(folder)},
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def make_repository(root: Path, name: str, files: dict[str, bytes], *, commits: int = 1) -> Path:
    """A bare repository `<name>.git` under `root` with these files on main."""
    work = root / f"{name}-work"
    work.mkdir(parents=True)
    git("init", "-q", folder=work)
    for path, content in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(content)
    git("add", "-A", folder=work)
    git("commit", "-q", "--allow-empty", "-m", "first", folder=work)
    for number in range(1, commits):
        git("commit", "-q", "--allow-empty", "-m", f"more {number}", folder=work)
    return publish(root, name, work)


def publish(root: Path, name: str, work: Path) -> Path:
    """Make the bare, servable clone of a working repository."""
    bare = root / f"{name}.git"
    git("clone", "-q", "--bare", str(work), str(bare), folder=root)
    git("config", "uploadpack.allowFilter", "true", folder=bare)
    return bare


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    token: str | None
    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _serve(self, body: bytes) -> None:
        self.seen.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
        if self.token is not None and not self._authorized():
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"sign in")
            return
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            env={
                **_PLAIN_ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            },
            input=body,
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        self._answer(status, headers, content)

    def _authorized(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        return base64.b64decode(given).decode().endswith(f":{self.token}")

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve with this handler on loopback; gives the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def git_server(
    root: Path, *, token: str | None = None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve the repositories under `root`; gives the base URL and the requests it saw."""
    seen: list[dict[str, str]] = []
    handler = type("Backend", (Backend,), {"root": root, "token": token, "seen": seen})
    with serving(handler) as port:
        yield f"http://127.0.0.1:{port}", seen
