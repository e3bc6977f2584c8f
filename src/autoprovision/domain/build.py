"""A build as its people see it: phases, the end of its log, and why it failed.

CodeBuild's log mixes what the recipe said with words of its own; people need the first.
"""

import re
from enum import StrEnum

from autoprovision.domain.resource import Resource
from autoprovision.domain.said import shown

MOST_LINES = 20
MOST_CHARACTERS = 400
# CodeBuild's own lines, and the one of the embedded AWS that names a missing program.
_OWN = re.compile(r"^\[Container\] \S+ \S+ (?P<said>.*)", re.DOTALL)
_RUNNING, _GAVE_UP = "Running command", "Command did not exit successfully"
_NO_PROGRAM = "has no program named"
# What tools say last and what tells nobody anything.
_CHATTER = re.compile(
    r"^npm (?:error|ERR!)\s*$|^npm (?:error|ERR!) (?:A complete log|code )|^\s+at "
)
_ERROR = re.compile(r"^npm (?:error|ERR!)|^(?:\S+ )?(?:error|ERROR|Error)\b|^\w+Error: ")
_MOST_TELLING = 3


_DIGEST_LETTERS = 16


def function_release(commit: str, digest: str) -> str:
    """The name of a function's release: the same commit built with other settings is another.

    Args:
        digest: SHA-256 of the code's archive, in hexadecimal.
    """
    return f"{commit}-{digest[:_DIGEST_LETTERS]}"


def is_function_release(release: str, digest: str) -> bool:
    """Whether a release is the archive with this SHA-256."""
    return bool(digest) and release.rpartition("-")[2] == digest[:_DIGEST_LETTERS]


class BuildStatus(StrEnum):
    """CodeBuild's words for a build."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    FAULT = "FAULT"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"


class BuildPhase(Resource):
    """One phase of a build.

    Attributes:
        name: CodeBuild's name in lower case, such as `pre_build`.
        status: CodeBuild's status; empty while it runs.
        ended_at: when it ended; empty while it runs.
        context: what CodeBuild says of a failure.
    """

    name: str
    status: str = ""
    seconds: int = 0
    ended_at: str = ""
    context: str = ""


class Build(Resource):
    """A build as CodeBuild describes it now.

    Attributes:
        id: `<project>:<uuid>`.
        request_id: whose build it is; empty for one that the platform did not start.
        minutes: the longest it may take.
    """

    id: str
    status: BuildStatus
    request_id: str = ""
    minutes: int = 0
    phases: tuple[BuildPhase, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether it is at an end."""
        return self.status is not BuildStatus.IN_PROGRESS

    def phase(self, name: str) -> BuildPhase | None:
        """A phase that has ended."""
        return next((one for one in self.phases if one.name == name and one.ended_at), None)

    def failed_phase(self) -> BuildPhase | None:
        """The first phase that failed."""
        return next((one for one in self.phases if one.status not in ("", "SUCCEEDED")), None)


def tail(log: list[str], *, most: int = MOST_LINES) -> list[str]:
    """The end of what the recipe said, up to where it gave up, without secrets and colours."""
    ends = [number for number, line in enumerate(log) if _GAVE_UP in line and _OWN.match(line)]
    return _said(log[: ends[0]] if ends else log)[-most:]


def said_in(log: list[str], phase: str) -> list[str]:
    """What the recipe said in one phase, as far as it is in these lines."""
    begin, end = f"Entering phase {phase.upper()}", f"Phase complete: {phase.upper()}"
    first = [number for number, line in enumerate(log) if begin in line]
    last = [number for number, line in enumerate(log) if end in line]
    if not last:
        return []
    return _said(log[first[-1] if first else 0 : last[-1]])


def _said(log: list[str]) -> list[str]:
    lines: list[str] = []
    for line in log:
        own = _OWN.match(line)
        if own is None:
            lines += line.split("\n")
        elif _NO_PROGRAM in own["said"]:
            lines.append(own["said"])
    return [_cut(line.rstrip()) for line in shown(lines) if line.strip()]


def _cut(line: str) -> str:
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def why(build: Build, log: list[str]) -> str:
    """In a sentence why a build did not succeed: in which phase, and what was said last."""
    phase = build.failed_phase()
    where = f" in its phase {phase.name}" if phase else ""
    if build.status is BuildStatus.TIMED_OUT:
        return f"The build took longer than the {build.minutes} minutes that it has{where}."
    if build.status is BuildStatus.STOPPED:
        return f"The build was stopped{where}."
    if phase is not None and phase.name not in RECIPE_PHASES:
        return f"The build failed{where}: {phase.context or 'CodeBuild gives no reason.'}"
    return f"The build failed{where}: {' | '.join(_telling(log)) or 'it said nothing.'}"


def _telling(log: list[str]) -> list[str]:
    """Three lines that say most: where the failed command's first error is, or else its last."""
    # CodeBuild goes on with post_build after a failed build: the first to give up is why.
    ends = [number for number, line in enumerate(log) if _GAVE_UP in line and _OWN.match(line)]
    until = log[: ends[0]] if ends else log
    begun = [number for number, line in enumerate(until) if _RUNNING in line and _OWN.match(line)]
    lines = _said(until[begun[-1] :] if begun else until)
    lines = [line for line in lines if not _CHATTER.search(line)]
    errors = [number for number, line in enumerate(lines) if _ERROR.search(line)]
    return lines[errors[0] :][:_MOST_TELLING] if errors else lines[-_MOST_TELLING:]


RECIPE_PHASES = ("install", "pre_build", "build", "post_build")
