"""The port `Services` on ECS: a container service runs the image that a build has pushed.

A release is a new revision of the task definition with another image. ECS starts containers of it
beside the old ones and stops those when the new ones are well; its circuit breaker goes back by
itself when they do not become well. UpdateService begins a rollout each time that it is told a
revision, the same one too, so a call that is made again only looks on.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.aws.ecr_images import BEFORE, LIVE, EcrImages
from autoprovision.aws.ecs_tasks import last_words
from autoprovision.domain.errors import ConflictError, UnavailableError

CONTAINER = "app"
logger = logging.getLogger(__name__)
_SETTLE_SECONDS = 480.0
_POLL_SECONDS = 5.0
# Twice what the circuit breaker needs for three containers that start and are never healthy.
_MOST_SECONDS = 1500.0
# What DescribeTaskDefinition tells and RegisterTaskDefinition does not take.
_NOT_TAKEN = frozenset(
    {
        "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
        "registeredAt", "registeredBy", "deregisteredAt",
    }
)  # fmt: skip
_GONE = frozenset(
    {"ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"}
)
_REFUSALS = frozenset(
    {
        "InvalidParameterException", "ClientException", "PlatformUnknownException",
        "PlatformTaskDefinitionIncompatibilityException",
    }
)  # fmt: skip


class _Where(NamedTuple):
    cluster: str
    service: str


class EcsServices:
    """Rolls images out; an image that is live already is left alone."""

    def __init__(
        self, ecs: Any, logs: Any, ecr: Any, *, settle_seconds: float = _SETTLE_SECONDS,
        sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._ecs, self._logs, self._images = ecs, logs, EcrImages(ecr)
        self._settle_seconds = settle_seconds
        self._sleep, self._now = sleep, now

    def publish(self, outputs: Mapping[str, str], image: str, *, before: str = "") -> str:
        """Let the service run an image, and wait until it does.

        Args:
            outputs: of the stack: `ClusterName`, `ServiceName`, `RepositoryUri`, `Nodes`, and
                `LogGroupName` for what the containers said.
            image: with its tag, from the application's own repository.
            before: the release that it would be taken back to, whose image is kept too.

        Returns:
            The release's name: the image's tag.

        Raises:
            ConflictError: code FOREIGN_IMAGE, the image is of another repository; ROLLOUT_FAILED,
                the containers did not become well; IMAGE_NOT_KEPT, the repository does not let
                the marks move, and nothing is rolled out.
            UnavailableError: they are still on their way; calling again goes on waiting.
        """
        if not image.startswith(outputs["RepositoryUri"] + ":"):
            raise ConflictError(
                "The build names an image that is not of the application's own repository.",
                code="FOREIGN_IMAGE",
            )
        release = image.rpartition(":")[2]
        # Before the rollout, so that what cannot be kept is not run; while it lasts, and when it
        # fails, the mark of the one before keeps the image that runs.
        if before:
            self._images.mark(outputs["RepositoryUri"], before, BEFORE)
        self._images.mark(outputs["RepositoryUri"], release, LIVE)
        self._run(outputs, image)
        return release

    def _run(self, outputs: Mapping[str, str], image: str) -> None:
        """Roll an image out and wait until its containers are well."""
        where, nodes = _where(outputs), max(1, int(outputs.get("Nodes", "1")))
        with answering("ECS"):
            self._settle(where, self._roll_out(where, image, nodes, outputs), outputs)

    def live_image(self, outputs: Mapping[str, str]) -> str:
        """The image that is live; empty before the first release, while a placeholder is named."""
        with answering("ECS"):
            running = self._service(_where(outputs))["taskDefinition"]
            image = str(self._definition(running)[1]["image"])
        return image if image.startswith(outputs["RepositoryUri"] + ":") else ""

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Let the service run the image of a release before.

        Also when the image is the right one and no container runs: CloudFormation's own way back
        takes a service to how the stack was made, which is without any. That the repository is
        again one whose marks do not move is no reason to leave the service as it is.
        """
        try:
            self._images.mark(outputs["RepositoryUri"], release, LIVE)
        except ConflictError as refused:
            logger.warning("image not marked: %s", refused.message, extra={"release": release})
        self._run(outputs, f"{outputs['RepositoryUri']}:{release}")

    def stop(self, service: str) -> None:
        """Let no container of a service run; gone already is fine.

        Args:
            service: its ARN, which names its cluster.
        """
        _, cluster, name = service.rsplit("/", 2)
        with answering("ECS"):
            try:
                self._ecs.update_service(cluster=cluster, service=name, desiredCount=0)
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise

    def forget(self, definition: str) -> None:
        """Deregister every revision of a task definition's family but this; none is fine.

        CloudFormation deregisters the one that it made, and fails at one that is already.
        """
        family = definition.rpartition("/")[2].rpartition(":")[0]
        with answering("ECS"):
            pages = self._ecs.get_paginator("list_task_definitions").paginate(
                familyPrefix=family, status="ACTIVE"
            )
            found = [one for page in pages for one in page["taskDefinitionArns"]]
            for arn in found:
                if arn != definition and arn.rpartition("/")[2].rpartition(":")[0] == family:
                    self._ecs.deregister_task_definition(taskDefinition=arn)

    def _roll_out(
        self, where: _Where, image: str, nodes: int, outputs: Mapping[str, str]
    ) -> str:  # fmt: skip
        """Begin the rollout unless it has begun; the revision that it is of."""
        service = self._service(where)
        running = str(service["taskDefinition"])
        found, own = self._definition(running)
        if own["image"] == image:
            if service["desiredCount"] != nodes:
                # As a rollout, so that it is known whether the containers become well.
                self._update(where, desiredCount=nodes, forceNewDeployment=True)
            return running
        for past in service.get("deployments", []):
            failed = past.get("rolloutState") == "FAILED"
            if failed and self._definition(past["taskDefinition"])[1]["image"] == image:
                raise self._failed(where, past["taskDefinition"], past, outputs)
        own["image"] = image
        definition = found["taskDefinition"]
        given = {name: value for name, value in definition.items() if name not in _NOT_TAKEN}
        if found.get("tags"):
            given["tags"] = found["tags"]
        answer = self._ecs.register_task_definition(**given)
        revision = str(answer["taskDefinition"]["taskDefinitionArn"])
        self._update(where, taskDefinition=revision, desiredCount=nodes)
        return revision

    def _definition(self, arn: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is known of a task definition, and its container that is the application."""
        found = self._ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        containers = found["taskDefinition"]["containerDefinitions"]
        return found, next((one for one in containers if one["name"] == CONTAINER), containers[0])

    def _update(self, where: _Where, **changes: Any) -> None:
        try:
            self._ecs.update_service(**where._asdict(), **changes)
        except ClientError as error:
            if code_of(error) in _GONE:
                raise _gone() from error
            if code_of(error) not in _REFUSALS:
                raise
            said = str(error.response["Error"].get("Message", ""))
            raise ConflictError(
                f"ECS does not take the image: {said}", code="ROLLOUT_FAILED"
            ) from error

    def _service(self, where: _Where) -> dict[str, Any]:
        try:
            found = self._ecs.describe_services(cluster=where.cluster, services=[where.service])
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            raise _gone() from error
        active = [one for one in found["services"] if one["status"] == "ACTIVE"]
        if not active:
            raise _gone()
        service: dict[str, Any] = active[0]
        return service

    def _settle(self, where: _Where, revision: str, outputs: Mapping[str, str]) -> None:
        end = self._now() + self._settle_seconds
        while True:
            service = self._service(where)
            rollout = _newest(service, revision)
            if service["taskDefinition"] != revision or rollout.get("rolloutState") == "FAILED":
                raise self._failed(where, revision, rollout, outputs)
            if (
                rollout.get("rolloutState") == "COMPLETED"
                and service["runningCount"] >= service["desiredCount"]
            ):
                return
            is_late = self._now() - rollout["createdAt"].timestamp() > _MOST_SECONDS
            # One that was complete and lacks a container now gets it again.
            if is_late and rollout.get("rolloutState") != "COMPLETED":
                late = {
                    "rolloutStateReason": f"it took more than {_MOST_SECONDS / 60:.0f} minutes."
                }
                raise self._failed(where, revision, late, outputs)
            if self._now() >= end:
                raise UnavailableError("The new containers are still on their way.")
            self._sleep(_POLL_SECONDS)

    def _failed(
        self, where: _Where, revision: str, rollout: Mapping[str, Any], outputs: Mapping[str, str]
    ) -> ConflictError:
        """Why a rollout failed; where no release was live before, nothing runs any more."""
        said = [str(rollout.get("rolloutStateReason") or "ECS went back to those before.")]
        said += last_words(
            self._ecs, self._logs, cluster=where.cluster, service=where.service, revision=revision,
            log_group=outputs.get("LogGroupName", ""), container=CONTAINER,
        )  # fmt: skip
        now = self._service(where)["taskDefinition"]
        if not self._definition(now)[1]["image"].startswith(outputs["RepositoryUri"] + ":"):
            # What ECS went back to is the stack's placeholder, which ends as soon as it starts.
            self._update(where, desiredCount=0)
        words = "\n".join(said)
        return ConflictError(
            f"The new containers did not become well: {words}", code="ROLLOUT_FAILED"
        )


def _where(outputs: Mapping[str, str]) -> _Where:
    return _Where(outputs["ClusterName"], outputs["ServiceName"])


def _newest(service: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """The newest rollout of a revision that ECS still knows."""
    own = [one for one in service.get("deployments", []) if one["taskDefinition"] == revision]
    return next((one for one in own if one["status"] == "PRIMARY"), own[0] if own else {})


def _gone() -> ConflictError:
    return ConflictError("The stack's service is gone.", code="ROLLOUT_FAILED")
