"""Signing in with Amazon Cognito: unauthenticated JSON calls, no AWS credentials and no SDK."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from autoprovision.cli.errors import CliError, SignInNeededError, UnreachableError
from autoprovision.cli.profiles import Platform, Tokens
from autoprovision.cli.transport import PatientClient

_TARGET = "AWSCognitoIdentityProviderService"
_OK = 200
_NEXT = {
    "NotAuthorizedException": "Check the e-mail address and the password;"
    " `autoprovision password forgot EMAIL` mails a code for a new one.",
    "UserNotFoundException": "Check the e-mail address;"
    " an admin creates users with `autoprovision user create EMAIL --unit U --role R`.",
    "UserNotConfirmedException": "Confirm the address with"
    " `autoprovision signup confirm EMAIL --code CODE`.",
    "PasswordResetRequiredException": "Ask for a code with `autoprovision password forgot EMAIL`.",
    "CodeMismatchException": "Read the code again; a code from an app lives 30 seconds.",
    "EnableSoftwareTokenMFAException": "Read the code again; a code from an app lives 30 seconds.",
    "ExpiredCodeException": "Ask for a new code.",
    "InvalidPasswordException": "Choose a longer password that mixes kinds of characters.",
    "UsernameExistsException": "Sign in with `autoprovision login EMAIL`.",
    "TooManyRequestsException": "Wait a minute and try again.",
    "LimitExceededException": "Wait some minutes and try again.",
}


class SignInRefusedError(CliError):
    """Cognito refused; `kind` is its exception's name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(
            f"{message or 'The sign-in service refused.'} ({kind})", _NEXT.get(kind, "")
        )
        self.kind = kind


@dataclass(frozen=True)
class Challenge:
    """What Cognito asks before it hands out tokens."""

    name: str
    session: str
    parameters: Mapping[str, str] = field(default_factory=dict)


class SignIn:
    """The sign-in service of one platform.

    Args:
        platform: Where it is and for which app client.
    """

    def __init__(self, platform: Platform) -> None:
        self._url = platform.sign_in_url
        self._client_id = platform.client_id
        self._http = PatientClient(self._url)

    def start(self, email: str, password: str) -> Tokens | Challenge:
        """Sign in with a password; the answer may be a challenge."""
        return _outcome(
            self._call(
                "InitiateAuth",
                AuthFlow="USER_PASSWORD_AUTH",
                ClientId=self._client_id,
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
        )

    def answer(self, challenge: Challenge, email: str, **responses: str) -> Tokens | Challenge:
        """Answer a challenge; the answer may be the next challenge."""
        name = challenge.parameters.get("USER_ID_FOR_SRP", email)
        return _outcome(
            self._call(
                "RespondToAuthChallenge",
                ClientId=self._client_id,
                ChallengeName=challenge.name,
                Session=challenge.session,
                ChallengeResponses={"USERNAME": name, **responses},
            )
        )

    def refresh(self, tokens: Tokens) -> Tokens:
        """New tokens for old ones.

        Raises:
            SignInNeededError: The refresh token is at its end, or was revoked.
        """
        try:
            answer = self._call(
                "InitiateAuth",
                AuthFlow="REFRESH_TOKEN_AUTH",
                ClientId=self._client_id,
                AuthParameters={"REFRESH_TOKEN": tokens.refresh},
            )
        except SignInRefusedError as problem:
            raise SignInNeededError(
                f"The sign-in is no longer valid: {problem.message}.",
                "Sign in again with `autoprovision login EMAIL`.",
            ) from problem
        outcome = _outcome(answer)
        if isinstance(outcome, Challenge):
            raise SignInNeededError(
                "The sign-in service asks who you are again.",
                "Sign in again with `autoprovision login EMAIL`.",
            )
        # Cognito sends no new refresh token unless it rotates them.
        return Tokens(outcome.access, outcome.refresh or tokens.refresh, outcome.expires_at)

    def associate_totp(self, *, session: str = "", access_token: str = "") -> tuple[str, str]:
        """Begin the enrolment of an authenticator app; its secret and the next session."""
        answer = self._call("AssociateSoftwareToken", **_either(session, access_token))
        return str(answer.get("SecretCode", "")), str(answer.get("Session") or "")

    def verify_totp(self, code: str, *, session: str = "", access_token: str = "") -> str:
        """Prove that the authenticator app knows the secret; the next session."""
        answer = self._call("VerifySoftwareToken", UserCode=code, **_either(session, access_token))
        if answer.get("Status", "SUCCESS") != "SUCCESS":
            raise SignInRefusedError("CodeMismatchException", "The code does not fit.")
        return str(answer.get("Session") or session)

    def prefer_totp(self, access_token: str, *, enabled: bool) -> None:
        """Ask for a code at every sign-in from now on, or no longer."""
        self._call(
            "SetUserMFAPreference",
            AccessToken=access_token,
            SoftwareTokenMfaSettings={"Enabled": enabled, "PreferredMfa": enabled},
        )

    def forgot_password(self, email: str) -> str:
        """Mail a code for a new password; where it went, as far as Cognito tells."""
        return _destination(self._call("ForgotPassword", ClientId=self._client_id, Username=email))

    def reset_password(self, email: str, code: str, password: str) -> None:
        """Set a new password with a mailed code."""
        self._call(
            "ConfirmForgotPassword",
            ClientId=self._client_id,
            Username=email,
            ConfirmationCode=code,
            Password=password,
        )

    def change_password(self, access_token: str, old: str, new: str) -> None:
        """Replace the password of whoever is signed in."""
        self._call(
            "ChangePassword", AccessToken=access_token, PreviousPassword=old, ProposedPassword=new
        )

    def sign_up(self, email: str, password: str) -> str:
        """Register; where the code went, as far as Cognito tells."""
        return _destination(
            self._call(
                "SignUp",
                ClientId=self._client_id,
                Username=email,
                Password=password,
                UserAttributes=[{"Name": "email", "Value": email}],
            )
        )

    def confirm_sign_up(self, email: str, code: str) -> None:
        """Prove that the address is one's own."""
        self._call("ConfirmSignUp", ClientId=self._client_id, Username=email, ConfirmationCode=code)

    def resend_code(self, email: str) -> str:
        """Mail the registration's code again; where it went."""
        return _destination(
            self._call("ResendConfirmationCode", ClientId=self._client_id, Username=email)
        )

    def revoke(self, tokens: Tokens) -> None:
        """Make a refresh token and what came from it worthless."""
        self._call("RevokeToken", ClientId=self._client_id, Token=tokens.refresh)

    def sign_out_everywhere(self, access_token: str) -> None:
        """End every session of whoever is signed in."""
        self._call("GlobalSignOut", AccessToken=access_token)

    def _call(self, operation: str, **payload: Any) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{_TARGET}.{operation}",
        }
        try:
            answer = self._http.post("", json=payload, headers=headers)
        except httpx.HTTPError as problem:
            raise UnreachableError(
                f"The sign-in service {self._url} does not answer: {problem}.",
                "`autoprovision status` shows whether the embedded AWS runs,"
                " `autoprovision up` starts it.",
            ) from problem
        try:
            content = answer.json() if answer.content else {}
        except ValueError:
            content = {}
        if answer.status_code != _OK:
            raise _refusal(answer.status_code, content)
        return dict(content)


def _refusal(status: int, content: Mapping[str, Any]) -> SignInRefusedError:
    kind = str(content.get("__type") or f"HTTP {status}").rpartition("#")[2]
    return SignInRefusedError(kind, str(content.get("message") or content.get("Message") or ""))


def _outcome(answer: Mapping[str, Any]) -> Tokens | Challenge:
    result = answer.get("AuthenticationResult")
    if result:
        return Tokens(
            access=str(result["AccessToken"]),
            refresh=str(result.get("RefreshToken") or ""),
            expires_at=time.time() + float(result.get("ExpiresIn") or 300),
        )
    return Challenge(
        name=str(answer.get("ChallengeName") or ""),
        session=str(answer.get("Session") or ""),
        parameters=answer.get("ChallengeParameters") or {},
    )


def _either(session: str, access_token: str) -> dict[str, str]:
    return {"AccessToken": access_token} if access_token else {"Session": session}


def _destination(answer: Mapping[str, Any]) -> str:
    return str((answer.get("CodeDeliveryDetails") or {}).get("Destination") or "")
