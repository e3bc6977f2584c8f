"""The first admin: somebody has to be able to invite everybody else."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.deployer.stacks import Say

_ROLE = "admin"


def create_first_admin(
    clients: Callable[[str], Any],
    *,
    user_pool_id: str,
    users_table: str,
    email: str,
    password: str | None,
    say: Say,
) -> str:
    """Create an admin in Cognito and in the users table; one that is there is left alone.

    Args:
        password: theirs at once; without one Cognito mails them an invitation.

    Returns:
        The `sub` of the user.
    """
    cognito = clients("cognito-idp")
    address = email.strip().lower()
    user_id, new = _cognito_user(cognito, user_pool_id, address, invite=password is None)
    if new and password is not None:
        cognito.admin_set_user_password(
            UserPoolId=user_pool_id, Username=address, Password=password, Permanent=True
        )
    if _remember(clients("dynamodb"), users_table, user_id, address):
        say(f"{address} is admin" + ("; the invitation is mailed." if password is None else "."))
    return user_id


def _cognito_user(cognito: Any, pool: str, email: str, *, invite: bool) -> tuple[str, bool]:
    """The user's `sub`, and whether the user is new."""
    asked = {
        "UserPoolId": pool,
        "Username": email,
        "UserAttributes": [
            {"Name": "email", "Value": email},
            {"Name": "email_verified", "Value": "true"},
            {"Name": "custom:Role", "Value": _ROLE},
        ],
        "DesiredDeliveryMediums": ["EMAIL"],
    }
    try:
        user = cognito.admin_create_user(
            **asked, **({} if invite else {"MessageAction": "SUPPRESS"})
        )["User"]
    except cognito.exceptions.UsernameExistsException:
        found = cognito.admin_get_user(UserPoolId=pool, Username=email)
        # A run that ended between the user and the password left one who cannot sign in.
        unfinished = not invite and found["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        return _sub(found["UserAttributes"]), unfinished
    return _sub(user["Attributes"]), True


def _sub(attributes: list[dict[str, str]]) -> str:
    return next(one["Value"] for one in attributes if one["Name"] == "sub")


def _remember(dynamodb: Any, table: str, user_id: str, email: str) -> bool:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = {
        "id": user_id, "kind": "DECIDER", "email": email, "role": _ROLE, "status": "ACTIVE",
        "createdAt": at, "updatedAt": at,
    }  # fmt: skip
    try:
        dynamodb.put_item(
            TableName=table,
            Item={name: {"S": value} for name, value in text.items()},
            ConditionExpression="attribute_not_exists(id)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
