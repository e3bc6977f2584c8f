"""Starts, finds and stops an embedded AWS.

Everything one server owns lies in its data folder, so several run side by side, and whatever
ends the launching process in the middle, `stop` of the same folder finds what was left.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from autoprovision.embedded import processes, state
from autoprovision.embedded.environment import (
    ACCOUNT_ID,
    DATA_VARIABLE,
    folders,
    overridden,
    server_environment,
)
from autoprovision.embedded.errors import EmbeddedAwsError
from autoprovision.embedded.state import EmbeddedAws, SavedState

__all__ = ["EmbeddedAws", "EmbeddedAwsError", "start", "status", "stop"]

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
_LOG_LINES = 12
_ATTEMPTS_ON_FREE_PORTS = 3
_NOTHING: Mapping[str, str] = {}


def start(
    data: Path,
    *,
    port: int | None = None,
    region: str = "ap-southeast-1",
    extra_environment: Mapping[str, str] = _NOTHING,
) -> EmbeddedAws:
    """Start an embedded AWS in a data folder, or return the one that already runs there.

    Args:
        data: Its folder; made if missing, readable by its owner only.
        port: TCP port on 127.0.0.1; the one of the last run or a free one when None.
        region: The AWS region it plays.
        extra_environment: More variables for the server, above its own (`SFN_WAIT_SCALE`).

    Raises:
        EmbeddedAwsError: It cannot be started; nothing is left running.
    """
    data = data.absolute()
    _make_folders(data)
    with _lock(data), _disk_errors_explained(data):
        running = _running(data)
        if running is not None:
            return running
        for attempt in range(1, _ATTEMPTS_ON_FREE_PORTS + 1):
            chosen = _checked_port(port) if port is not None else _free_port(data)
            try:
                return _launch(data, chosen, region, extra_environment)
            except EmbeddedAwsError:
                # Another program may have taken the free port between the look and the start.
                taken = port is None and not _is_free(chosen)
                if not taken or attempt == _ATTEMPTS_ON_FREE_PORTS:
                    raise
    message = "unreachable: the loop returns or raises"
    raise AssertionError(message)


def status(data: Path) -> EmbeddedAws | None:
    """The embedded AWS that runs in a data folder, or None.

    What a server that died left behind (state file, functions' processes) is removed on the way.
    """
    data = data.absolute()
    if not (data / state.STATE_FILE).exists():
        return None
    with _lock(data):
        return _running(data)


def stop(data: Path) -> bool:
    """End the embedded AWS of a data folder with every process it started.

    Returns:
        Whether anything ran.

    Raises:
        EmbeddedAwsError: A process survived even SIGKILL.
    """
    data = data.absolute()
    if not data.is_dir():
        return False
    with _lock(data):
        saved = state.load(data)
        found = _end(data, saved.aws.pid if saved and _is_ours(saved) else None)
        state.forget(data)
        return found


def _running(data: Path) -> EmbeddedAws | None:
    saved = state.load(data)
    if saved is None:
        return None
    if processes.started_at(saved.aws.pid) == saved.started_at:
        return saved.aws
    _end(data, saved.aws.pid if _is_ours(saved) else None)
    state.forget(data)
    return None


def _is_ours(saved: SavedState) -> bool:
    """Whether the session named by the saved id is the server's, its leader alive or not."""
    seen = processes.started_at(saved.aws.pid)
    return seen is None or seen == saved.started_at


def _end(data: Path, session: int | None) -> bool:
    try:
        return processes.end_processes(
            session, f"{DATA_VARIABLE}={data}", grace_seconds=_STOP_SECONDS
        )
    except TimeoutError as problem:
        raise EmbeddedAwsError(
            str(problem), "Look at them with `ps`, and end them by hand."
        ) from problem


def _launch(data: Path, port: int, region: str, extra: Mapping[str, str]) -> EmbeddedAws:
    secret = secrets.token_hex(20)
    log = data / state.LOG_FILE
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    environment = overridden(server_environment(data, port, region, secret), extra)
    pid: int | None = None
    try:
        pid = _spawn(data, log, environment)
        aws = EmbeddedAws(
            endpoint_url=f"http://127.0.0.1:{port}",
            region=region,
            port=port,
            pid=pid,
            account_id=ACCOUNT_ID,
            access_key_id=ACCOUNT_ID,
            secret_access_key=secret,
            data=data,
            log=log,
        )
        # Written before it is ready: whoever is killed while waiting can still be cleaned up.
        state.save(SavedState(aws, processes.started_at(pid) or ""))
        _wait_until_ready(aws)
    except BaseException:
        _end(data, pid)
        state.forget(data)
        raise
    return aws


def _spawn(data: Path, log: Path, environment: Mapping[str, str]) -> int:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        server = subprocess.Popen(
            [sys.executable, "-m", "autoprovision.embedded.server"],
            cwd=data,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    finally:
        os.close(handle)
    # The server outlives this process, and `stop` collects it: Popen must not wait for it.
    server.returncode = 0
    return server.pid


def _wait_until_ready(aws: EmbeddedAws) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        processes.collect_child(aws.pid)
        if processes.started_at(aws.pid) is None:
            raise EmbeddedAwsError(
                f"The embedded AWS ended while it started. Its last words:\n{_last_lines(aws.log)}",
                f"Read the whole log: {aws.log}",
            )
        if _is_ready(aws):
            return
        time.sleep(_POLL_SECONDS)
    raise EmbeddedAwsError(
        f"The embedded AWS was not ready after {_START_SECONDS:.0f} s.",
        f"Is the machine overloaded? Its log: {aws.log}",
    )


def _is_ready(aws: EmbeddedAws) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{aws.endpoint_url}/_ministack/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-_LOG_LINES:]) or "  (it said nothing)"


def _checked_port(port: int) -> int:
    try:
        _bind(port)
    except PermissionError as problem:
        raise EmbeddedAwsError(
            f"Port {port} is not permitted to you: {problem.strerror}.",
            "Choose a port of 1024 or above with --port.",
        ) from problem
    except OverflowError as problem:
        raise EmbeddedAwsError(
            f"{port} is not a TCP port.", "Choose one from 1024 to 65535 with --port."
        ) from problem
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        raise EmbeddedAwsError(
            f"Port {port} is busy: another program listens on it.",
            "Choose another one with --port, or leave it out to get a free one.",
        ) from problem
    return port


def _free_port(data: Path) -> int:
    remembered = state.remembered_port(data)
    return remembered if remembered is not None and _is_free(remembered) else _bind(0)


def _is_free(port: int) -> bool:
    try:
        _bind(port)
    except OSError:
        return False
    return True


def _bind(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _make_folders(data: Path) -> None:
    with _disk_errors_explained(data):
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
        for folder in folders(data):
            folder.mkdir(exist_ok=True)


@contextlib.contextmanager
def _disk_errors_explained(data: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise EmbeddedAwsError(
                f"The disk of {data} is full.", "Free some space, or choose another --data."
            ) from problem
        raise EmbeddedAwsError(
            f"The data folder {data} cannot be used: {problem.strerror or problem}.",
            "Choose a folder you may write to with --data.",
        ) from problem


@contextlib.contextmanager
def _lock(data: Path) -> Iterator[None]:
    """One start or stop at a time in one data folder, whichever process asks."""
    with _disk_errors_explained(data):
        handle = os.open(data / "embedded-aws.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
