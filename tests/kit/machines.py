"""Instances of an embedded EC2 that Systems Manager manages, and documents of runbooks."""

import json
from collections.abc import Callable
from typing import Any

TRUSTED = {"ec2": "ec2.amazonaws.com", "ssm": "ssm.amazonaws.com"}
MANAGED = {"Effect": "Allow", "Action": "ssm:UpdateInstanceInformation", "Resource": "*"}


def role(client: Callable[[str], Any], name: str, service: str, *statements: dict[str, Any]) -> str:
    """A role that a service may assume, allowed what the statements say."""
    iam = client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": TRUSTED[service]},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return str(arn)


def machine(
    client: Callable[[str], Any], name: str, *statements: dict[str, Any], **tags: str
) -> str:
    """An instance with a role of its own, by its id."""
    iam, ec2 = client("iam"), client("ec2")
    role(client, name, "ec2", *statements)
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    started = ec2.run_instances(
        ImageId="ami-1", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": name}
    )
    instance = str(started["Instances"][0]["InstanceId"])
    if tags:
        ec2.create_tags(
            Resources=[instance],
            Tags=[{"Key": f"autoprovision:{key}", "Value": value} for key, value in tags.items()],
        )
    return instance


def runbook(client: Callable[[str], Any], name: str, content: dict[str, Any]) -> str:
    """A document, made by CloudFormation as the platform's are."""
    cloudformation = client("cloudformation")
    resource = {
        "Type": "AWS::SSM::Document",
        "Properties": {
            "Name": name, "DocumentType": "Automation", "UpdateMethod": "NewVersion",
            "Content": content,
        },
    }  # fmt: skip
    template = json.dumps({"Resources": {"Runbook": resource}})
    cloudformation.create_stack(StackName=f"s-{name}", TemplateBody=template)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=f"s-{name}", WaiterConfig={"Delay": 1}
    )
    return name
