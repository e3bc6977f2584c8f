"""The ports Functions and Services: a release goes live, and the one before can be put back."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping

import pytest
from tests.contract.conftest import Store
from tests.contract.rollouts import Rollouts

from autoprovision.aws.ecs_services import EcsServices
from autoprovision.aws.lambda_functions import LambdaFunctions
from autoprovision.domain.build import function_release
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.git_source import SourceError, SourceFile, SourceTree
from autoprovision.memory.builds import MemoryFunctions, MemoryServices
from autoprovision.ports import Functions, Services

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
]})  # fmt: skip


class Shop:
    """A function of an application, and builds that are put onto it."""

    def __init__(self, store: Store) -> None:
        self.store, self.name = store, f"{store.prefix}-app"
        self.bucket = f"{store.prefix}-builds"
        self.outputs = {"FunctionName": self.name}
        self.memory = MemoryFunctions(store.outside)
        if not store.is_memory:
            self._make()
        self.port: Functions = (
            self.memory
            if store.is_memory
            else LambdaFunctions(store.client("lambda"), store.client("s3"), bucket=self.bucket)
        )

    def _make(self) -> None:
        region = {"LocationConstraint": "ap-southeast-1"}
        self.store.client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        role = self.store.client("iam").create_role(
            RoleName=self.name, AssumeRolePolicyDocument=TRUST
        )
        self.store.client("lambda").create_function(
            FunctionName=self.name, Runtime="python3.13", Handler="index.handler",
            Role=role["Role"]["Arn"], Code={"ZipFile": packed("none yet")},
        )  # fmt: skip

    def publish(self, commit: str, word: str, *, before: str = "") -> str:
        """A build of this commit whose function says a word; gives the release's name."""
        archive, folder = packed(word), f"builds/{word}"
        release = function_release(commit, hashlib.sha256(archive).hexdigest())
        if not self.store.is_memory:
            self.store.client("s3").put_object(
                Bucket=self.bucket, Key=f"{folder}/output.zip", Body=archive
            )
        self.port.publish(self.outputs, tree(commit), folder=folder, release=release, before=before)
        return release

    def runs(self) -> str:
        """What the function says, or in memory the release that it has."""
        if self.store.is_memory:
            return self.memory.live[self.name]
        answer = self.store.client("lambda").invoke(FunctionName=self.name)
        return str(json.loads(answer["Payload"].read()))

    def kept(self) -> set[str]:
        if self.store.is_memory:
            return set(self.memory.kept.get(self.name, []))
        found = self.store.client("s3").list_objects_v2(Bucket=self.bucket, Prefix="releases/")
        return {
            one["Key"].rpartition("/")[2].removesuffix(".zip") for one in found.get("Contents", [])
        }


def packed(word: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", f"def handler(event, context):\n    return {word!r}\n")
    return content.getvalue()


def tree(commit: str, name: str = "index.py") -> SourceTree:
    return SourceTree(commit, {name: SourceFile(name, 2, False, "0" * 40, lambda: b"hi")})


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)


def test_a_release_goes_live_and_back(shop: Shop) -> None:
    one = shop.publish("1" * 40, "first")
    assert shop.runs() == (one if shop.store.is_memory else "first")
    two = shop.publish("2" * 40, "second", before=one)
    assert shop.runs() == (two if shop.store.is_memory else "second")
    for _ in range(2):
        shop.port.go_back(shop.outputs, one)
        assert shop.runs() == (one if shop.store.is_memory else "first")
    assert shop.kept() == {one, two}


def test_the_release_before_is_kept_also_behind_one_that_failed(shop: Shop) -> None:
    one = shop.publish("1" * 40, "first")
    failed = shop.publish("2" * 40, "second", before=one)
    shop.port.go_back(shop.outputs, one)
    three = shop.publish("3" * 40, "third", before=one)
    assert shop.kept() == {one, three}, f"{failed} is newer and was not live before"
    shop.port.go_back(shop.outputs, one)
    assert shop.runs() == (one if shop.store.is_memory else "first")


def test_the_same_commit_built_otherwise_is_another_release(shop: Shop) -> None:
    one = shop.publish("1" * 40, "by day")
    two = shop.publish("1" * 40, "by night", before=one)
    assert one != two
    shop.port.go_back(shop.outputs, one)
    assert shop.runs() == (one if shop.store.is_memory else "by day")


def test_what_is_live_is_left_alone(on_aws: Store) -> None:
    shop = Shop(on_aws)
    one = shop.publish("1" * 40, "first")
    functions = on_aws.client("lambda")
    before = functions.get_function_configuration(FunctionName=shop.name)["RevisionId"]
    on_aws.client("s3").delete_object(
        Bucket=shop.bucket, Key=f"releases/{shop.name}/{one}.zip"
    )  # nobody reads it
    shop.port.go_back(shop.outputs, one)
    assert functions.get_function_configuration(FunctionName=shop.name)["RevisionId"] == before


def test_releases_are_forgotten_with_the_function(shop: Shop) -> None:
    shop.publish("1" * 40, "first")
    for _ in range(2):
        shop.port.unpublish(shop.name)
        assert shop.kept() == set()


def test_code_without_the_functions_handler_is_named(on_aws: Store) -> None:
    shop = Shop(on_aws)
    with pytest.raises(SourceError) as raised:
        shop.port.publish(
            shop.outputs, tree("1" * 40, "main.py"), folder="builds/x", release="1-2", before=""
        )
    assert "no index.py or index.js" in raised.value.message
    assert shop.runs() == "none yet"


def test_a_release_that_is_gone_is_refused(shop: Shop) -> None:
    shop.publish("1" * 40, "first")
    with pytest.raises(ConflictError) as raised:
        shop.port.go_back(shop.outputs, "9" * 40 + "-0000000000000000")
    assert raised.value.reason == "CODE_REFUSED"


REPOSITORY = "123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/shop"


def services(store: Store) -> tuple[Services, Mapping[str, str]]:
    """The port, and the outputs of a stack whose service was made without a release."""
    outputs = {
        "ClusterName": f"{store.prefix}-cluster", "ServiceName": f"{store.prefix}-app",
        "RepositoryUri": REPOSITORY, "Nodes": "2",
    }  # fmt: skip
    if store.is_memory:
        return MemoryServices(store.outside), outputs
    ecs = store.client("ecs")
    ecs.create_cluster(clusterName=outputs["ClusterName"])
    made = ecs.register_task_definition(
        family=outputs["ServiceName"], tags=[{"key": "unit", "value": "cs"}],
        containerDefinitions=[{"name": "app", "image": "busybox:stable", "memory": 256}],
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    ecs.create_service(
        cluster=outputs["ClusterName"], serviceName=outputs["ServiceName"], taskDefinition=made,
        desiredCount=0,
    )  # fmt: skip
    return EcsServices(
        Rollouts(ecs), store.client("logs"), store.client("ecr"), sleep=lambda _: None
    ), outputs


def test_an_image_is_rolled_out_and_the_one_before_again(store: Store) -> None:
    port, outputs = services(store)
    assert port.live_image(outputs) == ""
    assert port.publish(outputs, f"{REPOSITORY}:one") == "one"
    assert port.live_image(outputs) == f"{REPOSITORY}:one"
    assert port.publish(outputs, f"{REPOSITORY}:two") == "two"
    for _ in range(2):
        port.go_back(outputs, "one")
        assert port.live_image(outputs) == f"{REPOSITORY}:one"


def test_an_image_of_another_repository_is_refused(store: Store) -> None:
    port, outputs = services(store)
    with pytest.raises(ConflictError) as raised:
        port.publish(outputs, "123456789012.dkr.ecr.ap-southeast-1.amazonaws.com/shop-2:one")
    assert raised.value.reason == "FOREIGN_IMAGE"
    assert port.live_image(outputs) == ""


def test_a_service_gets_its_nodes_its_tags_and_no_needless_revision(on_aws: Store) -> None:
    port, outputs = services(on_aws)
    ecs, where = on_aws.client("ecs"), {"cluster": outputs["ClusterName"]}
    port.publish(outputs, f"{REPOSITORY}:one")
    (service,) = ecs.describe_services(services=[outputs["ServiceName"]], **where)["services"]
    assert service["desiredCount"] == 2
    found = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
    assert found["tags"] == [{"key": "unit", "value": "cs"}]
    port.publish(outputs, f"{REPOSITORY}:one")
    port.go_back(outputs, "one")
    (again,) = ecs.describe_services(services=[outputs["ServiceName"]], **where)["services"]
    assert again["taskDefinition"] == service["taskDefinition"]


def test_going_back_starts_containers_again_that_cloudformation_took_away(on_aws: Store) -> None:
    port, outputs = services(on_aws)
    ecs, where = on_aws.client("ecs"), {"cluster": outputs["ClusterName"]}
    port.publish(outputs, f"{REPOSITORY}:one")
    ecs.update_service(service=outputs["ServiceName"], desiredCount=0, **where)
    port.go_back(outputs, "one")
    (service,) = ecs.describe_services(services=[outputs["ServiceName"]], **where)["services"]
    assert service["desiredCount"] == 2


def test_containers_that_do_not_become_well_are_told(on_aws: Store) -> None:
    _, outputs = services(on_aws)

    port = EcsServices(
        Rollouts(on_aws.client("ecs"), "FAILED", "tasks failed to start"), on_aws.client("logs"), on_aws.client("ecr"),
        sleep=lambda _: None,
    )  # fmt: skip
    with pytest.raises(ConflictError) as raised:
        port.publish(outputs, f"{REPOSITORY}:one")
    assert (raised.value.reason, "tasks failed to start" in raised.value.message) == (
        "ROLLOUT_FAILED", True,
    )  # fmt: skip
