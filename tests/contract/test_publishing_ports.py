"""The ports BuildFiles and Services: what builds bring, and containers until they are stopped."""

import contextlib
import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.architecture.templates import listed, load, of_type, resolved, statements
from tests.contract.conftest import Store
from tests.contract.rollouts import Rollouts

from autoprovision.aws.builds_bucket import BuildsBucket
from autoprovision.aws.ecs_services import EcsServices
from autoprovision.domain.errors import ConflictError, NotFoundError
from autoprovision.domain.git_source import SourceCode, SourceError
from autoprovision.memory.builds import MemoryBuildFiles, MemoryServices
from autoprovision.ports import BuildFiles, Services

FOLDER = "builds/app_1/req_1/5f1e"


def bucket(store: Store) -> str:
    name = f"builds-{store.prefix}"
    store.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
    )
    return name


class Files(NamedTuple):
    """The port, and how a build would leave its output."""

    port: BuildFiles
    bring: Callable[[bytes], Any]
    sources: Callable[[], set[str]]


@pytest.fixture
def files(store: Store) -> Files:
    if store.is_memory:
        memory = MemoryBuildFiles(store.outside)
        return Files(
            memory,
            lambda content: memory.outputs.__setitem__(FOLDER, content),
            lambda: set(memory.sources),
        )
    s3, name = store.client("s3"), bucket(store)
    return Files(
        BuildsBucket(s3, bucket=name),
        lambda content: s3.put_object(Bucket=name, Key=f"{FOLDER}/output.zip", Body=content),
        lambda: {
            one["Key"].removesuffix("/source.zip")
            for one in s3.list_objects_v2(Bucket=name).get("Contents", [])
            if one["Key"].endswith("/source.zip")
        },
    )


def test_a_source_is_staged_and_discarded_any_number_of_times(files: Files) -> None:
    for content in (b"first", b"second"):
        files.port.stage(FOLDER, io.BytesIO(content))
    assert files.sources() == {FOLDER}
    for _ in range(2):
        files.port.discard_source(FOLDER)
    assert files.sources() == set()


def test_an_output_is_given_as_it_came(files: Files) -> None:
    with pytest.raises(NotFoundError):
        files.port.output(FOLDER, limit=10)
    files.bring(b"0123456789")
    with files.port.output(FOLDER, limit=10) as content:
        assert content.read() == b"0123456789"


def test_an_output_that_is_too_large_is_not_read(files: Files) -> None:
    files.bring(b"0123456789+")
    with pytest.raises(SourceError) as raised:
        files.port.output(FOLDER, limit=10)
    assert raised.value.reason == SourceCode.BUILD_OUTPUT_TOO_LARGE


def test_a_folder_is_discarded_with_all_that_is_in_it(files: Files) -> None:
    files.port.stage(FOLDER, io.BytesIO(b"source"))
    files.port.stage("builds/app_2/req_2/77aa", io.BytesIO(b"another's"))
    files.bring(b"output")
    for _ in range(2):
        files.port.discard(FOLDER)
    assert files.sources() == {"builds/app_2/req_2/77aa"}
    with pytest.raises(NotFoundError):
        files.port.output(FOLDER, limit=10)


class Running(NamedTuple):
    """The port, its service, and what runs in it."""

    port: Services
    outputs: dict[str, str]
    live: Callable[[], str | None]
    store: Store

    def image(self, tag: str) -> str:
        return f"{self.outputs['RepositoryUri']}:{tag}"


@pytest.fixture
def running(store: Store) -> Running:
    return _running(store, f"c-{store.prefix}", f"s-{store.prefix}")


def _running(store: Store, cluster: str, service: str) -> Running:
    outputs = {
        "ClusterName": cluster, "ServiceName": service, "Nodes": "2",
        "RepositoryUri": f"123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/autoprovision-app/{service}",
        "ServiceArn": f"arn:aws:ecs:ap-southeast-1:123456789012:service/{cluster}/{service}",
        "Definition": f"arn:aws:ecs:ap-southeast-1:123456789012:task-definition/{service}:1",
    }  # fmt: skip
    if store.is_memory:
        memory = MemoryServices(store.outside)
        return Running(memory, outputs, lambda: memory.live.get(service), store)
    ecs = store.client("ecs")
    ecs.create_cluster(clusterName=cluster)
    ecs.register_task_definition(
        family=service, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256",
        memory="512", tags=[{"key": "autoprovision:application", "value": "app_1"}],
        containerDefinitions=[{"name": "app", "image": "placeholder", "environment": [{"name": "PORT", "value": "8080"}]}],
    )  # fmt: skip
    ecs.create_service(cluster=cluster, serviceName=service, taskDefinition=service, desiredCount=0)

    def live() -> str | None:
        (found,) = ecs.describe_services(cluster=cluster, services=[service])["services"]
        if not found["desiredCount"]:
            return None
        assert found["desiredCount"] == 2
        definition = ecs.describe_task_definition(taskDefinition=found["taskDefinition"])
        return str(definition["taskDefinition"]["containerDefinitions"][0]["image"])

    port = EcsServices(ecs, store.client("logs"), store.client("ecr"), sleep=lambda _: None)
    return Running(port, outputs, live, store)


def pushed(running: Running, *tags: str, mutability: str = "IMMUTABLE_WITH_EXCLUSION") -> None:
    """The repository of a service, with images by their tags."""
    if running.store.is_memory:
        return
    ecr, name = running.store.client("ecr"), running.outputs["RepositoryUri"].partition("/")[2]
    with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
        ecr.create_repository(repositoryName=name, imageTagMutability=mutability)
    for tag in tags:
        ecr.put_image(repositoryName=name, imageTag=tag, imageManifest=json.dumps({"of": tag}))


def kept(running: Running) -> dict[str, str]:
    """The releases whose images are kept, by the mark that keeps them."""
    if running.store.is_memory:
        assert isinstance(running.port, MemoryServices)
        return running.port.kept.get(running.outputs["ServiceName"], {})
    name = running.outputs["RepositoryUri"].partition("/")[2]
    found = running.store.client("ecr").describe_images(repositoryName=name)["imageDetails"]
    tagged = [set(one.get("imageTags", [])) for one in found]
    return {
        mark: next(iter(tags - {"live", "live-before"}))
        for tags in tagged
        for mark in tags & {"live", "live-before"}
    }


def test_the_image_that_runs_is_kept_and_the_one_it_would_be_taken_back_to(
    running: Running,
) -> None:
    pushed(running, "one", "two", "three")
    running.port.publish(running.outputs, running.image("one"))
    assert kept(running) == {"live": "one"}
    for _ in range(2):
        running.port.publish(running.outputs, running.image("two"), before="one")
        assert kept(running) == {"live": "two", "live-before": "one"}
    for _ in range(2):
        running.port.go_back(running.outputs, "one")
        assert kept(running) == {"live": "one", "live-before": "one"}
    running.port.publish(running.outputs, running.image("three"), before="one")
    assert kept(running) == {"live": "three", "live-before": "one"}


def test_what_runs_is_kept_while_another_does_not_become_well(running: Running) -> None:
    pushed(running, "one", "two")
    running.port.publish(running.outputs, running.image("one"))
    if isinstance(running.port, MemoryServices):
        running.port.broken.add(running.image("two"))
    else:
        running = running._replace(port=EcsServices(
            Rollouts(running.store.client("ecs"), "FAILED", "tasks failed to start"), running.store.client("logs"),
            running.store.client("ecr"), sleep=lambda _: None,
        ))  # fmt: skip
    with pytest.raises(ConflictError):
        running.port.publish(running.outputs, running.image("two"), before="one")
    assert kept(running) == {"live": "two", "live-before": "one"}


def test_an_image_that_is_gone_is_not_missed(on_aws: Store) -> None:
    running = _running(on_aws, f"c-{on_aws.prefix}", f"s-{on_aws.prefix}")
    pushed(running, "two")
    running.port.publish(running.outputs, running.image("two"), before="one")
    assert kept(running) == {"live": "two"}


def test_a_repository_that_lets_no_mark_move_is_told_before_anything_is_rolled_out(
    on_aws: Store,
) -> None:
    running = _running(on_aws, f"c-{on_aws.prefix}", f"s-{on_aws.prefix}")
    pushed(running, "one", "two", mutability="IMMUTABLE")
    running.port.publish(running.outputs, running.image("one"))
    with pytest.raises(ConflictError) as raised:
        running.port.publish(running.outputs, running.image("two"), before="one")
    assert raised.value.reason == "IMAGE_NOT_KEPT"
    assert running.live() == running.image("one")


def test_a_service_goes_back_also_where_the_repository_lets_no_mark_move(on_aws: Store) -> None:
    """An upgrade that failed took the repository back to what its version before was."""
    running = _running(on_aws, f"c-{on_aws.prefix}", f"s-{on_aws.prefix}")
    pushed(running, "one", "two")
    running.port.publish(running.outputs, running.image("one"))
    running.port.publish(running.outputs, running.image("two"), before="one")
    on_aws.client("ecr").put_image_tag_mutability(
        repositoryName=running.outputs["RepositoryUri"].partition("/")[2],
        imageTagMutability="IMMUTABLE",
    )
    running.port.go_back(running.outputs, "one")
    assert running.live() == running.image("one")


def test_a_service_runs_the_image_that_was_published_last(running: Running) -> None:
    assert running.live() is None
    for tag in ("one", "two", "two"):
        assert running.port.publish(running.outputs, running.image(tag)) == tag
        assert running.live() == running.image(tag)


def test_a_service_goes_back_to_a_release_before(running: Running) -> None:
    for tag in ("one", "two"):
        running.port.publish(running.outputs, running.image(tag))
    for _ in range(2):
        running.port.go_back(running.outputs, "one")
        assert running.live() == running.image("one")


@pytest.mark.parametrize("image", ["evil.example/shop:one", "-evil:one", "/evil:one"])
def test_an_image_of_another_repository_is_refused(running: Running, image: str) -> None:
    foreign = image if "example" in image else running.outputs["RepositoryUri"] + image
    with pytest.raises(ConflictError) as raised:
        running.port.publish(running.outputs, foreign)
    assert raised.value.reason == "FOREIGN_IMAGE"
    assert running.live() is None


def test_a_service_is_stopped_any_number_of_times(running: Running) -> None:
    running.port.publish(running.outputs, running.image("one"))
    for _ in range(2):
        running.port.stop(running.outputs["ServiceArn"])
        assert running.live() is None
    running.port.stop(running.outputs["ServiceArn"] + "-that-never-was")


def test_what_publishing_added_is_forgotten(running: Running) -> None:
    for tag in ("one", "two"):
        running.port.publish(running.outputs, running.image(tag))
    running.port.stop(running.outputs["ServiceArn"])
    for _ in range(2):
        running.port.forget(running.outputs["Definition"])
    if not running.store.is_memory:
        ecs, family = running.store.client("ecs"), running.outputs["ServiceName"]
        left = ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]
        assert [one.rpartition("/")[2] for one in left] == [f"{family}:1"], "the stack's own stays"


def test_a_release_is_the_stacks_definition_with_another_image(on_aws: Store) -> None:
    """Whatever the blueprint says of its containers, and its tags, is kept."""
    running = _running(on_aws, f"c-{on_aws.prefix}", f"s-{on_aws.prefix}")
    running.port.publish(running.outputs, running.image("one"))
    ecs, family = on_aws.client("ecs"), running.outputs["ServiceName"]
    first, second = (
        ecs.describe_task_definition(taskDefinition=f"{family}:{number}", include=["TAGS"])
        for number in (1, 2)
    )
    assert second["tags"] == [{"key": "autoprovision:application", "value": "app_1"}]
    (before,), (after,) = (one["taskDefinition"]["containerDefinitions"] for one in (first, second))
    assert after == {**before, "image": running.image("one")}
    same = {"cpu", "memory", "networkMode", "requiresCompatibilities"}
    assert {name: second["taskDefinition"][name] for name in same} == {
        name: first["taskDefinition"][name] for name in same
    }
    running.port.publish(running.outputs, running.image("one"))
    assert len(ecs.list_task_definitions(familyPrefix=family)["taskDefinitionArns"]) == 2


def test_the_rights_of_the_functions_that_publish_suffice(on_aws: Store) -> None:
    """Each call as the role that makes it, with the statements of infra/app.yaml."""
    running = _running(
        on_aws, f"autoprovision-{on_aws.prefix}", f"autoprovision-app-{on_aws.prefix}"
    )
    pushed(running, "one", "two")
    publisher = services_as(on_aws, "publisher", "SwitchReleasesPolicy")
    publisher.publish(running.outputs, running.image("one"), before="two")
    publisher.go_back(running.outputs, "two")
    assert running.live() == running.image("two")
    assert kept(running) == {"live": "two", "live-before": "two"}
    with pytest.raises(ClientError, match="not authorized"):
        publisher.forget(running.outputs["Definition"])
    unpublisher = services_as(on_aws, "unpublisher", "StopServicesPolicy")
    with pytest.raises(ClientError, match="not authorized"):
        unpublisher.publish(running.outputs, running.image("three"))
    unpublisher.stop(running.outputs["ServiceArn"])
    unpublisher.forget(running.outputs["Definition"])
    assert running.live() is None


def services_as(store: Store, name: str, policy: str) -> EcsServices:
    """The adapter with what one managed policy of the platform allows."""
    iam, user = store.client("iam"), f"{name}-{store.prefix}"
    own = statements(of_type(load("infra/app.yaml"), "AWS::IAM::ManagedPolicy")[policy])
    own = [{key: value for key, value in one.items() if key != "Condition"} for one in own]
    for one in own:
        one["Resource"] = [real(resource) for resource in listed(one["Resource"])]
    iam.create_user(UserName=user)
    iam.put_user_policy(
        UserName=user, PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": own}),
    )  # fmt: skip
    key = iam.create_access_key(UserName=user)["AccessKey"]
    ecs, ecr = (
        boto3.client(
            service, region_name="ap-southeast-1", endpoint_url=iam.meta.endpoint_url,
            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
        )
        for service in ("ecs", "ecr")
    )  # fmt: skip
    return EcsServices(ecs, store.client("logs"), ecr, sleep=lambda _: None)


def real(resource: Any) -> str:
    text = resolved(resource).replace("${AWS::Partition}", "aws")
    text = text.replace("${AWS::Region}", "ap-southeast-1").replace("${AWS::AccountId}", "123456789012")  # fmt: skip
    return text.replace("${PlatformName}", "autoprovision")
