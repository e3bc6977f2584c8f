"""A machine of the embedded EC2, as its agent: runs documents of Run Command.

There is no machine. A script runs as a process of this one, in a folder that stands for the
instance's disk, with a cleaned environment, the limits of builds and the instance's own role, and
its output says so. The root of this machine is out of its reach, and nothing of it is patched.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

from autoprovision.embedded import roles
from autoprovision.embedded.builds.aws_calls import AwsCalls
from autoprovision.embedded.builds.failures import PhaseFailed
from autoprovision.embedded.builds.limits import Limits
from autoprovision.embedded.builds.shell import BuildShell, Interrupted
from autoprovision.embedded.environment import DATA_VARIABLE, is_inherited

SERVICE = "ec2.amazonaws.com"
MARKER = "EMBEDDED_AWS_COMMAND"
# Run Command, "Rebooting managed nodes": the agent restarts the machine and runs the script again.
_RESTART = 194
_MOST_RESTARTS = 3
_MIB = 1024 * 1024
_MOST_OUTPUT = 4 * _MIB
_LIMITS = Limits(memory=1024 * _MIB, folder=1024 * _MIB, file=256 * _MIB, processes=128)
_FAILED, _NO_CODE = 1, -1


@dataclass(frozen=True)
class Order:
    """What a command is to do on one instance.

    Attributes:
        seconds: how long it may take.
        output_bucket: where S3 gets the output; nowhere when it is empty.
    """

    command_id: str
    instance_id: str
    document: str
    parameters: dict[str, list[str]]
    role_arn: str
    seconds: float
    output_bucket: str = ""
    output_prefix: str = ""


@dataclass
class Result:
    """How it went there."""

    status: str = "InProgress"
    code: int = _NO_CODE
    output: list[str] = field(default_factory=list)


def _disk(instance_id: str) -> Path:
    return Path(os.environ[DATA_VARIABLE]) / "machines" / instance_id


def forget(instance_id: str) -> None:
    """An instance that is terminated takes its disk along."""
    shutil.rmtree(_disk(instance_id), ignore_errors=True)


class Run:
    """One document on one instance."""

    def __init__(self, order: Order, stop: threading.Event) -> None:
        self._order, self._stop = order, stop
        self._size = 0
        self.result = Result()

    def __call__(self) -> Result:
        """Run it to its end, whatever that is."""
        say = self._say
        place = self._order.instance_id
        say([f"This ran on this machine in place of {place}, by the embedded AWS."])
        try:
            session = roles.assume(self._order.role_arn, SERVICE, self._order.instance_id)
            self.result.code = _DOCUMENTS[self._order.document](self, session)
            self.result.status = "Success" if self.result.code == 0 else "Failed"
            self._upload(session)
        except Interrupted as interruption:
            self.result.status = "Cancelled" if interruption.status == "STOPPED" else "TimedOut"
        except (PhaseFailed, roles.RoleNotAssumable) as problem:
            say([f"{problem}"])
            self.result.code, self.result.status = _FAILED, "Failed"
        except Exception as problem:  # noqa: BLE001 - a command must end
            say([f"The embedded AWS failed here: {problem!r}"])
            self.result.code, self.result.status = _FAILED, "Failed"
        return self.result

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            if self._size < _MOST_OUTPUT:
                self.result.output.append(line)
                self._size += len(line) + 1

    def _parameter(self, name: str, default: str = "") -> str:
        return "\n".join(self._order.parameters.get(name, [default]))

    def shell_script(self, session: roles.RoleSession) -> int:
        """AWS-RunShellScript: the commands as one script."""
        return self._restarting(lambda: self._in_shell(self._parameter("commands"), session, None))

    def remote_script(self, session: roles.RoleSession) -> int:
        """AWS-RunRemoteScript: a script from S3, fetched with the instance's role."""
        if self._parameter("sourceType") != "S3":
            raise PhaseFailed("InvalidSource", "Only the source type S3 is known here")
        path = urlparse(json.loads(self._parameter("sourceInfo"))["path"]).path.lstrip("/")
        bucket, _, key = path.partition("/")
        calls = AwsCalls(session, os.environ["AWS_REGION"])

        def bring(source: Path) -> None:
            calls.download(bucket, key, "", source / key.rpartition("/")[2])

        line = self._parameter("commandLine")
        return self._restarting(lambda: self._in_shell(line, session, bring))

    def patch_baseline(self, _session: roles.RoleSession) -> int:
        """AWS-RunPatchBaseline: there is nothing here that may be patched."""
        what = f"{self._parameter('Operation')} for {self._order.instance_id}"
        why = "an embedded instance has no operating system of its own; this machine's stays as is"
        self._say([f"{what}: {why}."])
        self._say(["InstalledCount: 0", "MissingCount: 0", "FailedCount: 0"])
        return 0

    def _restarting(self, run: Callable[[], int]) -> int:
        for _ in range(_MOST_RESTARTS):
            code = run()
            if code != _RESTART:
                return code
            self._say([f"{self._order.instance_id} restarts: its processes have ended."])
        self._say([f"It asked for more than {_MOST_RESTARTS} restarts."])
        return _FAILED

    def _in_shell(
        self, script: str, session: roles.RoleSession, bring: Callable[[Path], None] | None
    ) -> int:
        order = self._order
        disk = _disk(order.instance_id)
        scratch = disk / "commands" / order.command_id
        shutil.rmtree(scratch, ignore_errors=True)
        for folder in (scratch / "src", disk / "home", disk / "tmp"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if bring is not None:
            bring(scratch / "src")
        marker = f"{MARKER}={order.command_id}.{order.instance_id}"
        shell = BuildShell(
            scratch, "sh", _environment(session, disk, marker), marker=marker, say=self._say,
            stop=self._stop, deadline=time.monotonic() + order.seconds, limits=_LIMITS,
        )  # fmt: skip
        try:
            return shell.run(script, succeeding=True)
        finally:
            shell.close()
            shutil.rmtree(scratch, ignore_errors=True)

    def _upload(self, session: roles.RoleSession) -> None:
        order = self._order
        if not order.output_bucket:
            return
        plugin = "awsrunShellScript/0.awsrunShellScript"
        parts = [order.output_prefix, order.command_id, order.instance_id, plugin, "stdout"]
        target = _disk(order.instance_id) / "tmp" / f"{order.command_id}.stdout"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(self.result.output) + "\n")
        key = "/".join(part.strip("/") for part in parts if part)
        AwsCalls(session, os.environ["AWS_REGION"]).upload(target, order.output_bucket, key)
        target.unlink()


def _environment(session: roles.RoleSession, disk: Path, marker: str) -> dict[str, str]:
    """Of the host only what leads to programs and to the internet."""
    host = {name: value for name, value in os.environ.items() if is_inherited(name)}
    name, _, value = marker.partition("=")
    return {
        "LANG": "C.UTF-8",
        **host,
        "HOME": str(disk / "home"),
        "TMPDIR": str(disk / "tmp"),
        **session.environment(),
        # How the command's processes are found.
        name: value,
        DATA_VARIABLE: os.environ[DATA_VARIABLE],
    }


_DOCUMENTS: dict[str, Callable[[Run, roles.RoleSession], int]] = {
    "AWS-RunShellScript": Run.shell_script,
    "AWS-RunRemoteScript": Run.remote_script,
    "AWS-RunPatchBaseline": Run.patch_baseline,
}
KNOWN = frozenset(_DOCUMENTS)
