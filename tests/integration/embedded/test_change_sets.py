"""Change sets speak of what the stack has, and would have."""

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
    "Outputs": {"Watched": {"Condition": "HasAlarm", "Value": {"Ref": "Watcher"}}},
})  # fmt: skip
Changes = set[tuple[str, str]]


class Stack:
    """A stack and its change sets."""

    def __init__(self, workshop: Any) -> None:
        self.workshop, self.formation = workshop, workshop.client("cloudformation")
        self.name = workshop.name("stack")
        self.formation.create_stack(StackName=self.name, TemplateBody=TEMPLATE)
        workshop.stack_settled(self.name)

    def changes(self, name: str, **parameters: str) -> Changes:
        self.formation.create_change_set(
            StackName=self.name, ChangeSetName=name, ChangeSetType="UPDATE", UsePreviousTemplate=True,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        )  # fmt: skip
        seen = self.formation.describe_change_set(StackName=self.name, ChangeSetName=name)
        changes = [one["ResourceChange"] for one in seen["Changes"]]
        return {(one["Action"], one["LogicalResourceId"]) for one in changes}

    def execute(self, name: str) -> tuple[set[str], int]:
        """The stack's resources and the number of its outputs after a change set."""
        self.formation.execute_change_set(StackName=self.name, ChangeSetName=name)
        self.workshop.stack_settled(self.name)
        made = self.formation.describe_stack_resources(StackName=self.name)["StackResources"]
        (stack,) = self.formation.describe_stacks(StackName=self.name)["Stacks"]
        living = {
            one["LogicalResourceId"] for one in made if one["ResourceStatus"] != "DELETE_COMPLETE"
        }
        return living, len(stack.get("Outputs", []))


def test_a_resource_that_is_not_in_the_stack_is_not_changed(workshop: Any):
    assert Stack(workshop).changes("c1", Wait="60") == {("Modify", "Queue")}


def test_a_condition_that_turns_adds_and_removes_what_hangs_on_it(workshop: Any):
    stack = Stack(workshop)
    assert stack.changes("c1", Alarm="yes") == {("Add", "Watcher")}
    assert stack.execute("c1") == ({"Queue", "Watcher"}, 1)
    assert stack.changes("c2", Alarm="no") == {("Remove", "Watcher")}
    assert stack.execute("c2") == ({"Queue"}, 0)


def test_ministack_alone_changes_what_is_not_there_and_misses_what_turns(unmended: Any):
    stack = Stack(unmended)
    assert stack.changes("c1", Wait="60") == {("Modify", "Queue"), ("Modify", "Watcher")}
    assert stack.changes("c2", Alarm="yes") == set()
