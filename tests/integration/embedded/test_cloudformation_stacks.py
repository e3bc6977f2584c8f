"""Stacks are named, repeated and deleted as on AWS."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

TOPIC = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
QUEUE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
BROKEN = json.dumps(
    {"Resources": {"Bad": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 999999}}}}
)
BUCKET = json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}})


def create(workshop: Any, name: str, template: str = TOPIC, **more: Any) -> str:
    answer = workshop.client("cloudformation").create_stack(
        StackName=name, TemplateBody=template, **more
    )
    return str(answer["StackId"])


def deleted(workshop: Any, stack: str) -> dict[str, Any]:
    workshop.client("cloudformation").delete_stack(StackName=stack)
    return workshop.stack_settled(stack)


def filled_bucket(workshop: Any) -> tuple[str, str]:
    stack = create(workshop, workshop.name("bucket"), BUCKET)
    workshop.stack_settled(stack)
    bucket = workshop.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId="Bucket"
    )["StackResourceDetail"]["PhysicalResourceId"]
    workshop.client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    return stack, bucket


def test_a_stack_with_a_filled_bucket_is_not_deleted_until_it_is_emptied(workshop: Any):
    stack, bucket = filled_bucket(workshop)
    assert deleted(workshop, stack)["StackStatus"] == "DELETE_FAILED"
    events = workshop.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert any("is not empty" in event.get("ResourceStatusReason", "") for event in events)
    workshop.client("s3").delete_object(Bucket=bucket, Key="a")
    assert deleted(workshop, stack)["StackStatus"] == "DELETE_COMPLETE"


def test_ministack_alone_deletes_a_filled_bucket(unmended: Any):
    stack, _ = filled_bucket(unmended)
    assert deleted(unmended, stack)["StackStatus"] == "DELETE_COMPLETE"


def tagged_bucket(workshop: Any) -> tuple[str, str]:
    tags = [{"Key": "course", "Value": "cs1"}]
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Tags": tags}}}}
    stack = create(workshop, workshop.name("tagged"), json.dumps(template))
    workshop.stack_settled(stack)
    bucket = workshop.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId="Bucket"
    )["StackResourceDetail"]["PhysicalResourceId"]
    return stack, bucket


def tags_of(workshop: Any, bucket: str) -> dict[str, str]:
    found = workshop.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "course"}]
    )
    listed = {
        one["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        for one in found["ResourceTagMappingList"]
    }
    return listed.get(f"arn:aws:s3:::{bucket}", {})


def test_a_bucket_has_the_tags_of_its_template(workshop: Any):
    stack, bucket = tagged_bucket(workshop)
    assert tags_of(workshop, bucket) == {"course": "cs1"}
    client = workshop.client("cloudformation")
    changed = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {
        "Tags": [{"Key": "course", "Value": "cs2"}]}}}}  # fmt: skip
    client.update_stack(StackName=stack, TemplateBody=json.dumps(changed))
    workshop.stack_settled(stack)
    assert tags_of(workshop, bucket) == {"course": "cs2"}


def test_ministack_alone_forgets_the_tags_of_a_bucket(unmended: Any):
    _, bucket = tagged_bucket(unmended)
    assert tags_of(unmended, bucket) == {}


def test_a_repeated_request_answers_the_same_stack(workshop: Any):
    name = workshop.name("stack")
    first = create(workshop, name, ClientRequestToken=name)
    assert create(workshop, name, ClientRequestToken=name) == first
    with pytest.raises(ClientError) as other_token:
        create(workshop, name, ClientRequestToken="another")
    assert other_token.value.response["Error"]["Code"] == "AlreadyExistsException"
    with pytest.raises(ClientError) as other_request:
        create(workshop, workshop.name("stack"), QUEUE, ClientRequestToken=name)
    assert other_request.value.response["Error"]["Code"] == "TokenAlreadyExistsException"


def test_ministack_alone_refuses_a_repeated_request(unmended: Any):
    create(unmended, "twice", ClientRequestToken="twice")
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        create(unmended, "twice", ClientRequestToken="twice")


def rolled_back(workshop: Any) -> str:
    name = workshop.name("broken")
    stack = create(workshop, name, BROKEN, DisableValidation=True)
    assert workshop.stack_settled(stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    return name


def test_the_name_of_a_failed_stack_is_burnt_until_it_is_deleted(workshop: Any):
    name = rolled_back(workshop)
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        create(workshop, name)
    failed = workshop.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0][
        "StackId"
    ]
    assert deleted(workshop, failed)["StackStatus"] == "DELETE_COMPLETE"
    again = create(workshop, name)
    assert again != failed
    assert workshop.stack_settled(again)["StackStatus"] == "CREATE_COMPLETE"
    assert workshop.stack_settled(failed)["StackStatus"] == "DELETE_COMPLETE"
    # Deleting the old stack again must not touch the new one of its name.
    assert deleted(workshop, failed)["StackStatus"] == "DELETE_COMPLETE"
    assert workshop.stack_settled(name)["StackId"] == again


def test_ministack_alone_creates_over_a_failed_stack(unmended: Any):
    create(unmended, rolled_back(unmended))


def test_a_deleted_stack_is_found_by_its_id_only(workshop: Any):
    name = workshop.name("stack")
    stack = create(workshop, name)
    workshop.stack_settled(stack)
    assert deleted(workshop, stack)["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="does not exist"):
        workshop.client("cloudformation").describe_stacks(StackName=name)


SLOW = json.dumps({
    "Resources": {
        "First": {"Type": "AWS::SNS::Topic"},
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "Wait": {
            "Type": "AWS::CloudFormation::WaitCondition", "DependsOn": "First",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "2"},
        },
    }
})  # fmt: skip


def deleted_while_created(workshop: Any) -> list[str]:
    """The statuses that the stack has had, newest first, once the wait in it is over."""
    client = workshop.client("cloudformation")
    stack = create(workshop, workshop.name("slow"), SLOW)

    def events() -> list[dict[str, Any]]:
        return list(client.describe_stack_events(StackName=stack)["StackEvents"])

    def has(resource: str, *statuses: str) -> bool:
        return any(
            one["LogicalResourceId"] == resource and one["ResourceStatus"] in statuses
            for one in events()
        )

    wait_until(lambda: has("Wait", "CREATE_IN_PROGRESS"))
    client.delete_stack(StackName=stack)
    name = stack.split("/")[1]
    wait_until(lambda: has(name, "DELETE_COMPLETE"))
    other = create(workshop, workshop.name("clock"), SLOW)
    wait_until(
        lambda: (
            client.describe_stacks(StackName=other)["Stacks"][0]["StackStatus"]
            == "ROLLBACK_COMPLETE"
        )
    )
    return [one["ResourceStatus"] for one in events() if one["LogicalResourceId"] == name]


def wait_until(look: Any) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_stack_that_is_deleted_while_it_is_created_stays_deleted(workshop: Any):
    assert deleted_while_created(workshop)[0] == "DELETE_COMPLETE"


def test_ministack_alone_goes_on_creating(unmended: Any):
    assert deleted_while_created(unmended)[0] != "DELETE_COMPLETE"
