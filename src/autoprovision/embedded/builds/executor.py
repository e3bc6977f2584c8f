"""Takes one build through its phases (CodeBuild user guide, "Build phase transitions")."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.builds import artifacts, sources, surroundings
from autoprovision.embedded.builds.aws_calls import AwsCalls
from autoprovision.embedded.builds.build_log import BuildLog
from autoprovision.embedded.builds.buildspec import PHASES, Buildspec, Phase
from autoprovision.embedded.builds.failures import PhaseFailed
from autoprovision.embedded.builds.limits import for_compute_type
from autoprovision.embedded.builds.record import BuildRecord
from autoprovision.embedded.builds.shell import BuildShell, Interrupted
from autoprovision.embedded.environment import DATA_VARIABLE

_SERVICE = "codebuild.amazonaws.com"
_BUILDS_AT_ONCE = 4
_POLL_SECONDS = 0.1
# A minute of a build's time limit, in seconds; the tests' is shorter.
MINUTE_VARIABLE = "CODEBUILD_MINUTE_SECONDS"
_running = threading.BoundedSemaphore(_BUILDS_AT_ONCE)


class Execution:
    """One build that runs.

    Args:
        record: What is told of it.
        wanted_artifacts: `artifacts` of the project with the start's own above it.
    """

    def __init__(self, record: BuildRecord, wanted_artifacts: dict[str, Any]) -> None:
        self.ended = threading.Event()
        self._record = record
        self._wanted = wanted_artifacts
        self._stop = threading.Event()
        self._log = BuildLog(record.build["logs"])
        self._uuid = record.build["id"].rpartition(":")[2]
        self._scratch = Path(os.environ[DATA_VARIABLE]) / "builds" / self._uuid
        self._limits = for_compute_type(record.build["environment"].get("computeType", ""))
        self._minute = float(os.environ.get(MINUTE_VARIABLE, "60"))

    def stop(self) -> None:
        """Ask the build to end as STOPPED; `ended` tells when it did."""
        self._stop.set()

    def run(self) -> None:
        """Take the build to its end, whatever that is."""
        try:
            self._wait_for_a_place()
        except Interrupted as interruption:
            self._record.end_phase(interruption.status)
            self._complete()
            return
        try:
            self._all_phases()
        except Interrupted as interruption:
            self._end_phase(interruption.status, _interruption(interruption))
        except PhaseFailed as problem:
            self._end_phase("FAILED", problem)
        except Exception as problem:  # noqa: BLE001 - a build must end, as FAULT if nothing fits
            from ministack.services.codebuild import logger

            logger.exception("The build %s faulted", self._record.build["id"])
            self._end_phase("FAULT", PhaseFailed("INTERNAL_SERVICE_ERROR", repr(problem)))
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
            _running.release()
            self._complete()

    def _complete(self) -> None:
        self._record.start_phase("FINALIZING")
        self._record.end_phase()
        self._record.complete()
        self.ended.set()

    def _wait_for_a_place(self) -> None:
        self._record.start_phase("QUEUED")
        limit = self._record.build["queuedTimeoutInMinutes"] * self._minute
        deadline = time.monotonic() + limit
        while not _running.acquire(timeout=_POLL_SECONDS):
            if self._stop.is_set():
                raise Interrupted("STOPPED")
            if time.monotonic() > deadline:
                raise Interrupted("TIMED_OUT")
        self._record.end_phase()

    def _all_phases(self) -> None:
        build = self._record.build
        deadline = time.monotonic() + build["timeoutInMinutes"] * self._minute
        self._record.start_phase("PROVISIONING")
        session = self._provision()
        self._record.end_phase()
        self._record.start_phase("DOWNLOAD_SOURCE")
        calls = AwsCalls(session, os.environ["AWS_REGION"])
        self._log.say("Phase is DOWNLOAD_SOURCE")
        source = self._scratch / "src"
        sources.bring(build["source"], build.get("sourceVersion", ""), calls, source, self._limits)
        spec = sources.buildspec(build["source"], calls, source)
        own = surroundings.own_variables(build, spec, calls, self._log)
        self._end_phase()
        shell = BuildShell(
            self._scratch,
            spec.shell,
            surroundings.all_variables(build, session, self._scratch, own),
            marker="=".join(surroundings.marker(build)),
            say=self._log.write,
            stop=self._stop,
            deadline=deadline,
            limits=self._limits,
        )
        try:
            self._own_phases(spec, shell, calls)
        finally:
            shell.close()

    def _provision(self) -> roles.RoleSession:
        build = self._record.build
        for name in ("src", "home", "tmp"):
            (self._scratch / name).mkdir(parents=True, mode=0o700)
        try:
            session = roles.assume(
                build["serviceRole"], _SERVICE, f"AWSCodeBuild-{self._uuid}",
                source_arn=_project_arn(build),
            )  # fmt: skip
        except roles.RoleNotAssumable as problem:
            raise PhaseFailed(
                "ACCESS_DENIED",
                "CodeBuild is not authorized to perform: sts:AssumeRole on "
                f"{build['serviceRole']}. {problem}",
            ) from problem
        self._log.open(session, os.environ["AWS_REGION"], build["arn"])
        self._log.say("Running on this machine, by the embedded AWS")
        if missing := missing_tools(build):
            self._log.say(missing)
            raise PhaseFailed("MISSING_TOOLS", missing)
        return session

    def _own_phases(self, spec: Buildspec, shell: BuildShell, calls: AwsCalls) -> None:
        for name in PHASES:
            phase = spec.phases.get(name, Phase())
            problem = self._phase(name, phase, shell)
            # A failed build is still followed by post_build and the upload of artifacts.
            goes_on = phase.on_failure or ("CONTINUE" if name in PHASES[2:] else "ABORT")
            if problem and goes_on == "ABORT":
                return
        self._record.build["exportedEnvironmentVariables"] = [
            {"name": name, "value": shell.value(f"${{{name}}}")} for name in spec.exported
        ]
        self._record.start_phase("UPLOAD_ARTIFACTS")
        self._log.say("Phase is UPLOAD_ARTIFACTS")
        if self._wanted.get("type") == "S3" and spec.artifacts:
            name = str(self._wanted.get("name") or self._record.build["projectName"])
            if self._wanted.get("overrideArtifactName") and spec.artifacts.name:
                name = shell.value(spec.artifacts.name)
            made = artifacts.upload(
                self._wanted, spec.artifacts, shell.source, calls, name=name, build_id=self._uuid
            )
            self._record.build["artifacts"] = made
        self._end_phase()

    def _phase(self, name: str, phase: Phase, shell: BuildShell) -> PhaseFailed | None:
        self._record.start_phase(name.upper())
        self._log.say(f"Entering phase {name.upper()}")
        problem = self._commands(phase.commands, shell, lambda: self._record.succeeding)
        failed = problem is not None
        ending = self._commands(phase.ending, shell, lambda: self._record.succeeding and not failed)
        problem = problem or ending
        self._end_phase("FAILED" if problem else "SUCCEEDED", problem)
        return problem

    def _commands(
        self, commands: tuple[str, ...], shell: BuildShell, succeeding: Callable[[], bool]
    ) -> PhaseFailed | None:
        for command in commands:
            self._log.say(f"Running command {command}")
            code = shell.run(command, succeeding=succeeding())
            if code == 0:
                continue
            if tool := shell.missing_tool(code):
                self._log.say(
                    f"This machine has no program named {tool}, which the command needs. "
                    "Install it, restart the embedded AWS, and build again."
                )
            self._log.say(f"Command did not exit successfully {command} exit status {code}")
            return PhaseFailed(
                "COMMAND_EXECUTION_ERROR",
                f"Error while executing command: {command}. Reason: exit status {code}",
            )
        return None

    def _end_phase(self, status: str = "SUCCEEDED", problem: PhaseFailed | None = None) -> None:
        phase = self._record.build["phases"][-1]["phaseType"]
        self._log.say(f"Phase complete: {phase} State: {status}")
        code, message = (problem.code, problem.message) if problem else ("", "")
        self._log.say(f"Phase context status code: {code} Message: {message}")
        self._record.end_phase(status, problem)


def _project_arn(build: dict[str, Any]) -> str:
    return f"{build['arn'].rpartition(':build/')[0]}:project/{build['projectName']}"


def missing_tools(build: dict[str, Any]) -> str | None:
    """Which of the programs that the start names in `TOOLS` this machine lacks, in a sentence.

    A machine of CodeBuild's has what its image has; here it is known before minutes of work.
    """
    told = {
        one["name"]: one["value"] for one in build["environment"].get("environmentVariables", [])
    }
    wanted = told.get("TOOLS", "").split()
    missing = [
        tool for tool in wanted if shutil.which(tool, path=surroundings.search_path()) is None
    ]
    if not missing:
        return None
    return (
        f"This machine has no program named {' and none named '.join(missing)}, which "
        f"{told.get('TECH_STACK') or 'the recipe'} needs. Install it, restart the embedded AWS, "
        "and build again."
    )


def _interruption(interruption: Interrupted) -> PhaseFailed | None:
    if interruption.status == "TIMED_OUT":
        return PhaseFailed("BUILD_TIMED_OUT", "Build has timed out.")
    return None
