"""User pools of the embedded AWS guard attributes and call triggers."""

import base64
import hashlib
import hmac
import io
import json
import struct
import time
import zipfile
from typing import Any

import pytest

PASSWORD = "Correct-Horse-1"
TRIGGER = """
import boto3, json, os

def handler(event, context):
    if event["userName"] and event["request"]["userAttributes"].get("name") == "nobody":
        raise ValueError("nobody may not come")
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
    return event
"""


@pytest.fixture
def pool(workshop: Any) -> Any:
    return Pool(workshop)


class Pool:
    """A pool with one app client, and what tests do with them."""

    def __init__(self, workshop: Any, **more: Any) -> None:
        self.idp = workshop.client("cognito-idp")
        made = self.idp.create_user_pool(
            PoolName=workshop.name("pool"),
            UsernameAttributes=["email"],
            AutoVerifiedAttributes=["email"],
            Schema=[{"Name": "unit", "AttributeDataType": "String", "Mutable": True}],
            **more,
        )["UserPool"]
        self.id, self.arn = made["Id"], made["Arn"]
        self.client = self.idp.create_user_pool_client(
            UserPoolId=self.id,
            ClientName="c",
            ExplicitAuthFlows=[
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_ADMIN_USER_PASSWORD_AUTH",
                "ALLOW_REFRESH_TOKEN_AUTH",
            ],
            WriteAttributes=["email", "name"],
        )["UserPoolClient"]["ClientId"]

    def user(self, email: str) -> str:
        attributes = [
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "custom:unit", "Value": "u1"},
        ]
        self.idp.admin_create_user(
            UserPoolId=self.id, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS"
        )
        self.idp.admin_set_user_password(
            UserPoolId=self.id, Username=email, Password=PASSWORD, Permanent=True
        )
        return email

    def sign_in(self, email: str, password: str = PASSWORD) -> dict[str, Any]:
        return self.idp.initiate_auth(
            ClientId=self.client,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )

    def tokens(self, email: str) -> dict[str, str]:
        return self.sign_in(email)["AuthenticationResult"]

    def attributes(self, email: str) -> dict[str, str]:
        user = self.idp.admin_get_user(UserPoolId=self.id, Username=email)
        return {attribute["Name"]: attribute["Value"] for attribute in user["UserAttributes"]}


def write(pool: Any, token: str, name: str) -> None:
    pool.idp.update_user_attributes(
        AccessToken=token, UserAttributes=[{"Name": name, "Value": "new"}]
    )


def test_a_client_writes_only_its_write_attributes(pool: Any):
    email = pool.user("a@example.com")
    token = pool.tokens(email)["AccessToken"]
    write(pool, token, "name")
    with pytest.raises(pool.idp.exceptions.NotAuthorizedException, match="unauthorized attribute"):
        write(pool, token, "custom:unit")
    with pytest.raises(pool.idp.exceptions.NotAuthorizedException, match="unauthorized attribute"):
        pool.idp.sign_up(
            ClientId=pool.client,
            Username="b@example.com",
            Password=PASSWORD,
            UserAttributes=[{"Name": "custom:unit", "Value": "mine"}],
        )
    assert (pool.attributes(email)["name"], pool.attributes(email)["custom:unit"]) == ("new", "u1")


def test_ministack_alone_lets_a_client_write_anything(unmended: Any):
    pool = Pool(unmended)
    email = pool.user("a@example.com")
    write(pool, pool.tokens(email)["AccessToken"], "custom:unit")
    assert pool.attributes(email)["custom:unit"] == "new"


def with_triggers(workshop: Any, pool: Any) -> str:
    url, _ = workshop.queue()
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", TRIGGER)
    arn = workshop.client("lambda").create_function(
        FunctionName=workshop.name("trigger"),
        Runtime="python3.13",
        Handler="index.handler",
        Role=workshop.role(
            "lambda", {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
        ),
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"SEEN": url}},
        Timeout=20,
    )["FunctionArn"]
    workshop.client("lambda").add_permission(
        FunctionName=arn,
        StatementId="c",
        Action="lambda:InvokeFunction",
        Principal="cognito-idp.amazonaws.com",
        SourceArn=pool.arn,
    )
    pool.idp.update_user_pool(
        UserPoolId=pool.id,
        AutoVerifiedAttributes=["email"],
        LambdaConfig={"PreSignUp": arn, "PostConfirmation": arn},
    )
    return url


def test_sign_up_calls_its_triggers_and_verifies_the_address(workshop: Any, pool: Any):
    url = with_triggers(workshop, pool)
    idp = pool.idp
    with pytest.raises(idp.exceptions.UserLambdaValidationException) as refused:
        idp.sign_up(
            ClientId=pool.client,
            Username="n@example.com",
            Password=PASSWORD,
            UserAttributes=[{"Name": "name", "Value": "nobody"}],
        )
    assert (
        refused.value.response["Error"]["Message"]
        == "PreSignUp failed with error nobody may not come."
    )
    idp.sign_up(ClientId=pool.client, Username="s@example.com", Password=PASSWORD)
    assert workshop.message(url)["triggerSource"] == "PreSignUp_SignUp"
    with pytest.raises(idp.exceptions.UserNotConfirmedException):
        pool.sign_in("s@example.com")
    idp.confirm_sign_up(ClientId=pool.client, Username="s@example.com", ConfirmationCode="123456")
    event = workshop.message(url)
    assert event["triggerSource"] == "PostConfirmation_ConfirmSignUp"
    assert event["request"]["userAttributes"]["email"] == "s@example.com"
    assert pool.attributes("s@example.com")["email_verified"] == "true"


def test_a_refreshed_token_and_a_global_sign_out(pool: Any):
    tokens = pool.tokens(pool.user("r@example.com"))
    refresh = {
        "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": tokens["RefreshToken"]},
    }
    assert pool.idp.initiate_auth(ClientId=pool.client, **refresh)["AuthenticationResult"][
        "AccessToken"
    ]
    pool.idp.global_sign_out(AccessToken=tokens["AccessToken"])
    with pytest.raises(pool.idp.exceptions.NotAuthorizedException):
        pool.idp.initiate_auth(ClientId=pool.client, **refresh)
    with pytest.raises(pool.idp.exceptions.NotAuthorizedException):
        pool.idp.get_user(AccessToken=tokens["AccessToken"])


def one_time_code(secret: str) -> str:
    """RFC 6238 with SHA-1, 30 s and 6 digits, as authenticator apps count."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def test_a_second_factor_is_asked_for_and_checked(workshop: Any):
    pool = Pool(workshop, MfaConfiguration="OPTIONAL")
    idp = pool.idp
    idp.set_user_pool_mfa_config(
        UserPoolId=pool.id,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    email = pool.user("m@example.com")
    token = pool.tokens(email)["AccessToken"]
    secret = idp.associate_software_token(AccessToken=token)["SecretCode"]
    assert (
        idp.verify_software_token(AccessToken=token, UserCode=one_time_code(secret))["Status"]
        == "SUCCESS"
    )
    idp.set_user_mfa_preference(
        AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True}
    )

    def answer(code: str) -> Any:
        challenge = pool.sign_in(email)
        assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        return idp.respond_to_auth_challenge(
            ClientId=pool.client,
            ChallengeName="SOFTWARE_TOKEN_MFA",
            Session=challenge["Session"],
            ChallengeResponses={"USERNAME": email, "SOFTWARE_TOKEN_MFA_CODE": code},
        )

    right = one_time_code(secret)
    with pytest.raises(idp.exceptions.CodeMismatchException):
        answer(f"{(int(right) + 500_000) % 10**6:06d}")
    assert answer(one_time_code(secret))["AuthenticationResult"]["AccessToken"]


def test_access_tokens_say_what_aws_says(workshop: Any, pool: Any):
    token = pool.tokens(pool.user("t@example.com"))["AccessToken"]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["iss"] == f"https://cognito-idp.{workshop.aws.region}.amazonaws.com/{pool.id}"
    assert (claims["token_use"], claims["client_id"]) == ("access", pool.client)
    assert "aud" not in claims
