"""The port `Builds` on CodeBuild, with the logs in CloudWatch Logs."""

from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.build import Build, BuildPhase, BuildStatus
from autoprovision.domain.clock import iso

_SERVICE = "CodeBuild"
_MISSING = "ResourceNotFoundException"
# The variable in which a build carries whose it is.
REQUEST_VARIABLE = "REQUEST_ID"


class CodeBuildBuilds:
    """Builds of the platform's build project."""

    def __init__(self, codebuild: Any, logs: Any, *, project: str) -> None:
        self._codebuild = codebuild
        self._logs = logs
        self._project = project

    def find(self, build_id: str) -> Build | None:
        """The build as it is now. None: there is no such build, or it was long ago."""
        found = self._described(build_id)
        return None if found is None else _build(found)

    def _described(self, build_id: str) -> dict[str, Any] | None:
        with answering(_SERVICE):
            builds = self._codebuild.batch_get_builds(ids=[build_id])["builds"]
        return builds[0] if builds else None

    def of_request(self, request_id: str) -> str | None:
        """The id of the build that was started last for a request.

        Looked for among the newest hundred: it is asked for when the answer to a start was lost,
        minutes before.
        """
        with answering(_SERVICE):
            ids = self._codebuild.list_builds_for_project(
                projectName=self._project, sortOrder="DESCENDING"
            )["ids"]
            builds = self._codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
        own = {one["id"] for one in builds if _build(one).request_id == request_id}
        return next((one for one in ids if one in own), None)

    def stop(self, build_id: str) -> None:
        """Stop a build; ended already is fine."""
        with answering(_SERVICE):
            try:
                self._codebuild.stop_build(id=build_id)
            except ClientError as error:
                if code_of(error) != _MISSING:
                    raise

    def log_tail(self, build_id: str, *, lines: int) -> list[str]:
        """The last lines of the build's log; none before it has one."""
        found = self._described(build_id)
        where = found.get("logs", {}) if found else {}
        if not where.get("groupName") or not where.get("streamName"):
            return []
        with answering("CloudWatch Logs"):
            try:
                answer = self._logs.get_log_events(
                    logGroupName=where["groupName"], logStreamName=where["streamName"],
                    limit=lines, startFromHead=False,
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) != _MISSING:
                    raise
                return []
        return [str(event["message"]).rstrip("\n") for event in answer["events"]][-lines:]


def _build(found: dict[str, Any]) -> Build:
    variables = found.get("environment", {}).get("environmentVariables", [])
    return Build(
        id=found["id"],
        status=BuildStatus(found["buildStatus"]),
        request_id=next((v["value"] for v in variables if v["name"] == REQUEST_VARIABLE), ""),
        minutes=int(found.get("timeoutInMinutes") or 0),
        phases=tuple(_phase(one) for one in found.get("phases", [])),
    )


def _phase(one: dict[str, Any]) -> BuildPhase:
    ended: datetime | None = one.get("endTime")
    said = [str(context.get("message") or "") for context in one.get("contexts") or []]
    return BuildPhase(
        name=str(one["phaseType"]).lower(), status=one.get("phaseStatus", ""),
        seconds=int(one.get("durationInSeconds") or 0), ended_at=iso(ended) if ended else "",
        context=next((text for text in said if text), ""),
    )  # fmt: skip
