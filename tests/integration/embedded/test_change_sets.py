"""Change sets speak of what the stack has."""

import json
from typing import Any

TEMPLATE = json.dumps({
    "Parameters": {"Wait": {"Type": "String", "Default": "30"}, "Alarm": {"Type": "String", "Default": "no"}},
    "Conditions": {"HasAlarm": {"Fn::Equals": [{"Ref": "Alarm"}, "yes"]}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": {"Ref": "Wait"}}},
        "Watcher": {
            "Type": "AWS::SSM::Parameter", "Condition": "HasAlarm",
            "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Description": {"Ref": "Wait"}},
        },
    },
})  # fmt: skip


def changes(workshop: Any) -> set[str]:
    formation, name = workshop.client("cloudformation"), workshop.name("stack")
    stack = formation.create_stack(StackName=name, TemplateBody=TEMPLATE)["StackId"]
    workshop.stack_settled(stack)
    formation.create_change_set(
        StackName=name, ChangeSetName="c1", ChangeSetType="UPDATE", UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Wait", "ParameterValue": "60"}],
    )  # fmt: skip
    seen = formation.describe_change_set(StackName=name, ChangeSetName="c1")
    return {one["ResourceChange"]["LogicalResourceId"] for one in seen["Changes"]}


def test_a_resource_that_is_not_in_the_stack_is_not_changed(workshop: Any):
    assert changes(workshop) == {"Queue"}


def test_ministack_alone_changes_what_is_not_there(unmended: Any):
    assert changes(unmended) == {"Queue", "Watcher"}
