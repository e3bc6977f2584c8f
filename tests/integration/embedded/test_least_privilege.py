"""Policies that name their resources suffice, and only for these."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

REGION_ACCOUNT = "ap-southeast-1:123456789012"
CALLS = [
    # service, operation, parameters, action, the resource a policy names
    (
        "cloudformation",
        "create_stack",
        {
            "StackName": "app-1",
            "TemplateBody": json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}),
        },
        "cloudformation:CreateStack",
        f"arn:aws:cloudformation:{REGION_ACCOUNT}:stack/app-*/*",
    ),
    (
        "cloudformation",
        "describe_stacks",
        {"StackName": "app-1"},
        "cloudformation:DescribeStacks",
        f"arn:aws:cloudformation:{REGION_ACCOUNT}:stack/app-*/*",
    ),
    (
        "sesv2",
        "send_email",
        {
            "FromEmailAddress": "Me <me@named.example>",
            "Destination": {"ToAddresses": ["a@b.c"]},
            "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        },
        "ses:SendEmail",
        f"arn:aws:ses:{REGION_ACCOUNT}:identity/named.example",
    ),
    (
        "secretsmanager",
        "create_secret",
        {"Name": "app/secret", "SecretString": "s"},
        "secretsmanager:CreateSecret",
        f"arn:aws:secretsmanager:{REGION_ACCOUNT}:secret:app/*",
    ),
    (
        "secretsmanager",
        "get_secret_value",
        {"SecretId": "app/secret"},
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{REGION_ACCOUNT}:secret:app/secret-*",
    ),
    (
        "dynamodb",
        "get_item",
        {"TableName": "named", "Key": {"id": {"S": "1"}}},
        "dynamodb:GetItem",
        f"arn:aws:dynamodb:{REGION_ACCOUNT}:table/named",
    ),
    (
        "dynamodb",
        "query",
        {
            "TableName": "named",
            "IndexName": "by-owner",
            "KeyConditionExpression": "o = :o",
            "ExpressionAttributeValues": {":o": {"S": "1"}},
        },
        "dynamodb:Query",
        f"arn:aws:dynamodb:{REGION_ACCOUNT}:table/named/index/by-owner",
    ),
    (
        "scheduler",
        "create_schedule",
        {
            "Name": "one",
            "GroupName": "default",
            "ScheduleExpression": "at(2999-01-01T00:00:00)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": f"arn:aws:sqs:{REGION_ACCOUNT}:q",
                "RoleArn": "arn:aws:iam::123456789012:role/scheduler-role",
            },
        },
        "scheduler:CreateSchedule",
        f"arn:aws:scheduler:{REGION_ACCOUNT}:schedule/default/one",
    ),
    (
        "ssm",
        "get_parameters",
        {"Names": ["/app/name"]},
        "ssm:GetParameters",
        f"arn:aws:ssm:{REGION_ACCOUNT}:parameter/app/name",
    ),
    (
        "ssm",
        "get_parameters_by_path",
        {"Path": "/app"},
        "ssm:GetParametersByPath",
        f"arn:aws:ssm:{REGION_ACCOUNT}:parameter/app",
    ),
    (
        "events",
        "put_rule",
        {"Name": "mine", "EventPattern": '{"source": ["x"]}'},
        "events:PutRule",
        f"arn:aws:events:{REGION_ACCOUNT}:rule/mine",
    ),
    (
        "events",
        "put_events",
        {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]},
        "events:PutEvents",
        f"arn:aws:events:{REGION_ACCOUNT}:event-bus/default",
    ),
    (
        "s3",
        "put_object",
        {"Bucket": "named-bucket", "Key": "in/a", "Body": b"1"},
        "s3:PutObject",
        "arn:aws:s3:::named-bucket/in/*",
    ),
    (
        "sqs",
        "get_queue_url",
        {"QueueName": "named"},
        "sqs:GetQueueUrl",
        f"arn:aws:sqs:{REGION_ACCOUNT}:named",
    ),
    (
        "codebuild",
        "start_build",
        {"projectName": "named"},
        "codebuild:StartBuild",
        f"arn:aws:codebuild:{REGION_ACCOUNT}:project/named",
    ),
    (
        "codebuild",
        "list_builds_for_project",
        {"projectName": "named"},
        "codebuild:ListBuildsForProject",
        f"arn:aws:codebuild:{REGION_ACCOUNT}:project/named",
    ),
    (
        "ecs",
        "describe_services",
        {"cluster": "named", "services": ["one"]},
        "ecs:DescribeServices",
        f"arn:aws:ecs:{REGION_ACCOUNT}:service/named/one",
    ),
    (
        "ecs",
        "update_service",
        {"cluster": "named", "service": "one", "desiredCount": 0},
        "ecs:UpdateService",
        f"arn:aws:ecs:{REGION_ACCOUNT}:service/named/one",
    ),
    (
        "ecs",
        "describe_tasks",
        {"cluster": "named", "tasks": ["0001"]},
        "ecs:DescribeTasks",
        f"arn:aws:ecs:{REGION_ACCOUNT}:task/named/*",
    ),
    (
        "ecs",
        "register_task_definition",
        {"family": "named", "containerDefinitions": [{"name": "app", "image": "i"}]},
        "ecs:RegisterTaskDefinition",
        f"arn:aws:ecs:{REGION_ACCOUNT}:task-definition/named:*",
    ),
]


@pytest.fixture(scope="module")
def furnished(workshop: Any) -> Any:
    """What the calls need to be there, and one role whose policy each call replaces."""
    workshop.client("sesv2").create_email_identity(EmailIdentity="named.example")
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    index = [
        {
            "IndexName": "by-owner",
            "KeySchema": [{"AttributeName": "o", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    kinds = [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "o")]
    workshop.client("dynamodb").create_table(
        TableName="named",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=keys,
        AttributeDefinitions=kinds,
        GlobalSecondaryIndexes=index,
    )
    workshop.client("s3").create_bucket(
        Bucket="named-bucket", CreateBucketConfiguration={"LocationConstraint": workshop.aws.region}
    )
    workshop.client("sqs").create_queue(QueueName="named")
    ecs = workshop.client("ecs")
    ecs.create_cluster(clusterName="named")
    ecs.register_task_definition(
        family="named", containerDefinitions=[{"name": "app", "image": "i"}]
    )
    ecs.create_service(cluster="named", serviceName="one", taskDefinition="named", desiredCount=0)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "scheduler.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = workshop.client("iam").create_role(
        RoleName="scheduler-role", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    workshop.client("codebuild").create_project(
        name="named",
        source={
            "type": "NO_SOURCE",
            "buildspec": "version: 0.2\nphases: {build: {commands: [true]}}",
        },
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "x",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role,
    )
    return workshop


def as_user(workshop: Any, *statements: dict[str, Any]) -> boto3.Session:
    iam, name = workshop.client("iam"), workshop.name("user")
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], region_name=workshop.aws.region
    )


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "action", "resource"),
    CALLS,
    ids=[f"{call[0]}-{call[1]}" for call in CALLS],
)
def test_a_policy_for_the_named_resource_suffices(
    furnished: Any, service: str, operation: str, parameters: Any, action: str, resource: str
):
    elsewhere = as_user(furnished, allow(action, f"{resource.rpartition(':')[0]}:elsewhere"))
    with pytest.raises(ClientError) as denied:
        getattr(elsewhere.client(service, endpoint_url=furnished.aws.endpoint_url), operation)(
            **parameters
        )
    assert "AccessDenied" in denied.value.response["Error"]["Code"]
    allowed = as_user(furnished, allow(action, resource), allow("iam:PassRole", "*"))
    getattr(allowed.client(service, endpoint_url=furnished.aws.endpoint_url), operation)(
        **parameters
    )


def test_a_token_is_answered_with_a_policy_for_its_state_machine(workshop: Any):
    url, _ = workshop.queue()
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {
            "QueueUrl": url,
            "MessageBody": {"token": "{% $states.context.Task.Token %}"},
        },
        "End": True,
    }
    machine = workshop.state_machine(
        workshop.role("states", allow("sqs:SendMessage", "*")), {"Wait": state}
    )
    execution = workshop.start(machine)
    token = workshop.message(url)["token"]
    for resource, may in (("arn:aws:states:*:*:stateMachine:another", False), (machine, True)):
        states = as_user(workshop, allow("states:SendTaskSuccess", resource)).client(
            "stepfunctions", endpoint_url=workshop.aws.endpoint_url
        )
        if may:
            states.send_task_success(taskToken=token, output="1")
        else:
            with pytest.raises(ClientError, match="AccessDenied"):
                states.send_task_success(taskToken=token, output="1")
    assert workshop.finished(execution)["output"] == "1"


def test_ministack_alone_knows_a_service_by_its_cluster(unmended: Any):
    ecs = unmended.client("ecs")
    ecs.create_cluster(clusterName="named")
    _, _, parameters, action, resource = next(call for call in CALLS if call[1] == "update_service")
    user = as_user(unmended, allow(action, resource))
    with pytest.raises(ClientError, match="AccessDenied"):
        user.client("ecs", endpoint_url=unmended.aws.endpoint_url).update_service(**parameters)


def test_ministack_alone_does_not_know_an_identity(unmended: Any):
    unmended.client("sesv2").create_email_identity(EmailIdentity="named.example")
    _, _, parameters, action, resource = next(call for call in CALLS if call[1] == "send_email")
    user = as_user(unmended, allow(action, resource))
    with pytest.raises(ClientError, match="AccessDenied"):
        user.client("sesv2", endpoint_url=unmended.aws.endpoint_url).send_email(**parameters)
