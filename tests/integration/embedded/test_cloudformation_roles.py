"""A stack's role is what CloudFormation may do."""

import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from autoprovision.deployer.needs.table import NEEDS

TYPE = re.compile(r"Type: (AWS::\w+::\w+)")

BUCKET = json.dumps(
    {
        "Resources": {
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
            }
        }
    }
)


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def settled(workshop: Any, role: str, template: str = BUCKET) -> tuple[str, str, str]:
    cloudformation = workshop.client("cloudformation")
    stack = cloudformation.create_stack(
        StackName=workshop.name("app"), TemplateBody=template, RoleARN=role
    )["StackId"]
    status = workshop.stack_settled(stack)["StackStatus"]
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return stack, status, " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_a_role_with_what_the_template_needs_makes_and_deletes_it(workshop: Any):
    role = workshop.role(
        "cloudformation",
        allow(
            "s3:CreateBucket",
            "s3:PutBucketVersioning",
            "s3:DeleteBucket",
            resource="arn:aws:s3:::app-*",
        ),
    )
    stack, status, reasons = settled(workshop, role)
    assert status == "CREATE_COMPLETE", reasons
    workshop.client("cloudformation").delete_stack(StackName=stack)
    assert workshop.stack_settled(stack)["StackStatus"] == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("granted", "missing"),
    [("s3:PutBucketVersioning", "s3:CreateBucket"), ("s3:CreateBucket", "s3:PutBucketVersioning")],
)
def test_what_the_role_lacks_fails_the_stack(workshop: Any, granted: str, missing: str):
    _, status, reasons = settled(workshop, workshop.role("cloudformation", allow(granted)))
    assert status == "ROLLBACK_COMPLETE"
    assert "assumed-role/role-" in reasons
    assert (
        f"/AWSCloudFormation is not authorized to perform: {missing} on resource: arn:aws:s3:::app-"
        in reasons
    )


def test_a_role_that_may_not_delete_leaves_the_stack_behind(workshop: Any):
    stack, status, _ = settled(
        workshop,
        workshop.role("cloudformation", allow("s3:CreateBucket", "s3:PutBucketVersioning")),
    )
    assert status == "CREATE_COMPLETE"
    workshop.client("cloudformation").delete_stack(StackName=stack)
    assert workshop.stack_settled(stack)["StackStatus"] == "DELETE_FAILED"


def test_a_role_that_does_not_trust_cloudformation_is_refused(workshop: Any):
    with pytest.raises(ClientError, match="invalid or cannot be assumed"):
        settled(workshop, workshop.role("lambda", allow("s3:*")))


def as_user(workshop: Any, *statements: dict[str, Any]) -> Any:
    iam, name = workshop.client("iam"), workshop.name("user")
    iam.create_user(UserName=name)
    iam.put_user_policy(
        UserName=name,
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    session = boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], region_name=workshop.aws.region
    )
    return session.client("cloudformation", endpoint_url=workshop.aws.endpoint_url)


def test_passing_a_role_needs_permission(workshop: Any):
    role = workshop.role("cloudformation", allow("s3:*"))
    passed = {
        **allow("iam:PassRole", resource=role),
        "Condition": {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
    }
    with pytest.raises(ClientError, match="iam:PassRole"):
        as_user(workshop, allow("cloudformation:CreateStack")).create_stack(
            StackName=workshop.name("app"), TemplateBody=BUCKET, RoleARN=role
        )
    as_user(workshop, allow("cloudformation:CreateStack"), passed).create_stack(
        StackName=workshop.name("app"), TemplateBody=BUCKET, RoleARN=role
    )


def test_a_policy_can_ask_for_a_role(workshop: Any):
    role = workshop.role("cloudformation", allow("s3:*"))
    asked = {
        **allow("cloudformation:CreateStack"),
        "Condition": {"ArnLike": {"cloudformation:RoleArn": role}},
    }
    user = as_user(workshop, asked, allow("iam:PassRole"))
    with pytest.raises(ClientError, match="AccessDenied"):
        user.create_stack(StackName=workshop.name("app"), TemplateBody=BUCKET)
    user.create_stack(StackName=workshop.name("app"), TemplateBody=BUCKET, RoleARN=role)


def test_ministack_alone_ignores_the_role(unmended: Any):
    _, status, _ = settled(unmended, unmended.role("lambda"))
    assert status == "CREATE_COMPLETE"


FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "FunctionName": "app-passed",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Code": {"ZipFile": "def handler(e, c): pass"},
    },
}


@pytest.mark.parametrize("service", ["lambda", "ec2"])
def test_a_role_may_be_passed_to_its_service_only(workshop: Any, service: str):
    passed = workshop.role("lambda")
    pass_it = {
        **allow("iam:PassRole", resource=passed),
        "Condition": {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}},
    }
    make = allow("lambda:CreateFunction", "lambda:DeleteFunction")
    function = {**FUNCTION, "Properties": {**FUNCTION["Properties"], "Role": passed}}
    template = json.dumps({"Resources": {"Function": function}})
    role = workshop.role("cloudformation", make, pass_it)
    stack, status, reasons = settled(workshop, role, template)
    if service == "lambda":
        assert status == "CREATE_COMPLETE", reasons
        workshop.client("cloudformation").delete_stack(StackName=stack)
        assert workshop.stack_settled(stack)["StackStatus"] == "DELETE_COMPLETE"
    else:
        assert status == "ROLLBACK_COMPLETE"
        assert f"iam:PassRole on resource: {passed}" in reasons


def test_the_parts_of_an_api_are_checked_below_it(workshop: Any):
    template = json.dumps(
        {
            "Resources": {
                "Api": {
                    "Type": "AWS::ApiGatewayV2::Api",
                    "Properties": {"Name": "a", "ProtocolType": "HTTP"},
                },
                "Stage": {
                    "Type": "AWS::ApiGatewayV2::Stage",
                    "Properties": {"ApiId": {"Ref": "Api"}, "StageName": "s", "Tags": {"a": "b"}},
                },
            }
        }
    )
    apis = "arn:aws:apigateway:ap-southeast-1::/apis"
    verbs = ("apigateway:POST", "apigateway:DELETE")
    role = workshop.role("cloudformation", allow(*verbs, resource=f"{apis}*"))
    _, status, reasons = settled(workshop, role, template)
    assert status == "ROLLBACK_COMPLETE"
    assert "apigateway:TagResource" in reasons
    tagging = allow(*verbs, "apigateway:TagResource", resource=f"{apis}*")
    stack, status, reasons = settled(workshop, workshop.role("cloudformation", tagging), template)
    assert status == "CREATE_COMPLETE", reasons
    workshop.client("cloudformation").delete_stack(StackName=stack)
    assert workshop.stack_settled(stack)["StackStatus"] == "DELETE_COMPLETE"


def test_every_type_that_is_deployed_is_known():
    top = Path(__file__).parents[3]
    templates = [*top.glob("catalog/*/template.yaml"), *top.glob("infra/*.yaml")]
    used = {kind for file in templates for kind in TYPE.findall(file.read_text())}
    assert "AWS::S3::Bucket" in used
    assert used - set(NEEDS) == set()
