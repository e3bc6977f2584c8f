"""The port `Directory` on Cognito: who can sign in. What they may do stands in the users table."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import Fault, InvalidInputError, NotFoundError

_SERVICE = "Cognito"
_TOTP = "SOFTWARE_TOKEN_MFA"


class CognitoDirectory:
    """One user pool, in which people sign in by e-mail."""

    def __init__(self, client: Any, *, user_pool_id: str) -> None:
        self._client = client
        self._pool = user_pool_id

    def create(self, email: str, attributes: Mapping[str, str], password: str | None) -> str:
        """Create or find the user and give back the `sub`; without a password they are invited.

        Raises:
            InvalidInputError: the password breaks the pool's rules.
        """
        address = email.lower()
        verified = {"email": address, "email_verified": "true"}
        given = [{"Name": name, "Value": value} for name, value in verified.items()]
        # As the temporary password it is held against the pool's rules before there is a user.
        more = {"MessageAction": "SUPPRESS", "TemporaryPassword": password} if password else {}
        with answering(_SERVICE):
            try:
                answer = self._client.admin_create_user(
                    UserPoolId=self._pool, Username=address, DesiredDeliveryMediums=["EMAIL"],
                    UserAttributes=given + _own(attributes), **more,
                )  # fmt: skip
                found = answer["User"]["Attributes"]
            except ClientError as error:
                if code_of(error) == "InvalidPasswordException":
                    raise _bad_password(error) from error
                if code_of(error) != "UsernameExistsException":
                    raise
                found = self._existing(address, attributes)
        if password:
            self._set_password(address, password)
        return next(str(one["Value"]) for one in found if one["Name"] == "sub")

    def _existing(self, address: str, attributes: Mapping[str, str]) -> list[dict[str, str]]:
        self._client.admin_update_user_attributes(
            UserPoolId=self._pool, Username=address, UserAttributes=_own(attributes)
        )
        answer = self._client.admin_get_user(UserPoolId=self._pool, Username=address)
        return list(answer["UserAttributes"])

    def _set_password(self, address: str, password: str) -> None:
        with answering(_SERVICE):
            try:
                self._client.admin_set_user_password(
                    UserPoolId=self._pool, Username=address, Password=password, Permanent=True
                )
            except ClientError as error:
                if code_of(error) != "InvalidPasswordException":
                    raise
                raise _bad_password(error) from error

    def tag(self, user_id: str, attributes: Mapping[str, str]) -> None:
        """Show attributes such as BusinessUnit and Quota on the user."""
        self._call("admin_update_user_attributes", user_id, UserAttributes=_own(attributes))

    def set_enabled(self, user_id: str, *, enabled: bool) -> None:
        """Let the user sign in, or not and sign them out everywhere."""
        if enabled:
            self._call("admin_enable_user", user_id)
        else:
            self._call("admin_disable_user", user_id)
            self._call("admin_user_global_sign_out", user_id)

    def has_second_factor(self, user_id: str) -> bool:
        """Whether every sign-in of the user asks for a code of an authenticator app."""
        return _TOTP in self._call("admin_get_user", user_id).get("UserMFASettingList", [])

    def forget_second_factor(self, user_id: str) -> None:
        """Let the user sign in without a code."""
        self._call(
            "admin_set_user_mfa_preference", user_id,
            SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False},
        )  # fmt: skip

    def _call(self, call: str, user_id: str, **arguments: Any) -> dict[str, Any]:
        with answering(_SERVICE):
            try:
                # In a pool where people sign in by e-mail the user's name is their `sub`.
                return dict(
                    getattr(self._client, call)(
                        UserPoolId=self._pool, Username=user_id, **arguments
                    )
                )
            except ClientError as error:
                if code_of(error) != "UserNotFoundException":
                    raise
                raise NotFoundError(f"There is no user {user_id}.") from error


def _bad_password(error: ClientError) -> InvalidInputError:
    rule = str(error.response.get("Error", {}).get("Message", ""))
    return InvalidInputError([Fault("/password", rule)])


def _own(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": f"custom:{name}", "Value": value} for name, value in attributes.items()]
