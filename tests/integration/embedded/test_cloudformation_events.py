"""EventBridge hears of stacks as on AWS."""

import json
from typing import Any

TOPIC = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
BROKEN = json.dumps(
    {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Bad": {
                "Type": "AWS::SQS::Queue",
                "DependsOn": "Topic",
                "Properties": {"VisibilityTimeout": 999999},
            },
        }
    }
)
STACK_CHANGE = "CloudFormation Stack Status Change"


def listening(workshop: Any) -> str:
    url, arn = workshop.queue()
    events, rule = workshop.client("events"), workshop.name("rule")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.cloudformation"]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    return url


def heard(workshop: Any, url: str, last: str) -> list[dict[str, Any]]:
    """All events up to the stack's status `last`."""
    seen: list[dict[str, Any]] = []
    while (
        not seen
        or seen[-1]["detail-type"] != STACK_CHANGE
        or seen[-1]["detail"]["status-details"]["status"] != last
    ):
        seen.append(workshop.message(url))
    return seen


def statuses(seen: list[dict[str, Any]], kind: str = STACK_CHANGE) -> list[str]:
    return [
        event["detail"]["status-details"]["status"]
        for event in seen
        if event["detail-type"] == kind
    ]


def test_a_created_and_deleted_stack_is_announced_in_aws_shape(workshop: Any):
    url = listening(workshop)
    cloudformation = workshop.client("cloudformation")
    stack_id = cloudformation.create_stack(
        StackName=workshop.name("stack"), TemplateBody=TOPIC, ClientRequestToken="tok-1"
    )["StackId"]
    seen = heard(workshop, url, "CREATE_COMPLETE")
    assert statuses(seen) == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    last = seen[-1]
    assert set(last) == {
        "version",
        "id",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail-type",
        "detail",
    }
    assert (last["source"], last["account"], last["region"]) == (
        "aws.cloudformation",
        workshop.aws.account_id,
        workshop.aws.region,
    )
    assert last["resources"] == [stack_id]
    assert last["time"].endswith("Z")
    assert last["detail"]["stack-id"] == stack_id
    assert last["detail"]["client-request-token"] == "tok-1"
    assert last["detail"]["status-details"] == {"status": "CREATE_COMPLETE", "status-reason": ""}
    resource = next(
        event["detail"]
        for event in seen
        if event["detail-type"] == "CloudFormation Resource Status Change"
    )
    assert (resource["logical-resource-id"], resource["resource-type"]) == (
        "Topic",
        "AWS::SNS::Topic",
    )
    cloudformation.delete_stack(StackName=stack_id)
    assert statuses(heard(workshop, url, "DELETE_COMPLETE")) == [
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
    ]


def test_a_rollback_is_announced(workshop: Any):
    url = listening(workshop)
    workshop.client("cloudformation").create_stack(
        StackName=workshop.name("stack"), TemplateBody=BROKEN, DisableValidation=True
    )
    seen = statuses(heard(workshop, url, "ROLLBACK_COMPLETE"))
    assert seen == ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]


def test_an_update_is_announced(workshop: Any):
    cloudformation = workshop.client("cloudformation")
    stack = cloudformation.create_stack(StackName=workshop.name("stack"), TemplateBody=TOPIC)[
        "StackId"
    ]
    workshop.stack_settled(stack)
    url = listening(workshop)
    more = json.dumps(
        {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}, "Other": {"Type": "AWS::SNS::Topic"}}}
    )
    cloudformation.update_stack(StackName=stack, TemplateBody=more)
    seen = statuses(heard(workshop, url, "UPDATE_COMPLETE"))
    assert (seen[0], seen[-1]) == ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")


def test_ministack_alone_announces_nothing(unmended: Any):
    url = listening(unmended)
    stack = unmended.client("cloudformation").create_stack(StackName="quiet", TemplateBody=TOPIC)[
        "StackId"
    ]
    unmended.stack_settled(stack)
    assert "Messages" not in unmended.client("sqs").receive_message(QueueUrl=url)
