"""Finds and ends the embedded AWS's processes without ever touching anybody else's.

A process id alone proves nothing: it may have been given to another program since. A process
is therefore named by its id and its start time, and its descendants by their session: the
server leads its own session, and the kernel does not hand out an id that a living session uses.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_POLL_SECONDS = 0.02


def started_at(pid: int) -> str | None:
    """When a process started, in the system's own notation, or None if it does not live.

    A zombie (ended, not yet collected by its parent) does not live.
    """
    if _PROC.joinpath("self", "stat").exists():
        fields = _stat_fields(pid)
        return None if fields is None or fields[0] in {"Z", "X"} else fields[19]
    seen = _ps("-o", "stat=,lstart=", "-p", str(pid))
    words = seen.split(maxsplit=1)
    return words[1] if len(words) == 2 and not words[0].startswith("Z") else None


def session_members(session: int) -> list[int]:
    """The living processes of a session, its leader included."""
    if not _PROC.joinpath("self", "stat").exists():
        rows = (row.split() for row in _ps("-axo", "pid=,sess=,pgid=,stat=").splitlines())
        # macOS prints a session's address, not its id: there the group stands in for it.
        return [
            int(pid)
            for pid, sid, group, stat in rows
            if str(session) in {sid, group} and not stat.startswith("Z")
        ]
    return [
        pid
        for pid in _all_pids()
        if (fields := _stat_fields(pid)) is not None
        and fields[3] == str(session)
        and fields[0] not in {"Z", "X"}
    ]


def marked_processes(marker: str) -> list[int]:
    """The living processes of this user whose environment holds `marker` (NAME=value), Linux only.

    Finds the descendants that left the server's session on purpose, such as a build's daemon.
    """
    needle = marker.encode()
    return [pid for pid in _all_pids() if pid != os.getpid() and needle in _environment(pid)]


def end_processes(session: int | None, marker: str, *, grace_seconds: float) -> bool:
    """End every process of a session or with a marker: SIGTERM, and SIGKILL after a grace.

    Args:
        session: The session's id, None if it is not known or belongs to somebody else.
        marker: NAME=value in the environment of every process to end.
        grace_seconds: How long SIGTERM may take.

    Returns:
        Whether there was any to end.

    Raises:
        TimeoutError: Some process survived even SIGKILL.
    """

    def living() -> set[int]:
        members = session_members(session) if session is not None else []
        return {*members, *marked_processes(marker)}

    found = bool(living())
    for number, patience in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        _signal_all(living(), number)
        while remaining := living():
            _collect_children(remaining)
            if time.monotonic() > deadline:
                break
            if number == signal.SIGKILL:
                _signal_all(remaining, number)
            time.sleep(_POLL_SECONDS)
        else:
            return found
    message = f"Processes {sorted(living())} do not end, not even by SIGKILL."
    raise TimeoutError(message)


def collect_child(pid: int) -> int | None:
    """Collect an ended child of this process and return its exit code, None if it lives."""
    try:
        collected, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if collected == pid else None


def _signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # It ended by itself in between.


def _collect_children(pids: Iterable[int]) -> None:
    for pid in pids:
        collect_child(pid)


def _all_pids() -> Iterator[int]:
    if _PROC.joinpath("self", "stat").exists():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name: state, parent, group, session."""
    try:
        text = _PROC.joinpath(str(pid), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _environment(pid: int) -> list[bytes]:
    try:
        return _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []  # Ended in between, or another user's: neither is ours.


def _ps(*arguments: str) -> str:
    done = subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
