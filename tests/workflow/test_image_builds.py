"""An application in containers on its way through the real state machine: its image is built as its own
role, rolled out, and taken back when anything fails.
"""

import io
import json
import zipfile
from typing import Any

import pytest
from tests.workflow.cloudformation import CloudFormationError
from tests.workflow.engine import Engine, succeeded
from tests.workflow.test_executions import assert_nothing_is_left, outcome_mails
from tests.workflow.world import REPOSITORY, World, catalog, manifest, published

from autoprovision.domain.build import Build, BuildPhase, BuildStatus
from autoprovision.domain.git_source import SourceFile, SourceTree
from autoprovision.domain.request import Request
from autoprovision.domain.stack import StackResource

SERVICE = "arn:aws:ecs:x:000000000000:service/autoprovision-dev/shop"
DEFINITION = "arn:aws:ecs:x:000000000000:task-definition/shop:1"
IMAGES = "000000000000.dkr.ecr.x.amazonaws.com/autoprovision-app/shop"
PATH = [
    "Route", "PreparePlan", "DecideApproval", "AuthorizeLaunch", "DecideLaunch", "LaunchStack", "AwaitStack", "ChoosePublish", "StageSource", "BuildProject", "AwaitBuild", "PublishProject", "CheckUrl", "CommitQuota", "Notify", "Done",
]  # fmt: skip
BACK = [
    "BeginCompensation", "ChooseUndo", "WithdrawNames", "UnpublishProject", "DeleteStack", "AwaitStackDeletion", "ForgetSecrets", "CloseRequest", "Notify", "Done",
]  # fmt: skip


def order(
    world: World, engine: Engine, *, target: str = "service", role: str | None = None
) -> Request:
    """A request for an application whose build brings the image `live`."""
    publish = {
        "method": "build",
        "target": target,
        "recipe": "buildspec.yaml",
        "needs": [],
        "minutes": 30,
    }
    one = published(manifest(publish=publish))
    world.catalog.publish(
        catalog(one.model_copy(update={"recipe_key": "blueprints/web-service/1/recipe"}))
    )
    file = SourceFile("app.py", 2, False, "0" * 40, lambda: b"hi")
    world.source.trees[REPOSITORY] = SourceTree("c0ffee" * 6, {file.path: file})
    request = world.submit()
    own = f"arn:aws:iam::000000000000:role/autoprovision-app-{request.application_id}-build"
    world.stacks.outputs = {
        "Url": "http://shop.test", "ClusterName": "autoprovision-dev", "ServiceName": "shop", "RepositoryUri": IMAGES, "Nodes": "1", "BuildRoleArn": role or own,
    }  # fmt: skip
    made = [
        StackResource(logical_id="Service", type="AWS::ECS::Service", physical_id=SERVICE, status="CREATE_COMPLETE"),
        StackResource(logical_id="Task", type="AWS::ECS::TaskDefinition", physical_id=DEFINITION, status="CREATE_COMPLETE"),
    ]  # fmt: skip
    world.stacks.resources = lambda stack_id: made
    engine.build = building(world, {"image": f"{IMAGES}:live"})
    return request


def building(world: World, said: Any) -> Any:
    def build(arguments: dict[str, Any]) -> Build:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("image.json", said if isinstance(said, str) else json.dumps(said))
        world.build_files.outputs[arguments["ArtifactsOverride"]["Path"]] = content.getvalue()
        return succeeded(arguments)

    return build


def assert_all_is_taken_back(world: World, request: Request) -> None:
    assert_nothing_is_left(world, request.id)
    assert world.services.live == {}
    assert (world.build_files.sources, world.build_files.outputs) == ({}, {})
    assert world.outside.deeds("service.stop")[-1] == (SERVICE,)
    assert world.outside.deeds("service.forget")[-1] == (DEFINITION,)
    assert outcome_mails(world) == ["failed"]


def test_an_image_is_built_rolled_out_and_answers(world: World, engine: Engine):
    request = order(world, engine)
    done = engine.run("provision", request.id)
    assert (done["status"], engine.path(done)) == ("SUCCEEDED", PATH)
    assert world.services.live == {"shop": f"{IMAGES}:live"}
    assert world.services.kept == {"shop": {"live": "live"}}
    request = world.records.request(request.id)
    assert (request.status, request.url) == ("SUCCEEDED", "http://shop.test")
    assert world.application(request).release == "live"
    assert world.build_files.sources == {}
    told = [step for step, status in world.told(request.id) if status == "SUCCEEDED"]
    assert told[3:7] == ["AwaitStack", "StageSource", "AwaitBuild", "PublishProject"]
    assert outcome_mails(world) == ["provisioned"]


def test_the_build_runs_docker_as_the_applications_role(world: World, engine: Engine):
    request = order(world, engine)
    engine.run("provision", request.id)
    (given,) = engine.builds
    assert given["PrivilegedModeOverride"] is True
    assert given["ServiceRoleOverride"] == world.stacks.outputs["BuildRoleArn"]
    assert given["EnvironmentTypeOverride"] == "ARM_CONTAINER"
    folder = given["ArtifactsOverride"]["Path"]
    assert folder.startswith(f"builds/{request.application_id}/{request.id}/")
    assert given["SourceLocationOverride"].endswith(f"/{folder}/source.zip")
    variables = {one["Name"]: one["Value"] for one in given["EnvironmentVariablesOverride"]}
    assert variables["OUTPUT_RepositoryUri"] == IMAGES
    assert {one["Type"] for one in given["EnvironmentVariablesOverride"]} == {"PLAINTEXT"}


def test_whatever_is_no_image_is_built_without_docker_as_the_projects_own_role(
    world: World, engine: Engine
):
    request = order(world, engine, target="site")
    engine.run("provision", request.id)
    (given,) = engine.builds
    assert given["PrivilegedModeOverride"] is False
    assert given["ServiceRoleOverride"].endswith(":BuildRoleArn")


@pytest.mark.parametrize(
    "role",
    [
        "arn:aws:iam::000000000000:role/autoprovision-app-app_01jd0000000000000000000009-build",
        "arn:aws:iam::000000000000:role/admin",
    ],
)
def test_no_build_begins_as_anybody_else(world: World, engine: Engine, role: str):
    request = order(world, engine, role=role)
    done = engine.run("provision", request.id)
    assert engine.path(done) == [*PATH[:9], *BACK]
    assert engine.builds == []
    assert world.records.request(request.id).reason == "NO_BUILD_ROLE"
    assert_all_is_taken_back(world, request)


def test_a_failed_build_is_taken_back_with_its_reason(world: World, engine: Engine):
    request = order(world, engine)
    phase = BuildPhase(name="build", status="FAILED", ended_at="2026-11-23T09:00:00.000Z")
    engine.build = lambda arguments: succeeded(arguments).with_(
        status=BuildStatus.FAILED, phases=(phase,)
    )
    world.builds.logs[f"build:{request.id}"] = ["ERROR: there is no package.json"]
    done = engine.run("provision", request.id)
    assert engine.path(done) == [*PATH[:11], *BACK]
    request = world.records.request(request.id)
    assert (request.status, request.reason) == ("FAILED", "BUILD_FAILED")
    assert_all_is_taken_back(world, request)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"image": "evil.example/shop:live"}, "FOREIGN_IMAGE"),
        ({"image": 7}, "BUILD_OUTPUT_INCOMPLETE"),
        ("no JSON", "BUILD_OUTPUT_INCOMPLETE"),
        ("[" * 100_000, "BUILD_OUTPUT_INCOMPLETE"),
    ],
)
def test_nothing_that_a_build_says_is_believed(
    world: World, engine: Engine, said: Any, reason: str
):
    request = order(world, engine)
    engine.build = building(world, said)
    done = engine.run("provision", request.id)
    assert engine.path(done) == [*PATH[:12], *BACK]
    assert world.records.request(request.id).reason == reason
    assert_all_is_taken_back(world, request)


def test_containers_that_do_not_become_well_are_taken_back(world: World, engine: Engine):
    request = order(world, engine)
    world.services.broken.add(f"{IMAGES}:live")
    done = engine.run("provision", request.id)
    assert engine.path(done) == [*PATH[:12], *BACK]
    request = world.records.request(request.id)
    assert (request.status, request.reason) == ("FAILED", "ROLLOUT_FAILED")
    assert len(world.outside.deeds("service.publish")) == 1, "a verdict is not asked for again"
    assert_all_is_taken_back(world, request)


def test_containers_that_take_their_time_are_waited_for(world: World, engine: Engine):
    request = order(world, engine)
    world.services.slow[f"{IMAGES}:live"] = 3
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED"
    assert world.services.live == {"shop": f"{IMAGES}:live"}


@pytest.mark.parametrize("state", PATH[8:14])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_each_step_may_fail_twice(world: World, engine: Engine, state: str, moment: str):
    request, left = order(world, engine), [2]

    def fails(name: str) -> None:
        if name == state and left[0]:
            left[0] -= 1
            raise CloudFormationError("Lambda.Unknown", "boom")

    if state == "BuildProject":
        world.breaking("startBuild", times=2)
    else:
        setattr(engine, moment, fails)
    assert engine.run("provision", request.id)["status"] == "SUCCEEDED"
    assert world.services.live == {"shop": f"{IMAGES}:live"}
    assert len(engine.builds) == 1
    assert outcome_mails(world) == ["provisioned"]
