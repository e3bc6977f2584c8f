"""What a container that did not become well said last: ECS's reason, and the end of its log."""

import logging
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from autoprovision.domain.build import tail

logger = logging.getLogger(__name__)

_LINES = 8
# Of each service ECS remembers those that stopped within the last hour.
_MOST_TASKS = 100


def last_words(
    ecs: Any, logs: Any, *, cluster: str, service: str, revision: str, log_group: str,
    container: str,
) -> list[str]:  # fmt: skip
    """Why the last container of a revision stopped, and the end of its log.

    Args:
        revision: ARN of the task definition.
        log_group: where it logs, by streams that are named after it; empty if that is not known.
        container: the one of the task that is the application.

    Returns:
        Lines for people, none if nothing is known: a courtesy, so that a reason that cannot be had
        hides no failure.
    """
    try:
        task = _last_stopped(ecs, cluster, service, revision)
        if task is None:
            return []
        return [*_reasons(task), *_log(logs, log_group, container, task["taskArn"])]
    except (BotoCoreError, ClientError) as error:
        logger.warning("containers' reasons not read", extra={"why": type(error).__name__})
        return []


def _last_stopped(ecs: Any, cluster: str, service: str, revision: str) -> dict[str, Any] | None:
    listed = ecs.list_tasks(
        cluster=cluster, serviceName=service, desiredStatus="STOPPED", maxResults=_MOST_TASKS
    )["taskArns"]
    if not listed:
        return None
    tasks = ecs.describe_tasks(cluster=cluster, tasks=listed)["tasks"]
    own = [one for one in tasks if one["taskDefinitionArn"] == revision]
    return max(own, key=lambda one: str(one.get("stoppedAt", "")), default=None)


def _reasons(task: dict[str, Any]) -> list[str]:
    said = [f"The last one stopped: {task.get('stoppedReason') or 'ECS gives no reason.'}"]
    for one in task.get("containers", []):
        if one.get("reason"):
            said.append(str(one["reason"]))
        if one.get("exitCode") is not None:
            said.append(f"Its exit code was {one['exitCode']}.")
    return said


def _log(logs: Any, group: str, container: str, task: str) -> list[str]:
    """The end of a task's log; its stream is named `prefix/container/task`, the prefix as it."""
    if not group:
        return []
    stream = f"{container}/{container}/{task.rpartition('/')[2]}"
    try:
        events = logs.get_log_events(
            logGroupName=group, logStreamName=stream, limit=_LINES, startFromHead=False
        )["events"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return []  # it stopped before it said anything
    lines = tail([str(one["message"]) for one in events], most=_LINES)
    return ["It said last:", *lines] if lines else []
