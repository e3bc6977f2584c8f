"""The port `Services` on ECS: a container service runs the image that a build has pushed.

A release is a new revision of the task definition with another image; ECS replaces the containers
one by one and its circuit breaker goes back by itself when they do not become well.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import ConflictError, UnavailableError

CONTAINER = "app"
_SETTLE_SECONDS = 480.0
_POLL_SECONDS = 5.0
# What DescribeTaskDefinition tells and RegisterTaskDefinition does not take.
_NOT_TAKEN = frozenset(
    {
        "taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities",
        "registeredAt", "registeredBy", "deregisteredAt",
    }
)  # fmt: skip


class EcsServices:
    """Rolls images out; an image that is live already is left alone."""

    def __init__(
        self, ecs: Any, *, settle_seconds: float = _SETTLE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._ecs = ecs
        self._settle_seconds = settle_seconds
        self._sleep = sleep

    def publish(self, outputs: Mapping[str, str], image: str) -> str:
        """Let the service run an image, and wait until it does.

        Args:
            outputs: of the stack: `ClusterName`, `ServiceName`, `RepositoryUri`, `Nodes`.
            image: with its tag, from the application's own repository.

        Returns:
            The release's name: the image's tag.

        Raises:
            ConflictError: code FOREIGN_IMAGE, the image is of another repository; ROLLOUT_FAILED,
                the containers did not become well.
            UnavailableError: they are still on their way; calling again goes on waiting.
        """
        if not image.startswith(outputs["RepositoryUri"] + ":"):
            raise ConflictError(
                "The build names an image that is not of the application's own repository.",
                code="FOREIGN_IMAGE",
            )
        where = _where(outputs)
        with answering("ECS"):
            running = self._service(where)["taskDefinition"]
            revision = self._revision(running, image)
            nodes = max(1, int(outputs.get("Nodes", "1")))
            try:
                self._ecs.update_service(**where, taskDefinition=revision, desiredCount=nodes)
            except ClientError as error:
                if code_of(error) != "InvalidParameterException":
                    raise
                said = str(error.response["Error"].get("Message", ""))
                raise ConflictError(f"ECS: {said}", code="ROLLOUT_FAILED") from error
            self._settle(where, revision)
        return image.rpartition(":")[2]

    def live_image(self, outputs: Mapping[str, str]) -> str:
        """The image that is live; empty before the first release, while a placeholder is named."""
        with answering("ECS"):
            service = self._service(_where(outputs))
            found = self._ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
        image = str(_own(found["taskDefinition"]["containerDefinitions"])["image"])
        return image if image.startswith(outputs["RepositoryUri"] + ":") else ""

    def go_back(self, outputs: Mapping[str, str], release: str) -> None:
        """Let the service run the image of a release before.

        Also when the image is the right one and no container runs: CloudFormation's own way back
        takes a service to how the stack was made, which is without any.
        """
        with answering("ECS"):
            service = self._service(_where(outputs))
        image = f"{outputs['RepositoryUri']}:{release}"
        if self.live_image(outputs) == image and service.get("desiredCount", 0) > 0:
            with answering("ECS"):
                self._settle(_where(outputs), service["taskDefinition"])
            return
        self.publish(outputs, image)

    def _service(self, where: Mapping[str, str]) -> dict[str, Any]:
        found = self._ecs.describe_services(cluster=where["cluster"], services=[where["service"]])
        services: list[dict[str, Any]] = found["services"]
        if not services:
            raise ConflictError("The stack's service is gone.", code="ROLLOUT_FAILED")
        return services[0]

    def _revision(self, running: str, image: str) -> str:
        """The task definition that runs, with this image; a new one only if it is another."""
        found = self._ecs.describe_task_definition(taskDefinition=running, include=["TAGS"])
        definition = found["taskDefinition"]
        own = _own(definition["containerDefinitions"])
        if own["image"] == image:
            return running
        own["image"] = image
        given = {name: value for name, value in definition.items() if name not in _NOT_TAKEN}
        if found.get("tags"):
            given["tags"] = found["tags"]
        answer = self._ecs.register_task_definition(**given)
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _settle(self, where: Mapping[str, str], revision: str) -> None:
        end = time.monotonic() + self._settle_seconds
        while True:
            service = self._service(where)
            if service["taskDefinition"] != revision:
                raise ConflictError(
                    "The new containers did not become well; ECS went back to those before.",
                    code="ROLLOUT_FAILED",
                )
            primary: dict[str, Any] = next(
                (one for one in service.get("deployments", []) if one.get("status") == "PRIMARY"),
                {},
            )
            state = primary.get("rolloutState", "COMPLETED")
            if state == "FAILED":
                said = primary.get("rolloutStateReason", "no reason is given.")
                raise ConflictError(
                    f"The new containers did not become well: {said}", code="ROLLOUT_FAILED"
                )
            if state == "COMPLETED":
                return
            if time.monotonic() >= end:
                raise UnavailableError("The new containers are still on their way.")
            self._sleep(_POLL_SECONDS)


def _where(outputs: Mapping[str, str]) -> dict[str, str]:
    return {"cluster": outputs["ClusterName"], "service": outputs["ServiceName"]}


def _own(containers: list[dict[str, Any]]) -> dict[str, Any]:
    """The container that runs the application's own image; others may stand beside it."""
    return next((one for one in containers if one["name"] == CONTAINER), containers[0])
