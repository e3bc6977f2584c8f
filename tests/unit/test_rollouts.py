"""Rollouts on ECS as AWS answers them: on the way, failed, too late, asked for twice.

Containers do not run on the embedded AWS, so what DescribeServices tells here is played.
"""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.architecture.templates import listed, load, of_type, statements

from autoprovision.aws import ecs_services, ecs_tasks
from autoprovision.aws.ecs_services import EcsServices
from autoprovision.domain.errors import ConflictError, UnavailableError

REPOSITORY = "1.dkr.ecr.x.amazonaws.com/autoprovision-app/app_1"
OUTPUTS = {
    "ClusterName": "autoprovision-dev", "ServiceName": "autoprovision-app-app_1", "Nodes": "2",
    "RepositoryUri": REPOSITORY, "LogGroupName": "/autoprovision/app_1/container",
}  # fmt: skip
FIRST, SECOND, THIRD = (f"arn:aws:ecs:x:1:task-definition/app_1:{n}" for n in (1, 2, 3))
PLACEHOLDER, OLD, NEW = "busybox:stable", f"{REPOSITORY}:old", f"{REPOSITORY}:new"
BEGUN = 1_000_000.0


def refused(code: str, message: str = "No.") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "UpdateService")


class Ecs:
    """ECS with one service; `rollouts` is what the newest deployment tells at each look."""

    def __init__(self, image: str, nodes: int) -> None:
        self.images = {FIRST: image}
        self.service = {
            "status": "ACTIVE", "taskDefinition": FIRST, "desiredCount": nodes, "runningCount": nodes,
            "deployments": [self._deployment(FIRST, "COMPLETED")],
        }  # fmt: skip
        self.rollouts: list[str] = []
        self.updates: list[dict[str, Any]] = []
        self.refusal: ClientError | None = None
        self.tasks: list[dict[str, Any]] = []

    @staticmethod
    def _deployment(definition: str, state: str, **more: Any) -> dict[str, Any]:
        then = datetime.fromtimestamp(BEGUN, UTC)
        return {"status": "PRIMARY", "taskDefinition": definition, "rolloutState": state, "createdAt": then, **more}  # fmt: skip

    def describe_services(self, **_: Any) -> dict[str, Any]:
        if self.rollouts:
            self._tell(self.rollouts.pop(0))
        return {"services": [self.service]}

    def _tell(self, state: str) -> None:
        newest = self.service["deployments"][0]
        if state == "WENT_BACK":
            newest |= {
                "rolloutState": "FAILED",
                "status": "ACTIVE",
                "rolloutStateReason": "tasks failed to start.",
            }
            self.service["deployments"].insert(0, self._deployment(FIRST, "IN_PROGRESS"))
            self.service["taskDefinition"] = FIRST
        else:
            newest["rolloutState"] = state
            self.service["runningCount"] = (
                self.service["desiredCount"] if state == "COMPLETED" else 0
            )

    def describe_task_definition(self, **asked: Any) -> dict[str, Any]:
        container = {"name": "app", "image": self.images[asked["taskDefinition"]]}
        return {"taskDefinition": {"family": "app_1", "revision": 1, "status": "ACTIVE", "containerDefinitions": [container]}}  # fmt: skip

    def register_task_definition(self, **given: Any) -> dict[str, Any]:
        assert set(given) == {"family", "containerDefinitions"}
        arn = (SECOND, THIRD)[len(self.images) - 1]
        self.images[arn] = given["containerDefinitions"][0]["image"]
        return {"taskDefinition": {"taskDefinitionArn": arn}}

    def update_service(self, **changes: Any) -> None:
        if self.refusal:
            raise self.refusal
        self.updates.append(
            {name: value for name, value in changes.items() if name not in {"cluster", "service"}}
        )
        self.service["desiredCount"] = changes.get("desiredCount", self.service["desiredCount"])
        if "taskDefinition" in changes:
            self.service |= {"taskDefinition": changes["taskDefinition"], "runningCount": 0}
            self.service["deployments"].insert(
                0, self._deployment(changes["taskDefinition"], "IN_PROGRESS")
            )

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        return {"taskArns": [one["taskArn"] for one in self.tasks]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": self.tasks}


class Logs:
    """The application's log."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.asked: list[str] = []

    def get_log_events(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked["logStreamName"])
        if not self.lines:
            raise refused("ResourceNotFoundException")
        return {"events": [{"message": line} for line in self.lines]}


class Ecr:
    """A repository whose images nobody asks about here."""

    def batch_get_image(self, **_: Any) -> dict[str, Any]:
        return {"images": []}


class Clock:
    """It goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = BEGUN

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def services(ecs: Ecs, logs: Logs | None = None, clock: Clock | None = None) -> EcsServices:
    clock = clock or Clock()
    return EcsServices(
        ecs, logs or Logs(), Ecr(), settle_seconds=30, sleep=clock.sleep, now=clock.now
    )


def test_the_first_release_starts_the_containers():
    ecs = Ecs(PLACEHOLDER, 0)
    ecs.rollouts = ["COMPLETED", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
    assert services(ecs).publish(OUTPUTS, NEW) == "new"
    assert ecs.updates == [{"taskDefinition": SECOND, "desiredCount": 2}]


def test_complete_means_that_all_containers_run():
    """DescribeServices may tell of a rollout that is complete before its containers are counted."""
    ecs = Ecs(OLD, 2)
    ecs.images[SECOND] = NEW
    ecs.service |= {"taskDefinition": SECOND, "runningCount": 1}
    ecs.service["deployments"] = [Ecs._deployment(SECOND, "COMPLETED")]
    with pytest.raises(UnavailableError):
        services(ecs).publish(OUTPUTS, NEW)


def test_a_call_that_comes_again_goes_on_waiting_and_begins_nothing_anew():
    ecs, clock = Ecs(OLD, 2), Clock()
    with pytest.raises(UnavailableError):
        services(ecs, clock=clock).publish(OUTPUTS, NEW)
    assert clock.time == BEGUN + 30
    ecs.rollouts = ["IN_PROGRESS", "COMPLETED"]
    assert services(ecs, clock=clock).publish(OUTPUTS, NEW) == "new"
    assert ecs.updates == [{"taskDefinition": SECOND, "desiredCount": 2}]
    services(ecs).publish(OUTPUTS, NEW)
    assert len(ecs.updates) == 1


def test_a_release_that_was_scaled_down_is_scaled_up_again():
    ecs = Ecs(NEW, 0)
    ecs.rollouts = ["COMPLETED", "COMPLETED"]
    services(ecs).publish(OUTPUTS, NEW)
    assert ecs.updates == [{"desiredCount": 2, "forceNewDeployment": True}]


def test_a_container_that_is_replaced_just_now_is_no_failure():
    """Spare capacity is taken back at any time; the rollout was complete long before."""
    ecs, clock = Ecs(NEW, 2), Clock()
    clock.time += 100_000
    ecs.service["runningCount"] = 1
    with pytest.raises(UnavailableError):
        services(ecs, clock=clock).publish(OUTPUTS, NEW)
    ecs.service["runningCount"] = 2
    assert services(ecs, clock=clock).publish(OUTPUTS, NEW) == "new"
    assert ecs.updates == []


def test_a_failed_first_release_leaves_nothing_running():
    """ECS would go back to the placeholder, which ends at once, and start it for ever."""
    ecs = Ecs(PLACEHOLDER, 0)
    ecs.rollouts = ["COMPLETED", "IN_PROGRESS", "WENT_BACK"]
    with pytest.raises(ConflictError) as raised:
        services(ecs).publish(OUTPUTS, NEW)
    assert raised.value.reason == "ROLLOUT_FAILED"
    assert "tasks failed to start." in raised.value.message
    assert ecs.updates[1:] == [{"desiredCount": 0}]


def test_after_a_failed_release_the_one_before_is_live():
    ecs = Ecs(OLD, 2)
    ecs.rollouts = ["COMPLETED", "WENT_BACK"]
    with pytest.raises(ConflictError):
        services(ecs).publish(OUTPUTS, NEW)
    assert ecs.updates == [{"taskDefinition": SECOND, "desiredCount": 2}]
    assert ecs.service["desiredCount"] == 2


def test_a_failure_whose_answer_was_lost_is_told_again_and_not_tried_again():
    ecs = Ecs(OLD, 2)
    ecs.rollouts = ["COMPLETED", "WENT_BACK"]
    for _ in range(2):
        with pytest.raises(ConflictError):
            services(ecs).publish(OUTPUTS, NEW)
    assert len(ecs.updates) == 1


def test_a_failure_is_told_with_the_containers_last_words():
    ecs = Ecs(OLD, 2)
    ecs.rollouts = ["COMPLETED", "FAILED"]
    stopped = {"taskDefinitionArn": SECOND, "stoppedReason": "Essential container in task exited", "containers": [{"name": "app", "exitCode": 1, "reason": "OutOfMemoryError: killed"}]}  # fmt: skip
    ecs.tasks = [
        {**stopped, "taskArn": "arn:t/c/new", "stoppedAt": "2"},
        {**stopped, "taskArn": "arn:t/c/older", "stoppedAt": "1"},
        {**stopped, "taskArn": "arn:t/c/other", "stoppedAt": "3", "taskDefinitionArn": FIRST},
    ]
    logs = Logs("Traceback", "DATABASE_PASSWORD=hunter2", "KeyError: 'PORT'")
    with pytest.raises(ConflictError) as raised:
        services(ecs, logs).publish(OUTPUTS, NEW)
    assert raised.value.message.splitlines()[1:] == [
        "The last one stopped: Essential container in task exited",
        "OutOfMemoryError: killed", "Its exit code was 1.", "It said last:",
        "Traceback", "DATABASE_PASSWORD=***", "KeyError: 'PORT'",
    ]  # fmt: skip
    assert logs.asked == ["app/app/new"]


def test_a_reason_that_cannot_be_read_hides_no_failure():
    ecs = Ecs(OLD, 2)
    ecs.rollouts = ["COMPLETED", "FAILED"]
    ecs.list_tasks = lambda **_: (_ for _ in ()).throw(refused("AccessDeniedException"))
    with pytest.raises(ConflictError):
        services(ecs).publish(OUTPUTS, NEW)


def test_a_container_that_never_said_anything_has_a_reason_all_the_same():
    ecs = Ecs(OLD, 2)
    ecs.rollouts = ["COMPLETED", "FAILED"]
    ecs.tasks = [{"taskArn": "arn:t/c/new", "taskDefinitionArn": SECOND, "stoppedReason": "CannotPullContainerError", "containers": []}]  # fmt: skip
    with pytest.raises(ConflictError) as raised:
        services(ecs).publish(OUTPUTS, NEW)
    assert raised.value.message.endswith("The last one stopped: CannotPullContainerError")


def test_a_rollout_that_never_ends_is_given_up():
    """Containers that start, are well and stop again do not trip the circuit breaker."""
    ecs, clock = Ecs(PLACEHOLDER, 0), Clock()
    for _ in range(50):
        with pytest.raises(UnavailableError):
            services(ecs, clock=clock).publish(OUTPUTS, NEW)
    with pytest.raises(ConflictError) as raised:
        services(ecs, clock=clock).publish(OUTPUTS, NEW)
    assert "more than 25 minutes" in raised.value.message
    assert [one for one in ecs.updates if "taskDefinition" in one] == ecs.updates[:1]


@pytest.mark.parametrize("code", ["ServiceNotFoundException", "ServiceNotActiveException"])
def test_a_service_that_is_gone_is_no_fault_of_the_platform(code: str):
    ecs = Ecs(OLD, 2)
    ecs.refusal = refused(code)
    with pytest.raises(ConflictError) as raised:
        services(ecs).publish(OUTPUTS, NEW)
    assert raised.value.message == "The stack's service is gone."
    services(ecs).stop("arn:aws:ecs:x:1:service/autoprovision-dev/autoprovision-app-app_1")
    ecs.refusal, ecs.service["status"] = None, "INACTIVE"
    with pytest.raises(ConflictError):
        services(ecs).publish(OUTPUTS, NEW)


def test_what_ecs_refuses_is_told_in_its_words():
    ecs = Ecs(OLD, 2)
    ecs.refusal = refused("InvalidParameterException", "The container app did not have a port.")
    with pytest.raises(ConflictError) as raised:
        services(ecs).publish(OUTPUTS, NEW)
    assert raised.value.message.endswith("The container app did not have a port.")
    ecs.refusal = refused("AccessDeniedException")
    with pytest.raises(ClientError):
        services(ecs).publish(OUTPUTS, NEW)


APP = load("infra/app.yaml")
CALLS = re.compile(r"_ecs|ecs")


def called(*modules: Any) -> set[str]:
    """The actions behind every call of a client named ecs."""
    found = set()
    for module in modules:
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if not CALLS.fullmatch(name):
                continue
            operation = node.func.attr
            if operation == "get_paginator":
                operation = node.args[0].value
            found.add("ecs:" + "".join(word.capitalize() for word in operation.split("_")))
    return found


def test_each_right_is_used_and_each_use_is_allowed():
    """Of the functions that publish and unpublish, on container services."""
    policies = of_type(APP, "AWS::IAM::ManagedPolicy")
    allowed = {
        action
        for name in ("SwitchReleasesPolicy", "StopServicesPolicy")
        for one in statements(policies[name])
        for action in listed(one["Action"])
        if action.startswith("ecs:")
    }
    # A definition is registered with its tags, which is a right of its own.
    assert allowed == called(ecs_services, ecs_tasks) | {"ecs:TagResource"}
