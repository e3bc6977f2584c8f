"""A policy may name the role that a call comes from."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError


def listing_as_a_role(workshop: Any, named: str) -> None:
    """List topics as a role whose policy holds for roles of a name only."""
    condition = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::123456789012:role/{named}"}}
    role = workshop.role(
        "codebuild",
        {"Effect": "Allow", "Action": "sns:ListTopics", "Resource": "*", "Condition": condition},
    )
    iam = workshop.client("iam")
    user = workshop.name("user")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    name = role.rpartition("/")[2]
    trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}'
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    allow = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}'
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=allow)
    session = boto3.Session(
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        region_name=workshop.aws.region,
    )
    url = workshop.aws.endpoint_url
    given = session.client("sts", endpoint_url=url).assume_role(
        RoleArn=role, RoleSessionName="a-session"
    )["Credentials"]
    boto3.client(
        "sns", endpoint_url=url, region_name=workshop.aws.region,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    ).list_topics()  # fmt: skip


def test_a_role_is_known_by_its_own_arn(workshop):
    listing_as_a_role(workshop, "role-*")


def test_another_roles_name_does_not_fit(workshop):
    with pytest.raises(ClientError, match="not authorized"):
        listing_as_a_role(workshop, "other-*")


def test_ministack_alone_knows_the_session_only(unmended):
    with pytest.raises(ClientError, match="not authorized"):
        listing_as_a_role(unmended, "role-*")
