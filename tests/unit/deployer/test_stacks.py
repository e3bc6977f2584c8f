"""Stacks in the states that a real account leaves them in, played by a scripted CloudFormation."""

from itertools import count

import pytest
from botocore.exceptions import ClientError

from autoprovision.deployer import stacks
from autoprovision.deployer.errors import DeployError, NotConfirmedError, StackFailedError
from autoprovision.deployer.stacks import Change, StackPlan, deploy_stack

NAME = "autoprovision-data"


class FakeCloudFormation:
    """One stack that goes through given statuses when it is executed or deleted."""

    def __init__(
        self,
        status=None,
        *,
        parameters=(),
        changes=1,
        reason="",
        after=("CREATE_COMPLETE",),
        events=(),
        deleted=("DELETE_COMPLETE",),
    ) -> None:
        self.id, self.status, self.parameters = f"arn:stack/{NAME}/1", status, parameters
        self.changes, self.reason, self.after, self.events, self.deleted = (
            changes,
            reason,
            list(after),
            events,
            list(deleted),
        )
        self.coming, self.calls, self.sent, self.updates = [], [], {}, count()
        self.updated = next(self.updates)

    def describe_stacks(self, StackName):  # noqa: N803
        if self.coming:
            self.status = self.coming.pop(0)
        if self.status in {None, "DELETE_COMPLETE"}:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "does not exist"}},
                "DescribeStacks",
            )
        return {"Stacks": [{
            "StackId": self.id, "StackName": NAME, "StackStatus": self.status, "LastUpdatedTime": self.updated,
            "Parameters": [{"ParameterKey": name, "ParameterValue": "before"} for name in self.parameters],
            "Outputs": [{"OutputKey": "Bucket", "OutputValue": "b"}],
        }]}  # fmt: skip

    def create_change_set(self, **sent):
        self.calls.append("create_change_set")
        self.sent = sent
        if sent["ChangeSetType"] == "CREATE":
            self.status = "REVIEW_IN_PROGRESS"
        return {"Id": "arn:changeset"}

    def describe_change_set(self, **_):
        return {
            "Status": "FAILED" if self.reason else "CREATE_COMPLETE",
            "StatusReason": self.reason,
        }

    def get_paginator(self, name):
        pages = {
            "describe_change_set": [
                {
                    "Changes": [
                        {
                            "ResourceChange": {
                                "Action": "Modify",
                                "LogicalResourceId": f"R{n}",
                                "ResourceType": "AWS::S3::Bucket",
                                "Replacement": "True",
                            }
                        }
                    ]
                }
                for n in range(self.changes)
            ],
            "describe_stack_events": [{"StackEvents": list(self.events)}],
        }[name]
        return type("Pages", (), {"paginate": lambda _self, **_: pages})()

    def execute_change_set(self, **_):
        self.calls.append("execute_change_set")
        self.coming = self.after
        self.updated = next(self.updates)

    def delete_change_set(self, **_):
        self.calls.append("delete_change_set")

    def delete_stack(self, **_):
        self.calls.append("delete_stack")
        self.coming = self.deleted


def run(fake, *, agree=True, declared=("Name",), **plan):
    said, asked = [], []

    def confirm(name, changes):
        asked.append((name, changes))
        return agree

    try:
        outputs = deploy_stack(
            fake,
            StackPlan(NAME, b"Resources: {}", **plan),
            declared=frozenset(declared),
            say=said.append,
            confirm=confirm,
        )
    except DeployError as error:
        outputs = error
    return outputs, said, asked


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(stacks.time, "sleep", lambda _: None)


def test_a_new_stack_is_made_after_its_changes_were_shown():
    fake = FakeCloudFormation(
        changes=2, after=["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    )
    outputs, _, asked = run(fake, parameters={"Name": "n", "Other": "of another template"})
    assert outputs == {"Bucket": "b"}
    assert asked == [
        (
            NAME,
            [
                Change("Modify", "R0", "AWS::S3::Bucket", "True"),
                Change("Modify", "R1", "AWS::S3::Bucket", "True"),
            ],
        )
    ]
    assert fake.sent["ChangeSetType"] == "CREATE"
    assert fake.sent["Parameters"] == [{"ParameterKey": "Name", "ParameterValue": "n"}]


def test_parameters_left_out_keep_their_value():
    fake = FakeCloudFormation(
        "CREATE_COMPLETE",
        parameters=["Name", "Gone"],
        after=["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"],
    )
    run(fake, declared=("Name", "New"))
    assert fake.sent["ChangeSetType"] == "UPDATE"
    assert fake.sent["Parameters"] == [{"ParameterKey": "Name", "UsePreviousValue": True}]


@pytest.mark.parametrize(
    "words",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
)
def test_no_change_is_fine(words):
    fake = FakeCloudFormation("UPDATE_COMPLETE", reason=words)
    outputs, said, asked = run(fake)
    assert outputs == {"Bucket": "b"}
    assert asked == []
    assert said == [f"{NAME}: nothing changes."]
    assert fake.calls == ["create_change_set", "delete_change_set"]


def test_a_change_set_that_cannot_be_is_told_and_removed():
    fake = FakeCloudFormation(reason="Template error: no such resource Q")
    error, _, _ = run(fake)
    assert isinstance(error, StackFailedError)
    assert "no such resource Q" in error.message
    assert fake.calls == ["create_change_set", "delete_change_set", "delete_stack"]


@pytest.mark.parametrize(("status", "left"), [(None, ["delete_stack"]), ("CREATE_COMPLETE", [])])
def test_whoever_says_no_leaves_no_trace(status, left):
    fake = FakeCloudFormation(status)
    error, _, _ = run(fake, agree=False)
    assert isinstance(error, NotConfirmedError)
    assert fake.calls == ["create_change_set", "delete_change_set", *left]


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"]
)
def test_what_a_failed_first_deployment_left_is_deleted_after_saying_so(status):
    fake = FakeCloudFormation(status, deleted=["DELETE_IN_PROGRESS", "DELETE_COMPLETE"])
    outputs, said, _ = run(fake)
    assert outputs == {"Bucket": "b"}
    assert status in said[0]
    assert "deleting" in said[0]
    assert fake.calls == ["delete_stack", "create_change_set", "execute_change_set"]
    assert fake.sent["ChangeSetType"] == "CREATE"


def test_what_cannot_be_deleted_is_told():
    events = [
        {
            "ResourceStatus": "DELETE_FAILED",
            "LogicalResourceId": "B",
            "ResourceType": "AWS::S3::Bucket",
            "ResourceStatusReason": "The bucket is not empty",
            "PhysicalResourceId": "b",
        }
    ]
    error, _, _ = run(
        FakeCloudFormation("ROLLBACK_COMPLETE", deleted=["DELETE_FAILED"], events=events)
    )
    assert "B (AWS::S3::Bucket): The bucket is not empty" in error.message


def test_a_stack_that_somebody_else_changes_is_waited_for():
    fake = FakeCloudFormation("UPDATE_IN_PROGRESS", after=["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    fake.coming = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    outputs, said, _ = run(fake)
    assert outputs == {"Bucket": "b"}
    assert "waiting" in said[0]


def test_a_review_left_by_a_crash_is_gone_on_with():
    fake = FakeCloudFormation("REVIEW_IN_PROGRESS")
    outputs, _, _ = run(fake)
    assert outputs == {"Bucket": "b"}
    assert fake.sent["ChangeSetType"] == "CREATE"


def test_a_failed_rollback_names_the_command_that_helps():
    error, _, _ = run(FakeCloudFormation("UPDATE_ROLLBACK_FAILED"))
    assert "continue-update-rollback" in error.hint


def test_failure_names_the_resources_and_reasons_of_this_run_only():
    event = {
        "LogicalResourceId": "Q",
        "ResourceType": "AWS::SQS::Queue",
        "PhysicalResourceId": "q",
        "ResourceStatus": "CREATE_FAILED",
    }
    stack = {
        "LogicalResourceId": NAME,
        "ResourceType": "AWS::CloudFormation::Stack",
        "PhysicalResourceId": f"arn:stack/{NAME}/1",
    }
    events = [
        {**stack, "ResourceStatus": "ROLLBACK_COMPLETE"},
        {**event, "LogicalResourceId": "T", "ResourceStatusReason": "Resource creation cancelled"},
        {**event, "ResourceStatusReason": "Too many queues"},
        {**stack, "ResourceStatus": "CREATE_IN_PROGRESS"},
        {**event, "ResourceStatusReason": "of an earlier run"},
    ]
    error, _, _ = run(
        FakeCloudFormation(after=["ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"], events=events)
    )
    assert isinstance(error, StackFailedError)
    assert "Q (AWS::SQS::Queue): Too many queues" in error.message
    assert "cancelled" not in error.message
    assert "earlier run" not in error.message


def test_a_long_template_goes_by_its_url():
    fake = FakeCloudFormation()
    run(fake, template_url="https://s3.ap-southeast-1.amazonaws.com/b/app.yaml")
    assert fake.sent["TemplateURL"] == "https://s3.ap-southeast-1.amazonaws.com/b/app.yaml"
    assert "TemplateBody" not in fake.sent


def test_a_change_reads_as_one_line():
    assert str(Change("Add", "Queue", "AWS::SQS::Queue")) == "Add     Queue (AWS::SQS::Queue)"
    assert (
        str(Change("Modify", "Table", "AWS::DynamoDB::Table", "Conditional"))
        == "Modify  Table (AWS::DynamoDB::Table, perhaps replaced)"
    )
