"""CodeBuild that takes its time: builds that come to the end they are told to, with their events."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autoprovision.domain.build import Build, BuildPhase, BuildStatus
from autoprovision.domain.clock import iso
from autoprovision.memory.platform import MemoryPlatform

GONE = "GONE"


@dataclass
class SlowCodeBuild:
    """Plays CodeBuild on the ports Builds and BuildFiles.

    Attributes:
        build_ends: what builds come to; GONE: CodeBuild does not know them any more.
        lose_answer: how many starts begin a build and fail to say so.
        changed: called with a build and what has happened to it.
        output: what a recipe brings, by its variables.
    """

    platform: MemoryPlatform
    build_ends: str = BuildStatus.SUCCEEDED
    lose_answer: int = 0
    changed: Callable[[str, str], None] = lambda build_id, what: None
    output: Callable[[dict[str, str]], dict[str, str]] = lambda variables: {"index.html": "hi"}
    under_way: dict[str, dict[str, Any]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Begin a build; the same token is the same build."""
        arguments = json.loads(json.dumps(arguments))
        token = arguments["IdempotencyToken"]
        if token not in self._tokens:
            build_id = f"build:{len(self._tokens) + 1}"
            variables = _variables(arguments)
            self._tokens[token] = build_id
            self.platform.builds.known[build_id] = Build(
                id=build_id, status=BuildStatus.IN_PROGRESS, request_id=variables["REQUEST_ID"]
            )
            self.under_way[build_id] = arguments
            self.changed(build_id, "IN_PROGRESS")
        if self.lose_answer:
            self.lose_answer -= 1
            raise ConnectionResetError
        return {"Build": {"Id": self._tokens[token]}}

    def go_on(self) -> bool:
        """Let every build come to its end. Gives whether there was any."""
        running = list(self.under_way.items())
        self.under_way.clear()
        for build_id, arguments in running:
            self._end(build_id, arguments)
        return bool(running)

    def _end(self, build_id: str, arguments: dict[str, Any]) -> None:
        known, end = self.platform.builds.known, self.build_ends
        build = known[build_id]
        if build.status is BuildStatus.STOPPED:  # by StopBuild; it brings nothing
            self.changed(build_id, "STOPPED")
            return
        if end == GONE:
            del known[build_id]
            return
        phase = BuildPhase(name="build", status=end, seconds=1, ended_at=iso(self.platform.now()))
        known[build_id] = build.with_(phases=(phase,))
        self.changed(build_id, "BUILD")
        # CodeBuild puts the output of a build that failed too, if there is any.
        if end in {BuildStatus.SUCCEEDED, BuildStatus.FAILED}:
            folder = arguments["SourceLocationOverride"].partition("/")[2].rpartition("/")[0]
            self.platform.build_files.outputs[folder] = _packed(self.output(_variables(arguments)))
        known[build_id] = known[build_id].with_(status=BuildStatus(end))
        self.changed(build_id, end)


def _variables(arguments: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in arguments["EnvironmentVariablesOverride"]}


def _packed(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()
