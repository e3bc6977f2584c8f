"""The image that the container recipe would build, played as processes of this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.catalog.recipes import build

REPOSITORY = "123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/autoprovision/sample"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REQUEST = "req_01jd0000000000000012ab34cd"
_PATIENCE = 60.0
_PROGRAM = '#!/bin/sh\necho "{name} $*" >> "{calls}"\n{then}\n'


@dataclass(frozen=True)
class Image:
    """What a Dockerfile says.

    Attributes:
        folder: the project's files, as the image would hold them.
        calls: what the recipe told Docker and AWS's command line.
    """

    folder: Path
    base: str
    runs: tuple[str, ...]
    environment: Mapping[str, str]
    command: tuple[str, ...]
    calls: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)


_FETCHES = 'while [ $# -gt 1 ]; do [ "$1" != --output ] || cp "{authority}" "$2"; shift; done'


def written(project: Path, stack: str, scratch: Path, *, authority: Path | None = None) -> Image:
    """Run the recipe with a Docker that only takes notes, and read the Dockerfile it wrote.

    Args:
        authority: certificates that stand for those of AWS's databases, where the stack has documents.
    """
    programs, calls = scratch / "bin", scratch / "calls"
    programs.mkdir()
    for name, then in (("docker", "cat >/dev/null"), ("aws", '[ "$2" != describe-images ]')):
        (programs / name).write_text(_PROGRAM.format(name=name, calls=calls, then=then))
        (programs / name).chmod(0o755)
    if authority is not None:
        fetches = _FETCHES.format(authority=authority)
        (programs / "curl").write_text(_PROGRAM.format(name="curl", calls=calls, then=fetches))
        (programs / "curl").chmod(0o755)
    environment = {
        "OUTPUT_DatabaseEngine": "none" if authority is None else "mongodb",
        "TECH_STACK": stack, "COMMIT": COMMIT, "REQUEST_ID": REQUEST, "OUTPUT_RepositoryUri": REPOSITORY,
        "PATH": f"{programs}:{os.environ['PATH']}",
    }  # fmt: skip
    release = build("web-service", project, scratch, environment)
    assert json.loads((release / "image.json").read_text())["image"].startswith(REPOSITORY)
    return _read(release.parent, tuple(calls.read_text().splitlines()))


def _read(folder: Path, calls: tuple[str, ...]) -> Image:
    text = re.sub(r"\\\n\s*", "", (folder / "Dockerfile").read_text())
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    said = {name: [rest for word, rest in lines if word == name] for name, _ in lines}
    environment = dict(pair.split("=", 1) for line in said.get("ENV", []) for pair in line.split())
    (command,) = said.get("CMD", ["[]"])
    # Inside a container every address is its own; on this machine only loopback is.
    return Image(
        folder, said["FROM"][0], tuple(said.get("RUN", [])),
        {name: _loopback(value) for name, value in environment.items()},
        tuple(_loopback(word) for word in json.loads(command)), calls,
    )  # fmt: skip


def _loopback(text: str) -> str:
    return text.replace("0.0.0.0", "127.0.0.1")


def needs(*programs: str) -> None:
    """Skip where a program is missing; in CI that is a failure, so that nothing stays untried."""
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    said = f"this machine has no program named {', '.join(missing)}: `make debian` as root"
    if os.environ.get("CI"):
        pytest.fail(said)
    pytest.skip(said)


def installed(image: Image, packages: Path, **more: str) -> dict[str, str]:
    """Play the steps of the image that fetch and build, and give the environment they leave."""
    environment = {
        **os.environ, "HOME": str(packages.parent / "home"), "PIP_TARGET": str(packages),
        "PYTHONPATH": str(packages), "PATH": f"{packages / 'bin'}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1", "NG_CLI_ANALYTICS": "false", **more,
    }  # fmt: skip
    for step in image.runs:
        # Whose the files are matters in the image only.
        command = step.partition(" && chown ")[0]
        done = subprocess.run(
            ["bash", "-c", command], cwd=image.folder, env=environment, capture_output=True,
            text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return environment | dict(image.environment)


@contextmanager
def started(
    command: tuple[str, ...], folder: Path, environment: Mapping[str, str]
) -> Iterator[str]:
    """The image's process with a port of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder.parent / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment, "PORT": str(port)}, stdout=output,
            stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            _listening(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        else:
            return


def asked(url: str) -> tuple[int, str]:
    """Status and body."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status, answer.read().decode()
