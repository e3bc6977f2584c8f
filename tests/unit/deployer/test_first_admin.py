"""The first admin against moto's DynamoDB and a Cognito of the test's own (moto's needs more)."""
# ruff: noqa: N801, N803, N818 - the fake speaks with AWS's names

import boto3
import pytest
from moto import mock_aws

from autoprovision.deployer import first_admin
from autoprovision.deployer.first_admin import create_first_admin

REGION, EMAIL, PASSWORD = "ap-southeast-1", "Ada@Example.edu", "Correct-horse-1"


class FakeCognito:
    """Users of one pool, their passwords and who was invited."""

    class exceptions:
        class UsernameExistsException(Exception):
            pass

    def __init__(self) -> None:
        self.users, self.invited = {}, []

    def admin_create_user(
        self, *, UserPoolId, Username, UserAttributes, DesiredDeliveryMediums, MessageAction=None
    ):
        if Username in self.users:
            raise self.exceptions.UsernameExistsException
        attributes = [{"Name": "sub", "Value": "sub-1"}, *UserAttributes]
        self.users[Username] = {"UserStatus": "FORCE_CHANGE_PASSWORD", "UserAttributes": attributes}
        if MessageAction is None:
            self.invited.append(Username)
        return {"User": {"Attributes": attributes}}

    def admin_get_user(self, *, UserPoolId, Username):
        return self.users[Username]

    def admin_set_user_password(self, *, UserPoolId, Username, Password, Permanent):
        self.users[Username] |= {"UserStatus": "CONFIRMED", "password": Password}


@pytest.fixture
def account(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        clients = {
            "cognito-idp": FakeCognito(),
            "dynamodb": boto3.client("dynamodb", region_name=REGION),
        }
        clients["dynamodb"].create_table(
            TableName="users", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
        yield clients, "pool"


def create(account, password=PASSWORD):
    clients, pool = account
    said = []
    found = create_first_admin(
        clients.__getitem__, user_pool_id=pool, users_table="users", email=EMAIL, password=password, say=said.append
    )  # fmt: skip
    return found, said


def rows(account):
    return account[0]["dynamodb"].scan(TableName="users")["Items"]


def user(account):
    return account[0]["cognito-idp"].users[EMAIL.lower()]


def test_admin_stands_in_cognito_and_in_the_table(account):
    sub, said = create(account)
    (row,) = rows(account)
    assert {name: value["S"] for name, value in row.items() if not name.endswith("At")} == {
        "id": sub, "kind": "DECIDER", "email": "ada@example.edu", "role": "admin", "status": "ACTIVE",
    }  # fmt: skip
    assert row["createdAt"] == row["updatedAt"]
    assert user(account)["UserStatus"] == "CONFIRMED"
    assert user(account)["password"] == PASSWORD
    assert {"Name": "custom:Role", "Value": "admin"} in user(account)["UserAttributes"]
    assert account[0]["cognito-idp"].invited == []
    assert said == ["ada@example.edu is admin."]
    assert PASSWORD not in "".join(said)


def test_without_a_password_they_are_invited(account):
    _, said = create(account, password=None)
    assert account[0]["cognito-idp"].invited == ["ada@example.edu"]
    assert "invitation" in said[0]


def test_an_admin_that_is_there_is_left_alone(account):
    sub, _ = create(account)
    before = rows(account)
    again, said = create(account, password="Another-horse-2")
    assert again == sub
    assert said == []
    assert rows(account) == before
    assert user(account)["password"] == PASSWORD


@pytest.mark.parametrize("cut", ["password", "table"])
def test_a_run_cut_short_is_made_whole(account, monkeypatch, cut):
    def crash(*_args: object, **_options: object):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if cut == "password":
            patched.setattr(account[0]["cognito-idp"], "admin_set_user_password", crash)
        else:
            patched.setattr(first_admin, "_remember", crash)
        with pytest.raises(KeyboardInterrupt):
            create(account)
    assert rows(account) == []
    create(account)
    assert user(account)["password"] == PASSWORD
    assert len(rows(account)) == 1
