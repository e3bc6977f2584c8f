"""Functions of the embedded AWS run and are called as on Lambda."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

PROBE = """
import boto3, json, os, socket, sys

def handler(event, context):
    return {
        "environment": dict(os.environ),
        "identity": boto3.client("sts").get_caller_identity()["Arn"],
        "loopback": socket.getaddrinfo("a.b.localhost", 80)[0][4][0],
        "pydantic": __import__("importlib.util").util.find_spec("pydantic") is not None,
        "own": __import__("importlib.util").util.find_spec("autoprovision").origin,
    }
"""
SLOW = """
import time
from pathlib import Path

def handler(event, context):
    time.sleep(60)
"""
# What a function saw goes to a queue, so that a test can wait for it.
RECORD = """
import boto3, json, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
    if isinstance(event, dict) and event.get("fail"):
        raise ValueError("as asked")
    failed = [{"itemIdentifier": r["messageId"]} for r in event.get("Records", []) if r.get("body") == '{"kind": "bad"}']
    return {"batchItemFailures": failed}
"""


def package(source: str, module: str = "autoprovision.functions.probe") -> bytes:
    """A deployment package as the product's: a package in a zip."""
    buffer = io.BytesIO()
    parts = module.split(".")
    with zipfile.ZipFile(buffer, "w") as archive:
        for depth in range(1, len(parts)):
            archive.writestr("/".join([*parts[:depth], "__init__.py"]), "")
        archive.writestr("/".join(parts) + ".py", source)
    return buffer.getvalue()


def function(
    workshop: Any,
    source: str,
    *statements: dict[str, Any],
    variables: dict[str, str] | None = None,
    **more: Any,
) -> str:
    name = workshop.name("function")
    workshop.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=workshop.role("lambda", *statements),
        Handler="autoprovision.functions.probe.handler",
        Code={"ZipFile": package(source)},
        Environment={"Variables": variables or {}},
        **{"Timeout": 20, **more},
    )
    return str(
        workshop.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    )


def recorder(workshop: Any, **more: Any) -> tuple[str, str]:
    """A function that tells what it saw, and the queue where it does."""
    url, _ = workshop.queue()
    allowed = {"Effect": "Allow", "Action": ["sqs:*"], "Resource": "*"}
    return function(workshop, RECORD, allowed, variables={"SEEN": url}, **more), url


def called(workshop: Any, arn: str, event: Any = None) -> dict[str, Any]:
    answer = workshop.client("lambda").invoke(FunctionName=arn, Payload=json.dumps(event or {}))
    return {"error": answer.get("FunctionError"), **json.loads(answer["Payload"].read())}


def test_a_function_sees_its_role_its_package_and_no_more(workshop: Any):
    seen = called(workshop, function(workshop, PROBE, variables={"MINE": "1"}))
    environment = seen["environment"]
    assert ":assumed-role/role-" in seen["identity"]
    assert seen["loopback"] == "127.0.0.1"
    assert seen["pydantic"] is False
    assert seen["own"].endswith("/code/autoprovision/__init__.py")
    assert environment["MINE"] == "1"
    assert environment["AWS_ENDPOINT_URL"] == workshop.aws.endpoint_url
    assert environment["AWS_REGION"] == workshop.aws.region
    assert environment["AWS_SESSION_TOKEN"]
    assert workshop.aws.secret_access_key not in environment.values()
    assert not {"AUTH", "GATEWAY_PORT", "MINISTACK_ACCOUNT_ID", "S3_DATA_DIR"} & set(environment)
    assert environment["TMPDIR"].startswith(str(workshop.aws.data))


def test_ministack_alone_shows_a_function_the_server(unmended: Any):
    bare = PROBE.replace('"loopback"', '"x"').replace(
        'socket.getaddrinfo("a.b.localhost", 80)[0][4][0]', "1"
    )
    seen = called(unmended, function(unmended, bare))
    assert seen["pydantic"] is True
    assert "GATEWAY_PORT" in seen["environment"]


def test_a_function_that_runs_too_long_is_ended(workshop: Any):
    arn = function(workshop, SLOW, Timeout=1)
    seen = called(workshop, arn)
    assert seen["error"] == "Unhandled"
    assert "timed out after 1.00 seconds" in seen["errorMessage"]
    name = arn.rpartition(":")[2]
    assert not [
        entry
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and command_names(entry, name)
    ]


def command_names(process: Path, text: str) -> bool:
    try:
        return text.encode() in (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_reserved_concurrency_of_zero_stops_a_function(workshop: Any):
    arn = function(workshop, PROBE)
    # boto3 would try again, and again.
    session = boto3.Session(
        workshop.aws.access_key_id, workshop.aws.secret_access_key, region_name=workshop.aws.region
    )
    client = session.client(
        "lambda",
        endpoint_url=workshop.aws.endpoint_url,
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        client.invoke(FunctionName=arn)


def test_an_asynchronous_failure_is_retried_and_goes_to_its_destination(workshop: Any):
    arn, seen = recorder(workshop)
    failed, failed_arn = workshop.queue()
    client = workshop.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=arn,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": failed_arn}},
    )
    client.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"fail": true}')
    record = workshop.message(failed)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestPayload"] == {"fail": True}
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert [workshop.message(seen), workshop.message(seen)] == [{"fail": True}, {"fail": True}]


def test_a_dead_letter_queue_gets_what_failed(workshop: Any):
    dead, dead_arn = workshop.queue()
    arn, _ = recorder(workshop, DeadLetterConfig={"TargetArn": dead_arn})
    workshop.client("lambda").put_function_event_invoke_config(
        FunctionName=arn, MaximumRetryAttempts=0
    )
    workshop.client("lambda").invoke(
        FunctionName=arn, InvocationType="Event", Payload=b'{"fail": 1}'
    )
    assert workshop.message(dead) == {"fail": 1}


def test_a_queue_feeds_a_function_what_its_filter_lets_through(workshop: Any):
    arn, seen = recorder(workshop)
    url, queue_arn = workshop.queue()
    dead, dead_arn = workshop.queue()
    sqs = workshop.client("sqs")
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={
            # Longer than a cold function takes on a busy machine: else what it has not yet done is
            # received a second time, and that is once too often.
            "VisibilityTimeout": "10",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}),
        },
    )
    workshop.client("lambda").create_event_source_mapping(
        FunctionName=arn,
        EventSourceArn=queue_arn,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"kind": ["good", "bad"]}})}]},
    )
    for kind in ("other", "good", "bad"):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind}))
    bodies: list[str] = []
    while len(bodies) < 2:
        bodies += [
            json.loads(record["body"])["kind"] for record in workshop.message(seen)["Records"]
        ]
    assert sorted(bodies) == ["bad", "good"]
    assert workshop.message(dead) == {"kind": "bad"}


def test_a_bucket_tells_a_function(workshop: Any):
    arn, seen = recorder(workshop)
    bucket = workshop.name("inbox")
    s3 = workshop.client("s3")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    workshop.client("lambda").add_permission(
        FunctionName=arn,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{bucket}",
    )
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".json"}]}},
                }
            ]
        },
    )
    s3.put_object(Bucket=bucket, Key="ignored.txt", Body=b"1")
    s3.put_object(Bucket=bucket, Key="a b.json", Body=b"1")
    record = workshop.message(seen)["Records"][0]
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", "a+b.json")


def test_a_bucket_tells_eventbridge_and_a_target_gets_what_its_transformer_makes(workshop: Any):
    arn, seen = recorder(workshop)
    bucket, rule = workshop.name("inbox"), workshop.name("rule")
    s3, events = workshop.client("s3"), workshop.client("events")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    rule_arn = events.put_rule(
        Name=rule,
        EventPattern=json.dumps(
            {
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [bucket]}},
            }
        ),
    )["RuleArn"]
    workshop.client("lambda").add_permission(
        FunctionName=arn,
        StatementId="e",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )
    events.put_targets(
        Rule=rule,
        Targets=[
            {
                "Id": "f",
                "Arn": arn,
                "InputTransformer": {
                    "InputPathsMap": {"key": "$.detail.object.key"},
                    "InputTemplate": '{"key": <key>, "fixed": 1}',
                },
            }
        ],
    )
    s3.put_object(Bucket=bucket, Key="x.json", Body=b"1")
    assert workshop.message(seen) == {"key": "x.json", "fixed": 1}


def test_a_schedule_calls_its_target(workshop: Any):
    arn, seen = recorder(workshop)
    role = workshop.role(
        "scheduler", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    )
    workshop.client("scheduler").create_schedule(
        Name=workshop.name("schedule"),
        ScheduleExpression="at(2020-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role, "Input": '{"tick": 1}'},
    )
    assert workshop.message(seen) == {"tick": 1}


def test_ministack_alone_tells_every_async_failure_as_three_attempts(unmended: Any):
    arn, _ = recorder(unmended)
    failed, failed_arn = unmended.queue()
    client = unmended.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=arn,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": failed_arn}},
    )
    client.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"fail": true}')
    record = unmended.message(failed)
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorType"] == "Runtime.HandlerError"


def test_an_asynchronous_success_goes_to_its_destination(workshop: Any):
    arn, _ = recorder(workshop)
    done, done_arn = workshop.queue()
    client = workshop.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=arn, DestinationConfig={"OnSuccess": {"Destination": done_arn}}
    )
    client.invoke(FunctionName=arn, InvocationType="Event", Payload=b"{}")
    record = workshop.message(done)
    assert (record["requestContext"]["condition"], record["responsePayload"]) == (
        "Success",
        {"batchItemFailures": []},
    )


def test_a_workflow_catches_a_functions_exception_by_its_class(workshop: Any):
    arn, _ = recorder(workshop)
    role = workshop.role(
        "states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    )
    call = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": arn, "Payload": {"fail": True}},
        "Catch": [
            {"ErrorEquals": ["ValueError"], "Output": "{% $states.errorOutput %}", "Next": "Caught"}
        ],
        "End": True,
    }
    done = workshop.run(workshop.state_machine(role, {"Call": call, "Caught": {"Type": "Succeed"}}))
    assert done["status"] == "SUCCEEDED", done
    cause = json.loads(json.loads(done["output"])["Cause"])
    assert (cause["errorType"], cause["errorMessage"]) == ("ValueError", "as asked")
    assert "raise ValueError" in "".join(cause["stackTrace"])
