"""Who a template's policies let in, and what its roles reach of other applications."""

import json
from pathlib import Path
from typing import Any

import pytest

from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.rules.access import (
    callable_by_anyone,
    lets_in_a_stranger,
    open_to_anyone,
    reaches_others,
    takes_anothers_secret,
)
from autoprovision.deployer.rules.folder import Folder, read_folder
from autoprovision.deployer.rules.values import is_own, settled, sources

CATALOG = Path(__file__).parents[3] / "catalog"
BOOK = read_price_book(CATALOG / "prices.yaml")


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


OWN_ARN = sub("arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/x-*")
FROM_A_MAP = {"Fn::FindInMap": ["Map", "all", "value"]}
STAR = sub("*")


def narrowed(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Principal": "*", "Condition": {operator: {key: value}}}


def as_text(statement: Any) -> dict[str, Any]:
    return {"PolicyDocument": json.dumps({"Statement": [{"Effect": "Allow", **statement}]})}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("S3:GetObject", "*"), ("SECRETSMANAGER:GetSecretValue", "*"), (sub("s3:GetObject"), "*"),
        ({"Fn::If": ["Has", "s3:GetObject", "ssm:GetParameter"]}, "*"), (sub("${AWS::Partition}"), "x"),
        (FROM_A_MAP, "x"), ("s3:Get?bject", "x"), ("{{resolve:ssm:/wide}}", "x"),
        ("s3:GetObject", FROM_A_MAP), ("s3:GetObject", {"Fn::Select": [0, ["*"]]}),
        ("s3:GetObject", {"Fn::ImportValue": "another-bucket"}), ("s3:GetObject", "{{resolve:ssm:/wide}}"),
        ("s3:GetObject", {"Fn::Sub": ["${X}", {"X": "*"}]}),
        ("s3:GetObject", {"Fn::Sub": ["arn:aws:s3:::${ApplicationId}", {"ApplicationId": "*"}]}),
        ("s3:GetObject", {"Fn::Join": ["", ["arn:aws:s3:::", {"Fn::If": ["A", {"Ref": "ApplicationId"}, "b"]}, "*"]]}),
        ("s3:GetObject", {"Fn::Join": ["", [{"Fn::If": ["A", "x", "y"]} for _ in range(40)]]}),
        ("s3:GetObject", "arn:aws:s3:::shop-app-????"), ("s3:GetObject", "arn:aws:s3:::${aws:userid}"),
        ("s3:GetObject", "arn:aws:s3:::${ApplicationId}*"), ("s3:GetObject", sub("${!aws:PrincipalTag/of}/key")),
    ],
)  # fmt: skip
def test_a_star_in_disguise(action, resource):
    statement = {"Action": action, "Resource": resource}
    assert reaches_others(policy(**statement))
    if "Fn::" not in str(statement):
        assert reaches_others(as_text(statement))


KNOWN = {"HealthPath": "*", "Name": "PlatformName"}


@pytest.mark.parametrize(
    ("resource", "wide"),
    [
        ({"Ref": "HealthPath"}, True), (sub("arn:aws:s3:::${HealthPath}*"), True), (sub("arn:aws:s3:::${Name}-*"), True),
        ({"Fn::GetAtt": ["HealthPath", "Value"]}, True), ({"Fn::GetAtt": "HealthPath.Value"}, True),
        ({"Fn::Sub": ["${X}/*", {"X": {"Ref": "HealthPath"}}]}, True), ({"Fn::Sub": [1, {}]}, True),
        ({"Fn::Sub": ["${HealthPath}/*", {"HealthPath": {"Ref": "Bucket"}}]}, False),
        (sub("${Bucket.Arn}/${HealthPath}"), False), (sub("${Name}"), False), ({"Ref": "Bucket"}, False),
    ],
)  # fmt: skip
def test_what_a_parameter_stands_for(resource, wide):
    found = settled(policy(Action="s3:GetObject", Resource=resource), KNOWN)
    assert reaches_others(found) is wide


def test_which_names_of_a_template_may_be_anything(tmp_path):
    folder = read_folder(CATALOG / "web-service", BOOK)
    known = sources(folder)
    assert known["HealthPath"] == known["DatabaseClass"] == "*"
    assert known["PlatformName"] == known["DomainName"] == "PlatformName"
    assert not {"ApplicationId", "RulePriority", "Repository", "DatabaseSecret"} & set(known)
    assert sources(Folder(tmp_path, BOOK)) == {}
    assert folder.template is not None
    folder.template.resources["Written"] = "AWS::SSM::Parameter"
    assert sources(folder)["Written"] == "*"


@pytest.mark.parametrize(
    "effect", [{"Fn::If": ["Shut", "Deny", "Allow"]}, STAR, {"Ref": "Effect"}, "deny"]
)
def test_an_effect_that_is_no_plain_deny(effect):
    statement = {"Effect": effect, "Principal": "*", "Action": "s3:*", "Resource": "*"}
    assert open_to_anyone({"PolicyDocument": {"Statement": statement}})
    assert reaches_others({"PolicyDocument": {"Statement": statement}})
    stranger = {**statement, "Principal": "999999999999"}
    assert lets_in_a_stranger({"PolicyDocument": {"Statement": stranger}})


OPEN = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}'
SHUT = '{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}'


@pytest.mark.parametrize(
    ("document", "open_"),
    [
        (OPEN, True), (f"\n {OPEN}", True), (sub(OPEN), True), ({"Fn::Join": ["", [OPEN[:30], OPEN[30:]]]}, True),
        ({"Fn::ToJsonString": json.loads(OPEN)}, True), ({"Fn::If": ["A", SHUT, OPEN]}, True),
        ({"Ref": "Written"}, True), (FROM_A_MAP, True), (OPEN[:-1], True), ("[" * 5000 + "]" * 5000, True),
        ({"Fn::Join": ["", ['{"Statement":', FROM_A_MAP, "}"]]}, True), ({"Statement": [FROM_A_MAP]}, True),
        ({"Fn::Sub": [OPEN.replace('"*"', '"${X}"'), {"X": "*"}]}, True),
        (SHUT, False), (sub(SHUT), False), ({"Ref": "AWS::NoValue"}, False), ("[]", False),
        (sub(OPEN.replace('"*"', '"${Role.Arn}"').replace('"Action": "${Role.Arn}"', '"Action": "s3:GetObject"')), False),
    ],
)  # fmt: skip
def test_a_policy_that_is_one_text(document, open_):
    assert open_to_anyone({"PolicyDocument": document}) is open_
    assert reaches_others({"Policies": [{"PolicyDocument": document}]}) is open_


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"AWS": STAR}}, {"Principal": {"AWS": {"Fn::If": ["Open", "*", {"Ref": "Role"}]}}},
        {"Principal": {"Fn::If": ["Open", {"AWS": ["*"]}, {"AWS": "x"}]}}, {"Principal": STAR},
        {"Principal": {"AWS": FROM_A_MAP}}, {"Principal": {"AWS": "{{resolve:ssm:/who}}"}},
        narrowed("StringLike", "aws:PrincipalArn", "arn:aws:*"), narrowed("ArnLike", "aws:SourceArn", "arn:*:*:*:*:*"),
        narrowed("StringLike", "aws:PrincipalAccount", "????????????"), narrowed("ArnLike", "aws:SourceArn", STAR),
        narrowed("ArnLike", "aws:SourceArn", "arn:aws:iam::*:role/111122223333"),
        narrowed("ForAllValues:StringEquals", "aws:PrincipalAccount", {"Ref": "AWS::AccountId"}),
        narrowed("StringLike", "aws:PrincipalAccount", [{"Ref": "AWS::AccountId"}, "*"]),
        narrowed("StringLike", "aws:PrincipalOrgPaths", "o-*"), narrowed("StringEquals", "aws:PrincipalAccount", []),
        narrowed("StringEquals", "aws:PrincipalAccount", FROM_A_MAP),
        {"Principal": "*", "Condition": {"Fn::If": ["Open", {"Ref": "AWS::NoValue"}, {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}}]}},
    ],
)  # fmt: skip
def test_everybody_in_disguise(statement):
    assert open_to_anyone(policy(**statement))


@pytest.mark.parametrize(
    "statement",
    [
        narrowed("ArnLike", "aws:SourceArn", OWN_ARN), narrowed("ArnLike", "aws:SourceArn", sub("${Rule.Arn}*")),
        narrowed("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3d4e5/r-ab12/*"),
        narrowed("StringLike", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/*"),
        {"Principal": "*", "Condition": {"Fn::If": ["A", {"ArnLike": {"aws:SourceArn": OWN_ARN}}, {"ArnEquals": {"aws:SourceArn": {"Ref": "Topic"}}}]}},
    ],
)  # fmt: skip
def test_somebody_by_a_pattern(statement):
    assert not open_to_anyone(policy(**statement))


@pytest.mark.parametrize(
    ("operator", "key", "stranger"),
    [
        ("StringEquals", "aws:PrincipalAccount", True), ("ForAllValues:StringLike", "AWS:SourceAccount", True),
        ("StringNotEquals", "aws:PrincipalAccount", False), ("StringEquals", "aws:ResourceTag/number", False),
    ],
)  # fmt: skip
def test_another_account_in_a_condition(operator, key, stranger):
    statement = narrowed(operator, key, ["999999999999"])
    assert lets_in_a_stranger(policy(**statement)) is stranger
    assert (
        lets_in_a_stranger(
            policy(**{**statement, "Condition": {"Fn::If": ["A", statement["Condition"], {}]}})
        )
        is stranger
    )


def test_another_account_of_a_functions_permission():
    asked = {"Principal": "s3.amazonaws.com", "SourceAccount": "999999999999"}
    assert lets_in_a_stranger(asked)
    assert not lets_in_a_stranger({**asked, "SourceAccount": {"Ref": "AWS::AccountId"}})


@pytest.mark.parametrize(
    ("value", "anothers"),
    [
        (sub("{{resolve:secretsmanager:other:SecretString:p}}${Repository}"), True),
        (sub("${Repository}{{resolve:secretsmanager:other}}"), True),
        (sub("{{resolve:secretsmanager:other:SecretString:${Repository}}}"), True),
        (sub("{{resolve:secretsmanager:${Secret}}}{{resolve:secretsmanager:other}}"), True),
        ({"Fn::Sub": ["{{resolve:secretsmanager:${X}}}", {"X": "other"}]}, True),
        ({"Fn::Sub": ["${X}${Repository}", {"X": "{{resolve:secretsmanager:other}}"}]}, True),
        ({"Fn::Select": [0, ["{{resolve:secretsmanager:other}}"]]}, True),
        ("{{resolve:secretsmanager:${Secret}}}", True), (sub("{{resolve:secretsmanager:${*}}}"), True),
        (sub("{{resolve:secretsmanager:" + SECRETS + "other:SecretString:${Secret}}}"), True),
        (sub("{{resolve:secretsmanager:" + SECRETS + "shop-${ApplicationId}:SecretString:p}}"), False),
        (sub("{{resolve:secretsmanager:${Secret}}}"), False), (sub("a{{resolve:secretsmanager:${Secret}:SecretString:p}}b"), False),
    ],
)  # fmt: skip
def test_only_the_id_of_a_secret_says_whose_it_is(value, anothers):
    assert takes_anothers_secret({"Environment": {"Variables": {"A": value}}}) is anothers


@pytest.mark.parametrize(
    ("properties", "open_"),
    [
        ({"Principal": "s3.amazonaws.com", "SourceArn": "*"}, True),
        ({"Principal": "s3.amazonaws.com", "SourceArn": {"Ref": "AWS::NoValue"}}, True),
        ({"Principal": "s3.amazonaws.com", "SourceArn": {"Fn::If": ["A", OWN_ARN, {"Ref": "AWS::NoValue"}]}}, True),
        ({"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::*"}, True),
        ({"Principal": "s3.amazonaws.com", "SourceAccount": FROM_A_MAP}, True),
        ({"Principal": STAR}, True), ({"Principal": FROM_A_MAP}, True), ({"Principal": {"Fn::If": ["A", {"Ref": "Role"}, "*"]}}, True),
        ({"Principal": sub("s3.${AWS::URLSuffix}")}, True), ({"Principal": "alexa-appkit.amazon.com"}, True),
        ({"Principal": sub("s3.${AWS::URLSuffix}"), "SourceArn": OWN_ARN}, False),
        ({"Principal": "111122223333"}, False), ({"Principal": {"Fn::GetAtt": ["Role", "Arn"]}}, False),
        ({"Principal": "alexa-appkit.amazon.com", "EventSourceToken": "a-skill"}, False),
    ],
)  # fmt: skip
def test_a_functions_permission_in_disguise(properties, open_):
    assert callable_by_anyone(properties) is open_
