"""What BatchGetBuilds and EventBridge tell of one build while it runs."""
# ruff: noqa: SLF001 - the builds of MiniStack have no other door inside its process.

import copy
import json
import time
from datetime import UTC, datetime
from typing import Any

from autoprovision.embedded import event_delivery
from autoprovision.embedded.builds.failures import PhaseFailed

_RUNNING = "IN_PROGRESS"
_SUCCEEDED = "SUCCEEDED"


class BuildRecord:
    """A build, as told to others: each change is published whole, and as an event.

    Args:
        build: The build's first record, already among MiniStack's builds.
    """

    def __init__(self, build: dict[str, Any]) -> None:
        self.build = build
        self._ended_worst = _SUCCEEDED
        self._tell_state()

    @property
    def succeeding(self) -> bool:
        """Whether no phase has failed yet."""
        return self._ended_worst == _SUCCEEDED

    def start_phase(self, name: str) -> None:
        """Begin a phase."""
        self.build["currentPhase"] = name
        self.build["phases"].append({"phaseType": name, "startTime": time.time()})
        self.publish()

    def end_phase(self, status: str = _SUCCEEDED, problem: PhaseFailed | None = None) -> None:
        """End the phase that runs; a bad status becomes the build's."""
        phase, now = self.build["phases"][-1], time.time()
        context = {"statusCode": problem.code, "message": problem.message} if problem else {}
        phase |= {
            "phaseStatus": status,
            "endTime": now,
            "durationInSeconds": int(now - phase["startTime"]),
            "contexts": [context] if context else [],
        }
        if status != _SUCCEEDED:
            self._ended_worst = status
        self.publish()
        self._tell_phase(phase)

    def complete(self) -> None:
        """End the build with the status of its phases."""
        now = time.time()
        self.build["phases"].append({"phaseType": "COMPLETED", "startTime": now})
        self.build |= {
            "currentPhase": "COMPLETED",
            "endTime": now,
            "buildComplete": True,
            "buildStatus": self._ended_worst,
        }
        self.publish()
        self._tell_state()

    def publish(self) -> None:
        """Show the build as it is now to whoever asks."""
        from ministack.services import codebuild

        if self.build["id"] in codebuild._builds:  # BatchDeleteBuilds may have removed it.
            codebuild._builds[self.build["id"]] = copy.deepcopy(self.build)

    def _tell_state(self) -> None:
        detail = {
            "build-status": self.build["buildStatus"],
            "project-name": self.build["projectName"],
            "build-id": self.build["arn"],
            "additional-information": _information(self.build),
            "current-phase": self.build["currentPhase"],
            "current-phase-context": "[]",
            "version": "1",
        }
        self._send("State", detail)

    def _tell_phase(self, phase: dict[str, Any]) -> None:
        detail = {
            "completed-phase": phase["phaseType"],
            "completed-phase-status": phase["phaseStatus"],
            "completed-phase-context": f"[{', '.join(_contexts(phase))}]",
            "completed-phase-start": _moment(phase["startTime"]),
            "completed-phase-end": _moment(phase["endTime"]),
            "completed-phase-duration-seconds": phase["durationInSeconds"],
            "project-name": self.build["projectName"],
            "build-id": self.build["arn"],
            "additional-information": _information(self.build),
            "version": "1",
        }
        self._send("Phase", detail)

    def _send(self, what: str, detail: dict[str, Any]) -> None:
        event_delivery.send(
            "aws.codebuild", f"CodeBuild Build {what} Change", detail, self.build["arn"]
        )


def _information(build: dict[str, Any]) -> dict[str, Any]:
    """`additional-information` (CodeBuild user guide, "Build notifications input format")."""
    logs = build["logs"]
    environment = build["environment"]
    return {
        "artifact": {
            key: build["artifacts"].get(name, "")
            for key, name in (
                ("md5sum", "md5sum"),
                ("sha256sum", "sha256sum"),
                ("location", "location"),
            )
        },
        "environment": {
            "image": environment.get("image"),
            "privileged-mode": environment.get("privilegedMode", False),
            "compute-type": environment.get("computeType"),
            "type": environment.get("type"),
            "environment-variables": environment.get("environmentVariables", []),
        },
        "timeout-in-minutes": build["timeoutInMinutes"],
        "build-complete": build["buildComplete"],
        "initiator": build["initiator"],
        "build-start-time": _moment(build["startTime"]),
        "source": {
            key: build["source"][key] for key in ("location", "type") if build["source"].get(key)
        },
        "source-version": build.get("sourceVersion", ""),
        "logs": {
            "group-name": logs.get("groupName"),
            "stream-name": logs.get("streamName"),
            "deep-link": logs.get("deepLink"),
        },
        "phases": [_phase(phase) for phase in build["phases"]],
    }


def _phase(phase: dict[str, Any]) -> dict[str, Any]:
    told = {"phase-type": phase["phaseType"], "start-time": _moment(phase["startTime"])}
    if "endTime" in phase:
        told |= {
            "phase-context": _contexts(phase),
            "end-time": _moment(phase["endTime"]),
            "duration-in-seconds": phase["durationInSeconds"],
            "phase-status": phase["phaseStatus"],
        }
    return told


def _contexts(phase: dict[str, Any]) -> list[str]:
    return [f"{one['statusCode']}: {one['message']}" for one in phase.get("contexts", [])]


def _moment(seconds: float) -> str:
    """Such as `Sep 1, 2017 4:12:29 PM`."""
    then = datetime.fromtimestamp(seconds, UTC)
    return f"{then:%b} {then.day}, {then.year} {then.hour % 12 or 12}:{then:%M:%S %p}"


def first_record(project: dict[str, Any], request: dict[str, Any], facts: dict[str, Any]) -> Any:
    """The record of a build that was just submitted.

    Args:
        project: The project with the start's overrides above it.
        request: StartBuild's request.
        facts: `id`, `arn`, `buildNumber`, `initiator`, `logs`.
    """
    now = time.time()
    version = request.get("sourceVersion") or project.get("sourceVersion")
    return {
        **facts,
        "startTime": now,
        "currentPhase": "QUEUED",
        "buildStatus": _RUNNING,
        **({"sourceVersion": version, "resolvedSourceVersion": version} if version else {}),
        "projectName": project["name"],
        "phases": [
            {
                "phaseType": "SUBMITTED",
                "phaseStatus": _SUCCEEDED,
                "startTime": now,
                "endTime": now,
                "durationInSeconds": 0,
            }
        ],
        "source": project["source"],
        "secondarySources": [],
        "secondarySourceVersions": [],
        "artifacts": {"location": ""},
        "secondaryArtifacts": [],
        "cache": {"type": "NO_CACHE"},
        "environment": json.loads(json.dumps(project["environment"])),
        "serviceRole": project["serviceRole"],
        "timeoutInMinutes": project["timeoutInMinutes"],
        "queuedTimeoutInMinutes": project.get("queuedTimeoutInMinutes") or 480,
        "buildComplete": False,
        "encryptionKey": project["encryptionKey"],
        "exportedEnvironmentVariables": [],
    }
