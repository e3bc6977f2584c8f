"""The ports ChangeSets and DriftDetection on CloudFormation, and in dictionaries where both can."""

import contextlib
import json
import time
from typing import Any

import pytest
from tests.contract.conftest import Store

from autoprovision.aws.change_sets import CloudFormationChangeSets
from autoprovision.aws.cloudformation import CloudFormationStacks
from autoprovision.aws.drift_detection import CloudFormationDrift
from autoprovision.domain.change import Effect, change_arguments
from autoprovision.domain.drift import Drift
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.held_data import HeldData, LostBy
from autoprovision.domain.plan import ApprovalVerdict, Plan, QuotaView
from autoprovision.domain.stack import Stack
from autoprovision.memory.stacks import MemoryChangeSets
from autoprovision.ports import ChangeSets

TEMPLATE = {
    "Parameters": {"Wait": {"Type": "String", "Default": "30"}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Wait"}}}
    },
}


def plan(store: Store, template: dict[str, Any]) -> Plan:
    url = "https://s3.ap-southeast-1.amazonaws.com/x/y"
    if not store.is_memory:
        s3, bucket = store.client("s3"), f"{store.prefix}-templates"
        with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
            )
        s3.put_object(Bucket=bucket, Key="t", Body=json.dumps(template).encode())
        url = f"https://s3.ap-southeast-1.amazonaws.com/{bucket}/t"
    return Plan.sealed(
        blueprint="b", version="1.0.0", blueprint_digest="sha256:1", template_url=url,
        role_arn="arn:r", parameters={}, monthly_credits=1, price_lines=(),
        approval=ApprovalVerdict(verdict="AUTOMATIC", reasons=()), basis="sha256:2",
        quota=QuotaView(limit=None, used=0, held=0, left=None),
    )  # fmt: skip


def made(store: Store, template: dict[str, Any] = TEMPLATE) -> Stack:
    if store.is_memory:
        arn = "arn:aws:cloudformation:memory:1:stack/s/1"
        return Stack(id=arn, name="s", status="CREATE_COMPLETE", changed_at="1")
    client, name = store.client("cloudformation"), f"ap-{store.prefix}"
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    found = CloudFormationStacks(client).find(name)
    assert found is not None
    return found


def change_sets(store: Store) -> ChangeSets:
    if store.is_memory:
        return MemoryChangeSets(store.outside)
    return CloudFormationChangeSets(store.client("cloudformation"))


def test_the_same_wish_of_the_same_stack_is_one_change_set(store: Store) -> None:
    port, stack = change_sets(store), made(store)
    wish = change_arguments(plan(store, TEMPLATE), stack, {"Wait": "60"})
    assert port.find(stack.id, wish["changeSetName"]) is None
    for _ in range(2):
        port.create(wish)
    found = port.find(stack.id, wish["changeSetName"])
    assert found is not None
    assert (found.is_ready, found.was_executed, found.has_failed) == (True, False, False)
    moved = stack.with_(changed_at="later")
    other = change_arguments(plan_of(wish), moved, {"Wait": "60"})
    assert other["changeSetName"] != wish["changeSetName"]


def plan_of(wish: dict[str, Any]) -> Any:
    class Same:
        template_url = wish["templateUrl"]
        capabilities = ()

    return Same()


def test_what_changes_is_told_and_nothing_is_no_failure(on_aws: Store) -> None:
    port, stack = change_sets(on_aws), made(on_aws)
    ordered = plan(on_aws, TEMPLATE)
    changing = change_arguments(ordered, stack, {"Wait": "60"})
    port.create(changing)
    (change,) = port.find(stack.id, changing["changeSetName"]).changes  # type: ignore[union-attr]
    assert (change.logical_id, change.effect, change.properties) == (
        "Queue", Effect.CHANGED, ("VisibilityTimeout",),
    )  # fmt: skip
    same = change_arguments(ordered, stack, {"Wait": "30"})
    port.create(same)
    found = port.find(stack.id, same["changeSetName"])
    assert found is not None
    assert (found.is_empty, found.is_ready, found.has_failed) == (True, True, False)
    client = on_aws.client("cloudformation")
    client.execute_change_set(StackName=stack.name, ChangeSetName=changing["changeSetName"])
    client.get_waiter("stack_update_complete").wait(StackName=stack.name, WaiterConfig={"Delay": 1})
    assert port.find(stack.id, changing["changeSetName"]).was_executed  # type: ignore[union-attr]
    after = CloudFormationStacks(client).find(stack.name)
    assert after is not None
    assert after.changed_at > stack.changed_at


# The group takes the newest version, so what changes the launch template rolls the machines.
MACHINES = {
    "Parameters": {"Type": {"Type": "String", "Default": "t4g.micro"}, "Tag": {"Type": "String", "Default": "a"}},
    "Resources": {
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": {"Ref": "Type"}}}},
        "Machines": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {
            "MinSize": "0", "MaxSize": "0", "AvailabilityZones": ["ap-southeast-1a"],
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}},
            "Tags": [{"Key": "a", "Value": {"Ref": "Tag"}, "PropagateAtLaunch": True}],
        }},
    },
}  # fmt: skip


def test_what_rolls_the_machines_is_told_as_a_change_that_loses_their_disks(on_aws: Store) -> None:
    port, stack = change_sets(on_aws), made(on_aws, MACHINES)
    disks = HeldData(
        what="the disks", lost_by=LostBy.MODIFICATION, properties=("LaunchTemplate", "MaxSize")
    )
    lost = {}
    for parameters in ({"Type": "t4g.small", "Tag": "a"}, {"Type": "t4g.micro", "Tag": "b"}):
        wish = change_arguments(plan(on_aws, MACHINES), stack, parameters)
        port.create(wish)
        found = port.find(stack.id, wish["changeSetName"])
        assert found is not None
        (group,) = [one for one in found.changes if one.logical_id == "Machines"]
        assert group.effect in {Effect.CHANGED, Effect.MAYBE_REPLACED}
        lost[group.properties] = group.judged({"Machines": disks}).lost
    assert lost == {("LaunchTemplate",): "the disks", ("Tags",): ""}


def test_what_cloudformation_does_not_take_is_refused(on_aws: Store) -> None:
    stack = made(on_aws)
    needing = {**TEMPLATE, "Parameters": {"Wait": {"Type": "String"}, "Must": {"Type": "String"}}}
    wish = change_arguments(plan(on_aws, needing), stack, {"Wait": "1"})
    with pytest.raises(ConflictError) as refused:
        change_sets(on_aws).create(wish)
    assert refused.value.reason == "CHANGE_REFUSED"


def test_a_property_changed_by_hand_is_found_and_a_deleted_resource_too(on_aws: Store) -> None:
    stack = made(on_aws)
    port = CloudFormationDrift(on_aws.client("cloudformation"))
    assert detected(port, stack).status == "IN_SYNC"
    sqs = on_aws.client("sqs")
    formation = on_aws.client("cloudformation")
    url = formation.list_stack_resources(StackName=stack.name)["StackResourceSummaries"][0][
        "PhysicalResourceId"
    ]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "99"})
    (one,) = detected(port, stack).differences
    assert (one.path, one.expected, one.actual) == ("/VisibilityTimeout", "30", "99")
    sqs.delete_queue(QueueUrl=url)
    (gone,) = detected(port, stack).differences
    assert (gone.resource, gone.change) == ("Queue", "DELETED")
    assert port.begin("arn:aws:cloudformation:ap-southeast-1:1:stack/ap-none/1") is None
    assert port.result(stack.id, "none") == Drift(
        status="UNKNOWN", reason="The detection is forgotten."
    )


class _Drifted:
    """CloudFormation that has found these properties of these types to differ."""

    def __init__(self, *found: tuple[str, str]) -> None:
        self._found = found

    def describe_stack_drift_detection_status(self, **_: str) -> dict[str, Any]:
        return {"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": "DRIFTED"}

    def describe_stack_resource_drifts(self, **_: Any) -> dict[str, Any]:
        return {"StackResourceDrifts": [
            {
                "LogicalResourceId": "One", "ResourceType": kind, "StackResourceDriftStatus": "MODIFIED",
                "PropertyDifferences": [{"PropertyPath": path, "DifferenceType": "NOT_EQUAL", "ExpectedValue": "a", "ActualValue": "b"}],
            }
            for kind, path in self._found
        ]}  # fmt: skip


RELEASED = [
    ("AWS::CloudFront::Distribution", "/DistributionConfig/Origins/0/OriginPath"),
    ("AWS::ECS::Service", "/TaskDefinition"),
    ("AWS::ECS::Service", "/DesiredCount"),
]


def test_what_publishing_changes_is_no_drift() -> None:
    assert CloudFormationDrift(_Drifted(*RELEASED)).result("s", "d") == Drift(status="IN_SYNC")
    by_hand = ("AWS::ECS::Service", "/NetworkConfiguration/AwsvpcConfiguration/AssignPublicIp")
    found = CloudFormationDrift(_Drifted(*RELEASED, by_hand)).result("s", "d")
    assert found is not None
    assert (found.status, [(one.type, one.path) for one in found.differences]) == (
        "DRIFTED", [by_hand],
    )  # fmt: skip
    elsewhere = CloudFormationDrift(_Drifted(("AWS::SQS::Queue", "/TaskDefinition")))
    assert elsewhere.result("s", "d").status == "DRIFTED"  # type: ignore[union-attr]


def detected(port: CloudFormationDrift, stack: Stack) -> Drift:
    detection = port.begin(stack.id)
    assert detection is not None
    end = time.monotonic() + 20
    while (found := port.result(stack.id, detection)) is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
