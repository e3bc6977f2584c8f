"""Systems Manager of the embedded AWS: runbooks, commands, roles; and what MiniStack does without them."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.kit.machines import MANAGED, machine, role, runbook

ANSWERS = {"Effect": "Allow", "Action": ["states:SendTaskSuccess", "states:SendTaskFailure"], "Resource": "*"}  # fmt: skip
COMMANDS = {"Effect": "Allow", "Action": ["ssm:SendCommand", "ssm:ListCommands", "ssm:ListCommandInvocations", "ssm:CancelCommand"], "Resource": "*"}  # fmt: skip
PARAMETERS = {"AutomationAssumeRole": {"type": "AWS::IAM::Role::Arn"}, "InstanceIds": {"type": "StringList", "default": []}}  # fmt: skip


def step(name: str, action: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "action": action, "inputs": inputs, **more}


def shell(*commands: str, **more: Any) -> dict[str, Any]:
    inputs = {"DocumentName": "AWS-RunShellScript", "InstanceIds": "{{ InstanceIds }}", "Parameters": {"commands": list(commands)}}  # fmt: skip
    return step("Work", "aws:runCommand", inputs, **more)


def made(workshop, *steps: dict[str, Any]) -> str:
    content = {"schemaVersion": "0.3", "assumeRole": "{{ AutomationAssumeRole }}", "parameters": PARAMETERS, "mainSteps": list(steps)}  # fmt: skip
    return runbook(workshop.client, workshop.name("runbook"), content)


def started(workshop, name: str, *statements: dict[str, Any], **parameters: Any) -> str:
    given = {
        "AutomationAssumeRole": [role(workshop.client, workshop.name("r"), "ssm", *statements)]
    }
    answer = workshop.client("ssm").start_automation_execution(
        DocumentName=name, Parameters={**given, **parameters}
    )
    return answer["AutomationExecutionId"]


def seen(workshop, execution: str) -> dict[str, Any]:
    answer = workshop.client("ssm").get_automation_execution(AutomationExecutionId=execution)
    return answer["AutomationExecution"]


def ended(workshop, execution: str) -> dict[str, Any]:
    over = {"Success", "Failed", "Cancelled"}
    return workshop.until(
        lambda: (
            found
            if (found := seen(workshop, execution))["AutomationExecutionStatus"] in over
            else None
        )
    )


def names(execution: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["StepName"], one["StepStatus"]) for one in execution["StepExecutions"]]


@pytest.fixture(scope="module")
def instance(workshop) -> str:
    return machine(workshop.client, "runbooks-machine", MANAGED, application="app_1")


def test_steps_run_in_order_and_give_each_other_values(workshop, instance):
    name = made(
        workshop,
        shell("echo first"),
        step("Pause", "aws:sleep", {"Duration": "PT0S"}),
        step("Look", "aws:waitForAwsResourceProperty", {
            "Service": "ssm", "Api": "ListCommands", "CommandId": "{{ Work.CommandId }}",
            "PropertySelector": "$.Commands[0].Status", "DesiredValues": ["Success"],
        }),
    )  # fmt: skip
    found = ended(workshop, started(workshop, name, COMMANDS, InstanceIds=[instance]))
    assert names(found) == [("Work", "Success"), ("Pause", "Success"), ("Look", "Success")]
    command = found["StepExecutions"][0]["Outputs"]["CommandId"][0]
    said = workshop.client("ssm").get_command_invocation(CommandId=command, InstanceId=instance)
    first, second = said["StandardOutputContent"].splitlines()
    assert first == f"This ran on this machine in place of {instance}, by the embedded AWS."
    assert second == "first"


def test_a_failed_step_goes_where_it_says_and_the_execution_has_failed(workshop, instance):
    name = made(
        workshop,
        shell("exit 9", onFailure="step:Mend", nextStep="Never"),
        step("Never", "aws:sleep", {"Duration": "PT0S"}, isEnd=True),
        step("Mend", "aws:sleep", {"Duration": "PT0S"}, isEnd=True),
    )
    found = ended(workshop, started(workshop, name, COMMANDS, InstanceIds=[instance]))
    assert names(found) == [("Work", "Failed"), ("Mend", "Success")]
    assert found["AutomationExecutionStatus"] == "Failed"


def test_a_stopped_one_goes_where_it_says_and_its_command_is_cancelled(workshop, instance):
    name = made(
        workshop,
        shell("sleep 100", onCancel="step:Mend"),
        step("Mend", "aws:sleep", {"Duration": "PT0S"}, isEnd=True),
    )
    execution = started(workshop, name, COMMANDS, InstanceIds=[instance])
    workshop.until(
        lambda: [one for one in seen(workshop, execution)["StepExecutions"] if one["Outputs"]]
    )
    workshop.client("ssm").stop_automation_execution(AutomationExecutionId=execution)
    found = ended(workshop, execution)
    assert names(found) == [("Work", "Cancelled"), ("Mend", "Success")]
    assert found["AutomationExecutionStatus"] == "Cancelled"
    with pytest.raises(ClientError) as refused:
        workshop.client("ssm").stop_automation_execution(AutomationExecutionId=execution)
    assert refused.value.response["Error"]["Code"] == "InvalidAutomationStatusUpdateException"


def test_an_action_that_is_not_played_fails_by_name(workshop):
    name = made(workshop, step("Work", "aws:pause", {}))
    found = ended(workshop, started(workshop, name))
    assert found["AutomationExecutionStatus"] == "Failed"
    assert "does not know the action aws:pause" in found["FailureMessage"]


def test_what_its_role_may_not_do_fails(workshop, instance):
    name = made(workshop, shell("true"))
    found = ended(workshop, started(workshop, name, ANSWERS, InstanceIds=[instance]))
    assert "ssm:SendCommand" in found["FailureMessage"]


def test_a_machine_without_the_tag_is_out_of_reach(workshop, instance):
    other = machine(workshop.client, workshop.name("other"), MANAGED)
    tagged = {**COMMANDS, "Action": "ssm:SendCommand", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {"StringLike": {"aws:ResourceTag/autoprovision:application": "app_*"}}}  # fmt: skip
    document = {**COMMANDS, "Action": "ssm:SendCommand", "Resource": "arn:aws:ssm:*::document/AWS-RunShellScript"}  # fmt: skip
    listing = {**COMMANDS, "Action": ["ssm:ListCommands", "ssm:ListCommandInvocations"]}
    name = made(workshop, shell("true"))
    allowed = (tagged, document, listing)
    good = ended(workshop, started(workshop, name, *allowed, InstanceIds=[instance]))
    assert good["AutomationExecutionStatus"] == "Success", good
    bad = ended(workshop, started(workshop, name, *allowed, InstanceIds=[other]))
    assert f"instance/{other}" in bad["FailureMessage"]


def test_a_client_token_starts_once_and_other_parameters_are_refused(workshop, instance):
    name, ssm = made(workshop, shell("true")), workshop.client("ssm")
    given = {"AutomationAssumeRole": [role(workshop.client, workshop.name("r"), "ssm", COMMANDS)], "InstanceIds": [instance]}  # fmt: skip
    same = {"DocumentName": name, "Parameters": given, "ClientToken": "11111111-1111-1111-1111-111111111111"}  # fmt: skip
    first = ssm.start_automation_execution(**same)["AutomationExecutionId"]
    assert ssm.start_automation_execution(**same)["AutomationExecutionId"] == first
    with pytest.raises(ClientError) as refused:
        ssm.start_automation_execution(**{**same, "Parameters": {**given, "InstanceIds": []}})
    assert refused.value.response["Error"]["Code"] == "IdempotentParameterMismatch"


@pytest.mark.parametrize(
    ("parameters", "word"),
    [({"Nonsense": ["1"]}, "Nonsense"), ({"AutomationAssumeRole": ["no-arn"]}, "no ARN")],
)
def test_wrong_parameters_are_refused(workshop, parameters, word):
    with pytest.raises(ClientError) as refused:
        workshop.client("ssm").start_automation_execution(
            DocumentName=made(workshop, step("Work", "aws:sleep", {"Duration": "PT0S"})),
            Parameters=parameters,
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidAutomationExecutionParametersException"
    assert word in error["Message"]


@pytest.mark.parametrize("values", [["x" * 513], [f"i-{number}" for number in range(51)]])
def test_what_is_longer_than_the_service_s_model_says_is_refused(workshop, values):
    name = made(workshop, step("Work", "aws:sleep", {"Duration": "PT0S"}))
    with pytest.raises(ClientError) as refused:
        started(workshop, name, InstanceIds=values)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    longest = [*values[:1], *values[2:]] if len(values) > 1 else [values[0][:512]]
    assert ended(workshop, started(workshop, name, InstanceIds=longest))


def test_its_role_answers_a_task_token_and_events_tell_of_it(workshop):
    url, arn = workshop.queue()
    events = workshop.client("events")
    events.put_rule(Name="runbooks", EventPattern=json.dumps({"source": ["aws.ssm"]}))
    events.put_targets(Rule="runbooks", Targets=[{"Id": "q", "Arn": arn}])
    name = made(workshop, step("Work", "aws:sleep", {"Duration": "PT0S"}))
    execution = started(workshop, name)
    statuses = [workshop.message(url)["detail"] for _ in range(2)]
    assert {one["Status"] for one in statuses if one["ExecutionId"] == execution} == {"InProgress", "Success"}  # fmt: skip


def sent(workshop, document: str, instance: str, **parameters: list[str]) -> dict[str, Any]:
    ssm = workshop.client("ssm")
    command = ssm.send_command(
        DocumentName=document, InstanceIds=[instance], Parameters=parameters
    )["Command"]["CommandId"]
    return workshop.until(
        lambda: (
            found
            if (found := ssm.get_command_invocation(CommandId=command, InstanceId=instance))[
                "Status"
            ]
            not in {"Pending", "InProgress"}
            else None
        )
    )


def test_status_194_restarts_the_instance_and_runs_the_script_again(workshop, instance):
    script = 'if [ -e "$TMPDIR/mark" ]; then echo again; else touch "$TMPDIR/mark"; exit 194; fi'
    said = sent(workshop, "AWS-RunShellScript", instance, commands=[script])
    assert (said["Status"], said["ResponseCode"]) == ("Success", 0)
    assert said["StandardOutputContent"].splitlines()[-2:] == [
        f"{instance} restarts: its processes have ended.", "again"
    ]  # fmt: skip


def test_a_command_sees_nothing_of_this_machine_s_environment(workshop, instance, monkeypatch):
    said = sent(workshop, "AWS-RunShellScript", instance, commands=["env"])
    variables = dict(
        line.split("=", 1) for line in said["StandardOutputContent"].splitlines() if "=" in line
    )
    assert f"machines/{instance}/home" in variables["HOME"]
    assert variables["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert not {name for name in variables if "PYTEST" in name or "VIRTUAL_ENV" in name}


def test_a_command_that_takes_too_long_is_ended(workshop, instance):
    said = sent(
        workshop, "AWS-RunShellScript", instance, commands=["sleep 60"], executionTimeout=["1"]
    )
    assert said["Status"] == "TimedOut"


def test_patching_touches_nothing_and_says_so(workshop, instance):
    said = sent(workshop, "AWS-RunPatchBaseline", instance, Operation=["Install"])
    assert "InstalledCount: 0" in said["StandardOutputContent"]
    assert "has no operating system of its own" in said["StandardOutputContent"]


def test_a_script_from_s3_needs_the_machine_s_role(workshop, instance):
    s3 = workshop.client("s3")
    s3.create_bucket(
        Bucket="scripts", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
    )
    s3.put_object(Bucket="scripts", Key="a/command.sh", Body=b"echo from-s3\n")
    may = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::scripts/a/*"}
    allowed = machine(workshop.client, workshop.name("reader"), MANAGED, may)
    path = "https://s3.ap-southeast-1.amazonaws.com/scripts/a/command.sh"
    given = {"sourceType": ["S3"], "sourceInfo": [json.dumps({"path": path})], "commandLine": ["sh command.sh"]}  # fmt: skip
    assert (
        "from-s3"
        in sent(workshop, "AWS-RunRemoteScript", allowed, **given)["StandardOutputContent"]
    )
    assert sent(workshop, "AWS-RunRemoteScript", instance, **given)["Status"] == "Failed"


def test_one_after_the_other_ends_with_the_first_that_fails(workshop):
    ssm = workshop.client("ssm")
    both = [machine(workshop.client, workshop.name("m"), MANAGED) for _ in range(2)]
    command = ssm.send_command(
        DocumentName="AWS-RunShellScript", InstanceIds=both, MaxConcurrency="1", MaxErrors="0",
        Parameters={"commands": ["exit 1"]},
    )["Command"]["CommandId"]  # fmt: skip
    found = workshop.until(
        lambda: (
            one if (one := ssm.list_commands(CommandId=command)["Commands"][0])["Status"] == "Failed" else None
        )
    )  # fmt: skip
    assert found["ErrorCount"] == 1
    listed = ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
    assert sorted(one["Status"] for one in listed) == ["Failed", "Terminated"]


def test_an_instance_whose_role_does_not_let_it_report_is_not_managed(workshop):
    silent = machine(workshop.client, workshop.name("silent"))
    with pytest.raises(ClientError) as refused:
        sent(workshop, "AWS-RunShellScript", silent, commands=["true"])
    assert refused.value.response["Error"]["Code"] == "InvalidInstanceId"


GROUP = {
    "Resources": {
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": "ami-1", "InstanceType": "t4g.micro", "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "own", "Value": "1"}]}]}}},
        "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {
            "AutoScalingGroupName": "machines", "MinSize": "2", "MaxSize": "2", "AvailabilityZones": ["ap-southeast-1a"],
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}},
            "Tags": [{"Key": "autoprovision:application", "Value": "app_9", "PropagateAtLaunch": True}],
        }},
    }
}  # fmt: skip


def group_stack(place) -> None:
    cloudformation = place.client("cloudformation")
    cloudformation.create_stack(StackName="group", TemplateBody=json.dumps(GROUP))
    place.stack_settled("group")


def instances(place) -> list[dict[str, Any]]:
    own = [{"Name": "tag:autoprovision:application", "Values": ["app_9"]}, {"Name": "instance-state-name", "Values": ["running"]}]  # fmt: skip
    answer = place.client("ec2").describe_instances(Filters=own)
    return [one for group in answer["Reservations"] for one in group["Instances"]]


def chosen(place, name: str, value: str) -> list[str]:
    answer = place.client("autoscaling").describe_auto_scaling_groups(
        Filters=[{"Name": name, "Values": [value]}]
    )
    return [one["AutoScalingGroupName"] for one in answer["AutoScalingGroups"]]


def test_a_group_has_instances_with_tags_and_suspends_what_it_does(workshop):
    group_stack(workshop)
    scaling = workshop.client("autoscaling")
    found = instances(workshop)
    assert len(found) == 2
    assert {tag["Key"] for tag in found[0]["Tags"]} >= {"own", "aws:autoscaling:groupName"}
    assert found[0]["InstanceType"] == "t4g.micro"
    scaling.suspend_processes(AutoScalingGroupName="machines", ScalingProcesses=["HealthCheck", "ReplaceUnhealthy"])  # fmt: skip
    scaling.resume_processes(AutoScalingGroupName="machines", ScalingProcesses=["HealthCheck"])
    (group,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["machines"])["AutoScalingGroups"]  # fmt: skip
    assert [one["ProcessName"] for one in group["SuspendedProcesses"]] == ["ReplaceUnhealthy"]
    assert {one["InstanceId"] for one in group["Instances"]} == {one["InstanceId"] for one in found}
    assert chosen(workshop, "tag-key", "own") == []
    assert chosen(workshop, "tag:autoprovision:application", "app_9") == ["machines"]
    assert chosen(workshop, "tag:autoprovision:application", "app_8") == []
    workshop.client("cloudformation").delete_stack(StackName="group")
    workshop.until(lambda: instances(workshop) == [] or None)


def test_ministack_as_it_comes_still_needs_these(unmended):
    """When this fails, one of the mends is no longer needed."""
    group_stack(unmended)
    assert instances(unmended) == []
    assert chosen(unmended, "tag-key", "none") == ["machines"]
    with pytest.raises(ClientError, match="InvalidAction"):
        unmended.client("ssm").start_automation_execution(DocumentName="any")
    with pytest.raises(ClientError, match="InvalidAction"):
        unmended.client("autoscaling").suspend_processes(AutoScalingGroupName="machines")
    instance = machine(unmended.client, "unmended", MANAGED)
    time.sleep(0)
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        sent(unmended, "AWS-RunShellScript", instance, commands=["true"])
