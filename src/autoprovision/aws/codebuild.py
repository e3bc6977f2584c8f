"""The port `Builds` on CodeBuild, with the logs in CloudWatch Logs."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of

_SERVICE = "CodeBuild"
_MISSING = "ResourceNotFoundException"


class CodeBuildBuilds:
    """Builds of the blueprints' build projects."""

    def __init__(self, codebuild: Any, logs: Any) -> None:
        self._codebuild = codebuild
        self._logs = logs

    def start(
        self, project: str, *, buildspec: str, environment: Mapping[str, str],
        secret_environment: Mapping[str, str], token: str,
    ) -> str:  # fmt: skip
        """Start a build; the same token starts one build (CodeBuild remembers it 5 minutes).

        Values of `secret_environment` are `<secret ARN>:<JSON key>`; only CodeBuild reads them.
        """
        variables = [
            {"name": name, "value": value, "type": kind}
            for given, kind in (
                (environment, "PLAINTEXT"), (secret_environment, "SECRETS_MANAGER")
            )
            for name, value in sorted(given.items())
        ]  # fmt: skip
        with answering(_SERVICE):
            answer = self._codebuild.start_build(
                projectName=project, buildspecOverride=buildspec, idempotencyToken=token,
                environmentVariablesOverride=variables,
            )  # fmt: skip
        return str(answer["build"]["id"])

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
        with answering(_SERVICE):
            builds = self._codebuild.batch_get_builds(ids=[build_id])["builds"]
        where = builds[0].get("logs", {}) if builds else {}
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
