"""Who a template's policies let in, and what its roles reach of other applications."""

from typing import Any

import pytest

from autoprovision.deployer.rules.access import (
    callable_by_anyone,
    is_open_block,
    is_own,
    lets_in_a_stranger,
    open_to_anyone,
    reaches_others,
    takes_anothers_secret,
)
from autoprovision.deployer.rules.forbidden import FORBIDDEN


def policy(**statement: Any) -> dict[str, Any]:
    return {"PolicyDocument": {"Statement": [{"Effect": "Allow", **statement}]}}


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": "*"}, {"Principal": {"AWS": "*"}}, {"Principal": {"AWS": ["a", "*"]}},
        {"Principal": {"Service": "*"}}, {"Principal": {"Federated": "*"}},
        {"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}},
        {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceAccount": "1"}}},
        {"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "1"}}},
        {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "*"}}},
        {"Principal": "*", "Condition": 1},
    ],
)  # fmt: skip
def test_a_policy_for_everybody(statement):
    assert open_to_anyone(policy(**statement))


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"Service": "s3.amazonaws.com"}}, {"Principal": {"AWS": {"Ref": "Role"}}},
        {"Principal": "*", "Condition": {"StringEquals": {"AWS:SourceAccount": {"Ref": "AWS::AccountId"}}}},
        {"Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}}},
        {"Principal": "*", "Effect": "Deny"}, {"Action": "s3:GetObject"},
    ],
)  # fmt: skip
def test_a_policy_for_somebody(statement):
    assert not open_to_anyone(policy(**statement))


@pytest.mark.parametrize(
    ("principal", "is_stranger"),
    [
        ({"AWS": "arn:aws:iam::999999999999:root"}, True), ({"AWS": ["999999999999"]}, True),
        ("999999999999", True), ({"AWS": sub("arn:aws:iam::999999999999:role/${Owner}")}, True),
        ({"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}, False),
        ({"Service": "lambda.amazonaws.com"}, False), ({"AWS": {"Ref": "Role"}}, False),
    ],
)  # fmt: skip
def test_another_account_by_its_number(principal, is_stranger):
    assert lets_in_a_stranger(policy(Principal=principal)) is is_stranger


@pytest.mark.parametrize(
    ("properties", "open_"),
    [
        ({"Principal": "*"}, True), ({"Principal": "apigateway.amazonaws.com"}, True),
        ({"Principal": "s3.amazonaws.com", "SourceAccount": {"Ref": "AWS::AccountId"}}, False),
        ({"Principal": "events.amazonaws.com", "SourceArn": {"Ref": "Rule"}}, False),
        ({"Principal": {"Ref": "Role"}}, False),
    ],
)  # fmt: skip
def test_a_function_that_a_service_calls_for_anybody(properties, open_):
    assert callable_by_anyone(properties) is open_


SECRETS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:"


@pytest.mark.parametrize(
    ("action", "resource", "wide"),
    [
        ("*", {"Ref": "Table"}, True), ("dynamodb:*", {"Ref": "Table"}, True),
        ("secretsmanager:GetSecretValue", "*", True),
        ("secretsmanager:GetSecretValue", sub(SECRETS + "${PlatformName}-app-*"), True),
        ("secretsmanager:GetSecretValue", sub(SECRETS + "${PlatformName}-app-${ApplicationName}*"), True),
        ("secretsmanager:GetSecretValue", sub(SECRETS + "${PlatformName}-app-${ApplicationId}*"), False),
        ("secretsmanager:GetSecretValue", {"Ref": "Secret"}, False),
        ("secretsmanager:GetSecretValue", [{"Ref": "Secret"}, sub(SECRETS + "*")], True),
        ("secretsmanager:GetSecretValue", {"Fn::If": ["Has", {"Ref": "Secret"}, {"Ref": "AWS::NoValue"}]}, False),
        ("secretsmanager:GetSecretValue", {"Fn::If": ["Has", {"Ref": "Secret"}, "*"]}, True),
        ("dynamodb:Query", {"Fn::Join": ["", [{"Fn::GetAtt": ["Table", "Arn"]}, "/index/*"]]}, False),
        ("dynamodb:Query", {"Fn::Join": ["/", ["arn:aws:dynamodb:a:1:table", "*"]]}, True),
        ("s3:GetObject", sub("arn:aws:s3:::${BucketName}/*"), False),
        (["ecr:GetAuthorizationToken", "xray:PutTraceSegments"], "*", False),
        ("ssm:UpdateInstanceInformation", "*", False),
    ],
)  # fmt: skip
def test_what_a_role_reaches_of_others(action, resource, wide):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    document = {"PolicyDocument": {"Statement": statement}}
    assert reaches_others({"Policies": [document]}) is wide
    assert (
        reaches_others({"Policies": {"Fn::If": ["Has", document, {"Ref": "AWS::NoValue"}]}}) is wide
    )
    assert reaches_others(document) is wide
    assert not reaches_others({"AssumeRolePolicyDocument": {"Statement": statement}})


def test_what_a_role_may_not_and_everything_but():
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    assert not reaches_others({"PolicyDocument": {"Statement": [deny]}})
    assert reaches_others(policy(NotAction="iam:*", Resource={"Ref": "Table"}))
    assert reaches_others(policy(Action="dynamodb:Query", NotResource={"Ref": "Table"}))


@pytest.mark.parametrize(
    ("value", "anothers"),
    [
        ("{{resolve:secretsmanager:shop-app-1}}", True), ("x{{resolve:ssm-secure:/shop:1}}y", True),
        (sub("{{resolve:secretsmanager:${PlatformName}-app-1:SecretString}}"), True),
        (sub("{{resolve:secretsmanager:${Secret}:SecretString:password}}"), False),
        ({"Fn::Join": ["", ["{{resolve:secretsmanager:", {"Ref": "Secret"}, "}}"]]}, False),
        ({"Fn::Join": ["", ["{{resolve:secretsmanager:", "another", "}}"]]}, True),
        ("{{resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023}}", False),
    ],
)  # fmt: skip
def test_a_value_from_a_secret(value, anothers):
    assert takes_anothers_secret({"Environment": {"Variables": {"A": value}}}) is anothers


@pytest.mark.parametrize(
    ("name", "own"),
    [
        (sub("${PlatformName}-app-${ApplicationId}"), True), (sub("${BucketName}-logs"), True),
        ({"Ref": "BucketName"}, True), ("greeter", False), (sub("${PlatformName}-app-greeter"), False),
        (sub("${AWS::AccountId}-${BusinessUnit}"), False),
        ({"Fn::If": ["Prod", "shop", sub("shop-${ApplicationId}")]}, False),
    ],
)  # fmt: skip
def test_a_name_of_ones_own(name, own):
    assert is_own(name) is own


@pytest.mark.parametrize(
    ("block", "open_"),
    [
        ("0.0.0.0/0", True), ("::/0", True), ("0.0.0.0/1", True), ("128.0.0.0/1", True), ("2000::/3", True),
        ("52.0.0.0/8", True), ("10.0.0.0/8", False), ("192.0.2.0/24", False), ("203.0.113.7/32", False), ("no block", False),
    ],
)  # fmt: skip
def test_a_block_that_anybody_is_in(block, open_):
    assert is_open_block(block) is open_


@pytest.mark.parametrize(
    "properties",
    [
        {"SecurityGroupIngress": [{"CidrIp": "128.0.0.0/1"}]}, {"CidrIpv6": "::/0"}, {"CidrIp": {"Ref": "From"}},
        {"SecurityGroupIngress": [{"Fn::If": ["Open", {"CidrIp": {"Ref": "From"}}, {"Ref": "AWS::NoValue"}]}]},
    ],
)  # fmt: skip
def test_a_group_that_anybody_may_reach(properties):
    assert FORBIDDEN["forbidden-open-group"].has("AWS::EC2::SecurityGroup", properties)


def test_a_group_that_another_group_reaches():
    ways = [{"SourceSecurityGroupId": {"Fn::ImportValue": "x"}}, {"CidrIp": "10.1.0.0/16"}]
    properties = {"SecurityGroupIngress": ways, "SecurityGroupEgress": [{"CidrIp": "0.0.0.0/0"}]}
    assert not FORBIDDEN["forbidden-open-group"].has("AWS::EC2::SecurityGroup", properties)


@pytest.mark.parametrize(
    ("rule", "kind", "properties", "found"),
    [
        ("forbidden-plain-database", "AWS::DocDB::DBCluster", {}, True),
        ("forbidden-plain-database", "AWS::EC2::Volume", {"Encrypted": "false"}, True),
        ("forbidden-plain-database", "AWS::Neptune::DBCluster", {"StorageEncrypted": True}, False),
        ("forbidden-plain-database", "AWS::RDS::DBInstance", {"DBClusterIdentifier": "c"}, False),
        ("forbidden-plain-disk", "AWS::EC2::Instance", {"BlockDeviceMappings": [{"Ebs": {"VolumeSize": 8}}]}, True),
        ("forbidden-plain-disk", "AWS::EC2::Instance", {"BlockDeviceMappings": [{"Ebs": {"Encrypted": True}}]}, False),
        ("forbidden-old-metadata", "AWS::EC2::Instance", {}, True),
        ("forbidden-old-metadata", "AWS::EC2::Instance", {"LaunchTemplate": {"Version": "1"}}, False),
        ("forbidden-old-metadata", "AWS::EC2::Instance", {"MetadataOptions": {"HttpTokens": "optional"}}, True),
        ("forbidden-old-metadata", "AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"MetadataOptions": {"HttpTokens": "required"}}}, False),
    ],
)  # fmt: skip
def test_machines_and_their_disks(rule, kind, properties, found):
    assert FORBIDDEN[rule].has(kind, properties) is found
