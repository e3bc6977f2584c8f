"""The ports Workflows, Waits, Stacks, Builds and UrlProbe."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.contract.conftest import Store
from tests.kit.records import at, request_id

from autoprovision.aws.cloudformation import CloudFormationStacks
from autoprovision.aws.codebuild import CodeBuildBuilds
from autoprovision.aws.http_probe import HttpProbe
from autoprovision.aws.step_functions import StepFunctions
from autoprovision.aws.waits_table import WaitsTable
from autoprovision.domain.build import Build, BuildStatus
from autoprovision.memory.builds import MemoryBuilds
from autoprovision.memory.workflow import MemoryWaits, MemoryWorkflows
from autoprovision.ports import Builds, Waits, Workflows

PATIENCE = 20.0


@pytest.fixture
def waits(store: Store) -> Waits:
    return MemoryWaits() if store.is_memory else WaitsTable(*store.table("Waits"))


def test_a_new_token_replaces_the_old_one(waits: Waits) -> None:
    assert waits.get("stack") is None
    waits.put("stack", "one", request_id=request_id(1), purpose="CREATE", at=at())
    assert waits.get("stack") == ("one", "CREATE")
    waits.put("stack", "two", request_id=request_id(1), purpose="DELETE", at=at())
    waits.remove("stack", "one")
    assert waits.get("stack") == ("two", "DELETE")
    assert waits.of_request(request_id(1), "stack") == "two"
    assert waits.of_request(request_id(2), "stack") is None
    waits.remove("stack", "two")
    waits.remove("stack", "two")
    assert waits.get("stack") is None
    assert waits.of_request(request_id(1), "stack") is None


def test_a_token_that_arrives_late_does_not_replace_a_newer_one(waits: Waits) -> None:
    waits.put("stack", "new", request_id=request_id(1), purpose="CREATE", at=at(5))
    waits.put("stack", "old", request_id=request_id(1), purpose="CREATE", at=at(4))
    assert waits.get("stack") == ("new", "CREATE")
    waits.put("stack", "newer", request_id=request_id(1), purpose="CREATE", at=at(5))
    assert waits.get("stack") == ("newer", "CREATE")


def _machine(store: Store) -> str:
    """A workflow that hands its token to a queue and waits."""
    sqs, states, iam = store.client("sqs"), store.client("stepfunctions"), store.client("iam")
    queue = sqs.create_queue(QueueName=store.prefix)["QueueUrl"]
    message = {"token": "{% $states.context.Task.Token %}", "input": "{% $states.input %}"}
    ask = {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": message}, "End": True,
    }  # fmt: skip
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]}  # fmt: skip
    role = iam.create_role(RoleName=store.prefix, AssumeRolePolicyDocument=json.dumps(trust))[
        "Role"
    ]
    allowed = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    ]}  # fmt: skip
    iam.put_role_policy(RoleName=store.prefix, PolicyName="p", PolicyDocument=json.dumps(allowed))
    definition = {"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": ask}}
    made = states.create_state_machine(
        name=store.prefix, definition=json.dumps(definition), roleArn=role["Arn"]
    )
    return str(made["stateMachineArn"])


@pytest.fixture
def workflows(store: Store) -> Workflows:
    if store.is_memory:
        fake = MemoryWorkflows(store.outside)
        fake.given_out = set()
        return fake
    machine = _machine(store)
    return StepFunctions(
        store.client("stepfunctions"),
        machines={"provision": machine, "update": machine, "terminate": machine},
    )


def test_an_execution_begins_once(workflows: Workflows) -> None:
    assert workflows.state("provision", request_id(1)) is None
    for _ in range(2):
        workflows.start("provision", request_id(1))
    assert workflows.state("provision", request_id(1)) == "RUNNING"
    assert workflows.state("provision", request_id(1), execution=1) is None
    workflows.start("provision", request_id(1), execution=1)
    assert workflows.state("provision", request_id(1), execution=1) == "RUNNING"


def test_a_token_that_was_never_given_out_is_dead(workflows: Workflows) -> None:
    assert not workflows.answer("no-such-token", {})
    assert not workflows.fail("no-such-token", "Error", "cause")


def test_a_token_is_answered_once(on_aws: Store) -> None:
    machine = _machine(on_aws)
    workflows = StepFunctions(
        on_aws.client("stepfunctions"),
        machines={"provision": machine, "update": machine, "terminate": machine},
    )
    for number, deed in ((1, "answer"), (2, "fail")):
        workflows.start("provision", request_id(number), execution=number - 1)
        token, given = _received(on_aws)
        expected = {"requestId": request_id(number)}
        assert given == (expected if number == 1 else {**expected, "resume": "compensate"})
        if deed == "answer":
            assert workflows.answer(token, {"status": "APPROVED"})
        else:
            assert workflows.fail(token, "E" * 300, "c" * 40_000)
        assert not workflows.answer(token, {})
        ended = _until(
            lambda n=number: (  # type: ignore[misc]
                state := workflows.state("provision", request_id(n), execution=n - 1)
            ) != "RUNNING" and state
        )  # fmt: skip
        assert ended == ("SUCCEEDED" if deed == "answer" else "FAILED")


def _received(store: Store) -> tuple[str, Any]:
    sqs = store.client("sqs")
    queue = sqs.get_queue_url(QueueName=store.prefix)["QueueUrl"]
    found = _until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    body = json.loads(found[0]["Body"])
    return body["token"], body["input"]


def _until(look: Any) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def test_stacks_are_read_as_they_are(on_aws: Store) -> None:
    cloudformation = on_aws.client("cloudformation")
    stacks = CloudFormationStacks(cloudformation)
    name = f"{on_aws.prefix}-good"
    assert stacks.find(name) is None
    template = {
        "Parameters": {"Color": {"Type": "String"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}},
    }
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "Color", "ParameterValue": "red"}],
        Tags=[{"Key": "autoprovision:application", "Value": "app_1"}],
    )  # fmt: skip
    stack = _until(
        lambda: (found := stacks.find(name)) and found.status == "CREATE_COMPLETE" and found
    )
    assert stack.tags == {"autoprovision:application": "app_1"}
    assert stack.parameters == {"Color": "red"}
    assert stack.outputs["Arn"].startswith("arn:aws:sns:")
    assert [one.logical_id for one in stacks.resources(stack.id)] == ["Topic"]
    assert stack.id in {one.id for one in stacks.ours()}
    assert stacks.failures(stack.id) == []
    cloudformation.delete_stack(StackName=name)
    _until(lambda: stacks.find(name) is None)
    gone = stacks.find(stack.id)
    assert gone is not None
    assert gone.status == "DELETE_COMPLETE"
    assert stack.id not in {one.id for one in stacks.ours()}


def test_the_first_failure_is_named(on_aws: Store) -> None:
    cloudformation = on_aws.client("cloudformation")
    stacks = CloudFormationStacks(cloudformation)
    name = f"{on_aws.prefix}-bad"
    template = {"Resources": {
        "Fine": {"Type": "AWS::SNS::Topic"},
        "Broken": {"Type": "AWS::SQS::Queue", "DependsOn": "Fine", "Properties": {"VisibilityTimeout": 999999}},
    }}  # fmt: skip
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), DisableValidation=True
    )
    stack = _until(
        lambda: (found := stacks.find(name)) and found.status.startswith("ROLLBACK_C") and found
    )
    failures = stacks.failures(stack.id)
    assert [one.logical_id for one in failures] == ["Broken"]
    assert failures[0].reason
    assert stacks.failures("arn:aws:cloudformation:eu-west-1:123456789012:stack/none/1") == []


class _Events:
    """CloudFormation's answer to a paginator, newest first."""

    def __init__(self, *events: tuple[str, str, str]) -> None:
        self._events = [
            {
                "StackId": "arn:s", "PhysicalResourceId": "arn:s" if name == "stack" else name,
                "LogicalResourceId": name, "ResourceStatus": status, "ResourceStatusReason": reason,
            }
            for name, status, reason in reversed(events)
        ]  # fmt: skip

    def get_paginator(self, _: str) -> "_Events":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"StackEvents": self._events[:2]}, {"StackEvents": self._events[2:]}]


def test_failures_are_of_the_last_operation_and_without_the_cancelled() -> None:
    events = _Events(
        ("stack", "CREATE_IN_PROGRESS", ""), ("Old", "CREATE_FAILED", "long ago"),
        ("stack", "UPDATE_IN_PROGRESS", ""), ("First", "UPDATE_FAILED", "no room"),
        ("Other", "UPDATE_FAILED", "Resource update cancelled"),
        ("Second", "CREATE_FAILED", "neither"), ("stack", "UPDATE_ROLLBACK_COMPLETE", ""),
    )  # fmt: skip
    found = CloudFormationStacks(events).failures("arn:s")
    assert [(one.logical_id, one.reason) for one in found] == [
        ("First", "no room"),
        ("Second", "neither"),
    ]


def test_a_build_is_found_and_may_be_stopped_twice(store: Store) -> None:
    project = f"{store.prefix}-p"
    builds, started = _a_build(store, project)
    found = builds.find(started)
    assert found is not None
    assert (found.id, found.request_id) == (started, "req_1")
    assert builds.of_request("req_1") == started
    assert builds.of_request("req_2") is None
    assert isinstance(builds.log_tail(started, lines=5), list)
    for _ in range(2):
        builds.stop(started)
    ended = builds.find(started)
    assert ended is not None
    assert ended.is_over
    assert builds.log_tail(f"{project}:none", lines=5) == []
    assert builds.find(f"{project}:none") is None


def _a_build(store: Store, project: str) -> tuple[Builds, str]:
    if store.is_memory:
        memory = MemoryBuilds(store.outside)
        memory.known[f"{project}:1"] = Build(
            id=f"{project}:1", status=BuildStatus.IN_PROGRESS, request_id="req_1"
        )
        return memory, f"{project}:1"
    codebuild = store.client("codebuild")
    codebuild.create_project(
        name=project, source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        artifacts={"type": "NO_ARTIFACTS"}, serviceRole="arn:aws:iam::123456789012:role/x",
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    )  # fmt: skip
    variables = [{"name": "REQUEST_ID", "value": "req_1"}]
    answer = codebuild.start_build(projectName=project, environmentVariablesOverride=variables)
    builds = CodeBuildBuilds(codebuild, store.client("logs"), project=project)
    return builds, answer["build"]["id"]


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, location = {
            "/": (200, None), "/same": (302, "/"), "/away": (301, "http://example.invalid/"),
            "/loop": (302, "/loop"), "/missing": (404, None), "/broken": (503, None),
        }[self.path]  # fmt: skip
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_probe_tells_what_is_wrong(site: str) -> None:
    probe = HttpProbe()
    for path in ("/", "/same", "/away"):
        assert probe.check(site + path) is None
    assert probe.check(site + "/missing") == f"{site}/missing answers 404."
    assert probe.check(site + "/broken") == f"{site}/broken answers 503."
    assert "redirects without end" in (probe.check(site + "/loop") or "")
    assert "does not answer" in (probe.check("http://127.0.0.1:1/") or "")
    assert "no web address" in (probe.check("file:///etc/passwd") or "")


def test_a_deleted_stack_tells_what_it_left(on_aws: Store) -> None:
    client, name = on_aws.client("cloudformation"), f"ap-{on_aws.prefix}-left"
    queue = {"Type": "AWS::SQS::Queue"}
    body = {"Resources": {"Goes": queue, "Stays": {**queue, "DeletionPolicy": "Retain"}}}
    stack_id = client.create_stack(StackName=name, TemplateBody=json.dumps(body))["StackId"]
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    port = CloudFormationStacks(client)
    assert port.ended(stack_id) == []
    stays = {one.logical_id: one.physical_id for one in port.resources(stack_id)}["Stays"]
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=stack_id, WaiterConfig={"Delay": 1})
    ended = {one.logical_id: (one.status, one.physical_id) for one in port.ended(stack_id)}
    assert ended["Stays"] == ("DELETE_SKIPPED", stays)
    assert ended["Goes"][0] == "DELETE_COMPLETE"
    assert port.ended("arn:aws:cloudformation:ap-southeast-1:1:stack/none/1") == []
