"""Runs a build's commands one by one, as CodeBuild's agent does for buildspec version 0.2.

Each command is a script of its own that takes over the exported variables and the working folder
of the one before; a `set -e` of one command does not reach the next. Background processes live
until the build ends.
"""

import os
import re
import resource
import select
import shlex
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from autoprovision.embedded import processes
from autoprovision.embedded.builds.limits import Limits, Watch

_POLL_SECONDS = 0.05
_GRACE_SECONDS = 1.0
_CHUNK = 65536
_LONGEST_LINE = 200_000
_KILLED = 137
_NOT_FOUND = 127
_NOT_FOUND_WORDS = (
    re.compile(r":\s*(?P<name>[^\s:'\"]+): (?:command )?not found\s*$"),
    re.compile(
        r"env: [\u2018'\"]?(?P<name>[^\s:\u2018\u2019'\"]+)[\u2019'\"]?: No such file or directory"
    ),
)
_BLOCKS = {"sh": 512, "bash": 1024}
_KEPT = ("variables", "folder")
_READS_AT_END = 4  # a pipe holds no more
_SCRIPT = """\
ulimit -c 0
ulimit -f {blocks}
ulimit -n {open_files}
if [ -f {variables} ]; then . {variables}; fi
export CODEBUILD_BUILD_SUCCEEDING={succeeding}
cd "$(cat {folder})"
trap {keep} EXIT
set -a
{command}
"""


class Interrupted(Exception):  # noqa: N818
    """The build was stopped, or its time is over."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class BuildShell:
    """A scratch folder and the processes in it.

    Args:
        scratch: The build's folder; the source lies in `src`.
        shell: `sh` or `bash`.
        environment: Everything the commands see.
        marker: NAME=value of that environment that no other process has.
        say: Takes the lines of output as they come.
        stop: Set when somebody wants the build to end.
        deadline: When its time is over, by the monotonic clock.
    """

    def __init__(
        self,
        scratch: Path,
        shell: str,
        environment: Mapping[str, str],
        *,
        marker: str,
        say: Callable[[list[str]], None],
        stop: threading.Event,
        deadline: float,
        limits: Limits,
    ) -> None:
        self.source = scratch / "src"
        self._state = scratch / "state"
        self._shell = shell
        self._program = shutil.which(shell, path=environment.get("PATH")) or f"/bin/{shell}"
        self._environment = dict(environment)
        self._marker = marker
        self._say = say
        self._stop = stop
        self._deadline = deadline
        self._limits = limits
        self._watch = Watch(limits, scratch)
        self._sessions: list[int] = []
        self._rest = b""
        self._last_lines: deque[str] = deque(maxlen=20)
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._state.mkdir()
        (self._state / "folder").write_text(f"{self.source}\n")

    def run(self, command: str, *, succeeding: bool) -> int:
        """Run one command to its end.

        Args:
            command: Lines of shell.
            succeeding: Whether all went well before, as the command is told.

        Returns:
            Its exit status; 137 if it exceeded a limit.

        Raises:
            Interrupted: The build was stopped or timed out.
        """
        self._check_interruption()
        self._last_lines.clear()
        child = self._start(self._script(command, succeeding=succeeding), self._write_end)
        excess = None
        while (code := child.poll()) is None:
            self._pump(_POLL_SECONDS)
            self._check_interruption()
            if self._watch.is_due() and (excess := self._watch.excess(self._living())):
                self.end_processes()
                code = _KILLED
                break
        for _ in range(_READS_AT_END):
            self._pump(0)
        self._flush()
        if excess:
            # After what the shell says of its children's end: a build's reason is its last line.
            self._say([f"{excess}; it was ended."])
        self._forget_ended_sessions()
        return code if code >= 0 else 128 - code

    def value(self, expression: str) -> str:
        """What the shell makes of a text such as `site-$(date +%F).zip` after the commands."""
        script = self._script(f'printf %s "{expression}"', succeeding=True)
        target = self._state / "value"
        with target.open("wb") as output:
            child = self._start(script, output.fileno())
        while child.poll() is None:
            self._check_interruption()
            time.sleep(_POLL_SECONDS)
        self._forget_ended_sessions()
        return target.read_text(errors="replace")

    def missing_tool(self, code: int) -> str | None:
        """The program that the last command asked for in vain."""
        if code != _NOT_FOUND:
            return None
        for line in reversed(self._last_lines):
            for words in _NOT_FOUND_WORDS:
                if found := words.search(line):
                    return found["name"]
        return None

    def end_processes(self) -> None:
        """End whatever the build started, background processes included."""
        for session in self._sessions:
            processes.end_processes(session, self._marker, grace_seconds=_GRACE_SECONDS)
        self._sessions.clear()

    def close(self) -> None:
        """End all processes and let go of what they wrote to."""
        try:
            self.end_processes()
        finally:
            os.close(self._write_end)
            os.close(self._read_end)

    def _script(self, command: str, *, succeeding: bool) -> Path:
        script = self._state / "script.sh"
        variables, folder = (shlex.quote(str(self._state / name)) for name in _KEPT)
        text = _SCRIPT.format(
            blocks=_permitted(resource.RLIMIT_FSIZE, self._limits.file) // _BLOCKS[self._shell],
            open_files=_permitted(resource.RLIMIT_NOFILE, self._limits.open_files),
            variables=variables,
            folder=folder,
            keep=shlex.quote(f"export -p > {variables}; pwd > {folder}"),
            succeeding=int(succeeding),
            command=command,
        )
        script.write_text(text)
        return script

    def _start(self, script: Path, output: int) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(
            # Relative, so that the shell's messages name no folder of this machine.
            [self._program, f"../{self._state.name}/{script.name}"],
            cwd=self.source,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        self._sessions.append(child.pid)
        return child

    def _living(self) -> set[int]:
        found = set(processes.marked_processes(self._marker))
        for session in self._sessions:
            found.update(processes.session_members(session))
        return found

    def _forget_ended_sessions(self) -> None:
        """The id of a session without members may be given to somebody else's."""
        self._sessions = [one for one in self._sessions if processes.session_members(one)]

    def _check_interruption(self) -> None:
        if self._stop.is_set():
            raise Interrupted("STOPPED")
        if time.monotonic() > self._deadline:
            raise Interrupted("TIMED_OUT")

    def _pump(self, seconds: float) -> None:
        """Pass on what was written, after at most so many seconds."""
        if not select.select([self._read_end], [], [], seconds)[0]:
            return
        self._rest += os.read(self._read_end, _CHUNK)
        *whole, self._rest = self._rest.split(b"\n")
        self._tell(whole)
        if len(self._rest) > _LONGEST_LINE:
            self._flush()

    def _flush(self) -> None:
        if self._rest:
            self._tell([self._rest])
            self._rest = b""

    def _tell(self, lines: list[bytes]) -> None:
        texts = [line.decode(errors="replace").rstrip("\r") for line in lines]
        if texts:
            self._last_lines.extend(texts)
            self._say(texts)


def _permitted(kind: int, wanted: int) -> int:
    most = resource.getrlimit(kind)[1]
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)
