"""Step Functions calls services as its role, and its task tokens behave."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
CREATE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:cloudformation:createStack",
    "End": True,
}


def allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def create_stack(name: str) -> dict[str, Any]:
    return {"Create": CREATE | {"Arguments": {"StackName": name, "TemplateBody": TEMPLATE}}}


def test_a_state_creates_a_stack_and_gets_its_id(workshop: Any):
    role = workshop.role("states", allow("cloudformation:CreateStack"))
    name = workshop.name("stack")
    done = workshop.run(workshop.state_machine(role, create_stack(name)))
    assert done["status"] == "SUCCEEDED", done
    stack_id = json.loads(done["output"])["StackId"]
    assert f":stack/{name}/" in stack_id
    assert workshop.stack_settled(stack_id)["StackStatus"] == "CREATE_COMPLETE"


def test_ministack_alone_does_not_know_the_service(unmended: Any):
    role = unmended.role("states", allow("cloudformation:CreateStack"))
    done = unmended.run(unmended.state_machine(role, create_stack("a-stack")))
    assert done["status"] == "FAILED"
    assert "not supported in MiniStack" in done["cause"]


def test_a_second_stack_of_that_name_is_named_as_aws_names_it(workshop: Any):
    role = workshop.role("states", allow("cloudformation:*"))
    machine = workshop.state_machine(role, create_stack(workshop.name("stack")))
    assert workshop.run(machine)["status"] == "SUCCEEDED"
    again = workshop.run(machine)
    assert again["error"] == "CloudFormation.AlreadyExistsException"
    assert "(Service: CloudFormation, Status Code: 400, Request ID: " in again["cause"]


def test_an_error_that_the_model_does_not_know_gets_the_services_name(workshop: Any):
    role = workshop.role("states", allow("cloudformation:*"))
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudformation:describeStacks",
        "Arguments": {"StackName": "none"},
        "End": True,
    }
    done = workshop.run(workshop.state_machine(role, {"Describe": state}))
    assert done["error"] == "CloudFormation.CloudFormationException"
    assert "does not exist" in done["cause"]


def test_times_are_iso_texts_and_names_pascal_case(workshop: Any):
    role = workshop.role("states", allow("cloudformation:*"))
    name = workshop.name("stack")
    workshop.client("cloudformation").create_stack(StackName=name, TemplateBody=TEMPLATE)
    workshop.stack_settled(name)
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudformation:describeStacks",
        "Arguments": {"StackName": name},
        "Output": "{% $states.result.Stacks[0] %}",
        "End": True,
    }
    done = workshop.run(workshop.state_machine(role, {"Describe": state}))
    stack = json.loads(done["output"])
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["CreationTime"].endswith("Z")
    assert "ResponseMetadata" not in stack


@pytest.mark.parametrize(
    ("resource", "arguments", "error"),
    [
        (
            "aws-sdk:cloudformation:createStack",
            {"StackName": "x-y", "TemplateBody": TEMPLATE},
            "CloudFormation.CloudFormationException",
        ),
        (
            "aws-sdk:dynamodb:putItem",
            {"TableName": "t", "Item": {"id": {"S": "1"}}},
            "DynamoDb.DynamoDbException",
        ),
        (
            "dynamodb:putItem",
            {"TableName": "t", "Item": {"id": {"S": "1"}}},
            "DynamoDB.AmazonDynamoDBException",
        ),
        (
            "aws-sdk:sesv2:sendEmail",
            {
                "FromEmailAddress": "a@b.c",
                "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
            },
            "SesV2.SesV2Exception",
        ),
        (
            "events:putEvents",
            {"Entries": [{"Source": "s", "DetailType": "d", "Detail": {}}]},
            "EventBridge.AccessDeniedException",
        ),
        ("lambda:invoke", {"FunctionName": "none", "Payload": {}}, "Lambda.AWSLambdaException"),
        (
            "sqs:sendMessage",
            {"QueueUrl": "{% $states.input.url %}", "MessageBody": "m"},
            "SQS.AmazonSQSException",
        ),
        (
            "states:startExecution",
            {"StateMachineArn": "{% $states.input.machine %}"},
            "StepFunctions.AWSStepFunctionsException",
        ),
    ],
)
def test_what_the_role_may_not_do_is_denied(
    workshop: Any, resource: str, arguments: Any, error: str
):
    role = workshop.role("states", allow("logs:CreateLogGroup"))
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "End": True,
    }
    machine = workshop.state_machine(role, {"Call": state})
    done = workshop.run(machine, {"url": workshop.queue()[0], "machine": machine})
    assert (done["status"], done["error"]) == ("FAILED", error)
    assert "not authorized to perform" in done["cause"]


def test_ministack_alone_does_not_ask_the_role(unmended: Any):
    role = unmended.role("states", allow("logs:CreateLogGroup"))
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": "{% $states.input.url %}", "MessageBody": "m"},
        "End": True,
    }
    done = unmended.run(unmended.state_machine(role, {"Call": state}), {"url": unmended.queue()[0]})
    assert done["status"] == "SUCCEEDED"


def test_optimized_integrations_take_objects_as_text(workshop: Any):
    role = workshop.role("states", allow("sqs:SendMessage"))
    url, _ = workshop.queue()
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": url, "MessageBody": {"a": [1]}},
        "End": True,
    }
    done = workshop.run(workshop.state_machine(role, {"Send": state}))
    assert json.loads(done["output"])["MessageId"]
    assert workshop.message(url) == {"a": [1]}


def test_a_role_that_does_not_trust_step_functions_is_not_taken(workshop: Any):
    role = workshop.role("lambda", allow("cloudformation:*"))
    done = workshop.run(workshop.state_machine(role, create_stack("never")))
    assert "states.amazonaws.com" in done["cause"]


def test_a_field_that_does_not_exist_is_refused(workshop: Any):
    role = workshop.role("states", allow("cloudformation:*"))
    state = CREATE | {"Arguments": {"stackName": "x"}}
    done = workshop.run(workshop.state_machine(role, {"Create": state}))
    assert (done["error"], done["cause"]) == (
        "States.Runtime",
        'The field "stackName" is not supported by Step Functions',
    )


def waiting_state(url: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": url,
            "MessageBody": {"token": "{% $states.context.Task.Token %}"},
        },
        "End": True,
        **more,
    }


def test_sdk_calls_can_wait_for_a_token(workshop: Any):
    table = workshop.name("table")
    workshop.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    role = workshop.role("states", allow("dynamodb:PutItem"))
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken",
        "Arguments": {
            "TableName": table,
            "Item": {"id": {"S": "1"}, "token": {"S": "{% $states.context.Task.Token %}"}},
        },
        "End": True,
    }
    execution = workshop.start(workshop.state_machine(role, {"Wait": state}))
    get = workshop.client("dynamodb").get_item
    item = workshop.until(lambda: get(TableName=table, Key={"id": {"S": "1"}}).get("Item"))
    workshop.client("stepfunctions").send_task_success(
        taskToken=item["token"]["S"], output='{"ok": 1}'
    )
    assert json.loads(workshop.finished(execution)["output"]) == {"ok": 1}


def test_the_first_answer_to_a_token_wins(workshop: Any):
    url, _ = workshop.queue()
    states = workshop.client("stepfunctions")
    execution = workshop.start(
        workshop.state_machine(
            workshop.role("states", allow("sqs:SendMessage")), {"Wait": waiting_state(url)}
        )
    )
    token = workshop.message(url)["token"]
    states.send_task_success(taskToken=token, output='"first"')
    with pytest.raises(ClientError) as refused:
        states.send_task_success(taskToken=token, output='"second"')
    assert refused.value.response["Error"]["Code"] == "TaskTimedOut"
    assert workshop.finished(execution)["output"] == '"first"'


def test_unknown_tokens_and_bad_outputs_are_refused(workshop: Any):
    url, _ = workshop.queue()
    states = workshop.client("stepfunctions")
    with pytest.raises(states.exceptions.InvalidToken):
        states.send_task_success(taskToken="none", output="1")
    execution = workshop.start(
        workshop.state_machine(
            workshop.role("states", allow("sqs:SendMessage")), {"Wait": waiting_state(url)}
        )
    )
    token = workshop.message(url)["token"]
    with pytest.raises(states.exceptions.InvalidOutput):
        states.send_task_success(taskToken=token, output="{not json")
    states.stop_execution(executionArn=execution)
    assert workshop.finished(execution)["status"] == "ABORTED"
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_heartbeat(taskToken=token)


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        ({"TimeoutSeconds": 1}, "States.Timeout"),
        ({"TimeoutSeconds": "{% $states.input.limit %}"}, "States.Timeout"),
        ({"TimeoutSeconds": 60, "HeartbeatSeconds": 1}, "States.HeartbeatTimeout"),
    ],
)
def test_a_wait_ends_at_its_limit(workshop: Any, limit: Any, error: str):
    url, _ = workshop.queue()
    machine = workshop.state_machine(
        workshop.role("states", allow("sqs:SendMessage")), {"Wait": waiting_state(url, **limit)}
    )
    assert workshop.run(machine, {"limit": 1})["error"] == error


def test_a_heartbeat_prolongs_the_wait_and_a_retry_has_a_new_token(workshop: Any):
    url, _ = workshop.queue()
    states = workshop.client("stepfunctions")
    retry = [{"ErrorEquals": ["Again"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    state = waiting_state(url, TimeoutSeconds=30, HeartbeatSeconds=15, Retry=retry)
    execution = workshop.start(
        workshop.state_machine(workshop.role("states", allow("sqs:SendMessage")), {"Wait": state})
    )
    first = workshop.message(url)["token"]
    states.send_task_heartbeat(taskToken=first)
    states.send_task_failure(taskToken=first, error="Again", cause="try")
    second = workshop.message(url)["token"]
    assert second != first
    states.send_task_success(taskToken=second, output="2")
    assert workshop.finished(execution)["output"] == "2"


def test_ministack_alone_ignores_heartbeats(unmended: Any):
    url, _ = unmended.queue()
    state = waiting_state(url, TimeoutSeconds=2, HeartbeatSeconds=1)
    machine = unmended.state_machine(
        unmended.role("states", allow("sqs:SendMessage")), {"Wait": state}
    )
    assert unmended.run(machine)["error"] == "States.Timeout"


def parallel(workshop: Any, url: str, first: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A Parallel of which one branch fails while the other is in `first`, after which it would send."""
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": url, "MessageBody": {"late": 1}},
        "End": True,
    }
    branches = [
        {"StartAt": "First", "States": {"First": {**first, "Next": "Send"}, "Send": send}},
        {"StartAt": "Boom", "States": {"Boom": {"Type": "Fail", "Error": "Boom"}}},
    ]
    both = {
        "Type": "Parallel",
        "Branches": branches,
        "Catch": [{"ErrorEquals": ["Boom"], "Next": "Caught"}],
        "End": True,
    }
    machine = workshop.state_machine(
        workshop.role("states", allow("sqs:SendMessage")),
        {"Both": both, "Caught": {"Type": "Succeed"}},
    )
    return workshop.run(machine), url


@pytest.mark.parametrize("kind", ["wait", "token"])
def test_a_failed_branch_stops_its_siblings(workshop: Any, kind: str):
    url, _ = workshop.queue()
    other, _ = workshop.queue()
    first = (
        {"Type": "Wait", "Seconds": 3600}
        if kind == "wait"
        else {k: v for k, v in waiting_state(other).items() if k != "End"}
    )
    done, url = parallel(workshop, url, first)
    assert done["status"] == "SUCCEEDED"
    assert "Messages" not in workshop.client("sqs").receive_message(QueueUrl=url)


def test_ministack_alone_lets_siblings_run_on(unmended: Any):
    url, _ = unmended.queue()
    parallel(unmended, url, {"Type": "Wait", "Seconds": 1})
    assert unmended.message(url) == {"late": 1}


def test_a_parallel_takes_jsonata_and_keeps_branches_apart(workshop: Any):
    url, _ = workshop.queue()
    wait = waiting_state(url)
    wait["Arguments"] = {
        "QueueUrl": url,
        "MessageBody": {"token": "{% $states.context.Task.Token %}", "x": "{% $states.input.x %}"},
    }
    branches = [{"StartAt": "W", "States": {"W": wait}}, {"StartAt": "W", "States": {"W": wait}}]
    both = {
        "Type": "Parallel",
        "Arguments": {"x": "{% $states.input.v %}"},
        "Branches": branches,
        "Output": "{% $sum($states.result) %}",
        "Assign": {"count": "{% $count($states.result) %}"},
        "Next": "End",
    }
    end = {"Type": "Pass", "Output": "{% [$states.input, $count] %}", "End": True}
    execution = workshop.start(
        workshop.state_machine(
            workshop.role("states", allow("sqs:SendMessage")), {"Both": both, "End": end}
        ),
        {"v": 7},
    )
    messages = [workshop.message(url), workshop.message(url)]
    assert messages[0]["token"] != messages[1]["token"]
    for message in messages:
        workshop.client("stepfunctions").send_task_success(
            taskToken=message["token"], output=str(message["x"])
        )
    assert json.loads(workshop.finished(execution)["output"]) == [14, 2]


def test_a_state_machine_that_takes_too_long_times_out(workshop: Any):
    definition = {
        "StartAt": "Wait",
        "TimeoutSeconds": 1,
        "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}},
    }
    machine = workshop.client("stepfunctions").create_state_machine(
        name=workshop.name("machine"),
        roleArn=workshop.role("states"),
        definition=json.dumps(definition),
    )["stateMachineArn"]
    assert workshop.run(machine)["status"] == "TIMED_OUT"
