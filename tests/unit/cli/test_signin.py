"""Signing in, its challenges, profiles and the account commands."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import Result

from autoprovision.cli.errors import CliError
from autoprovision.cli.profiles import KnownPlatform, Platform, Profile, ProfileStore, Tokens


@pytest.fixture(autouse=True)
def _platform_is_known(store: ProfileStore, platform: Platform) -> None:
    store.remember_platform(KnownPlatform(platform, embedded=False))


def test_login_keeps_tokens_in_a_private_file(
    run: Callable[..., Result], data: Path, store: ProfileStore, sign_in: Any
):
    sign_in.will_sign_in("a1")
    result = run("login", "ada@example.edu", "--password-stdin", stdin="Pass word 1!\r\n")
    assert result.exit_code == 0, result.stderr
    assert "Signed in as ada@example.edu" in result.stderr
    assert result.stdout == ""
    assert sign_in.payload("InitiateAuth") == {
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": "client-1",
        "AuthParameters": {"USERNAME": "ada@example.edu", "PASSWORD": "Pass word 1!"},
    }
    file = data / "profiles" / "default.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]
    assert "Pass word 1!" not in file.read_text()


def test_two_profiles_are_two_people(ok: Callable[..., str], httpserver: HTTPServer, sign_in: Any):
    sign_in.will_sign_in("a1")
    sign_in.will_sign_in("b1")
    ok("--profile", "ada", "login", "ada@example.edu", "--password-stdin", stdin="p\n")
    ok("login", "bo@example.edu", "--password-stdin", "--profile", "bo", stdin="p\n")
    assert ok("token", "--profile", "ada") == "a1\n"
    assert ok("--profile", "bo", "token") == "b1\n"
    httpserver.expect_oneshot_request(
        "/requests", headers={"Authorization": "Bearer b1"}
    ).respond_with_json({"items": []})
    # The option behind the verb wins over the one before the noun.
    ok("--profile", "ada", "request", "list", "--profile", "bo")


def test_the_environment_chooses_a_profile_too(
    ok: Callable[..., str], store: ProfileStore, platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    store.save(Profile("bo", platform, "bo@example.edu", Tokens("b1", "r", 9e9)))
    monkeypatch.setenv("AUTOPROVISION_PROFILE", "bo")
    assert ok("token") == "b1\n"


def test_after_up_commands_act_as_admin_until_somebody_signs_in(
    ok: Callable[..., str], store: ProfileStore, platform: Platform, sign_in: Any
):
    store.save(Profile("admin", platform, "root@example.edu", Tokens("root", "r", 9e9)))
    assert ok("token") == "root\n"
    sign_in.will_sign_in("a1")
    ok("login", "ada@example.edu", "--password-stdin", stdin="p\n")
    assert ok("token") == "a1\n"
    assert ok("token", "--profile", "admin") == "root\n"


def test_token_as_json_tells_its_end(
    ok: Callable[..., str], store: ProfileStore, platform: Platform
):
    store.save(Profile("default", platform, "ada@example.edu", Tokens("a1", "r", 4102444800.0)))
    assert json.loads(ok("token", "--json")) == {
        "accessToken": "a1",
        "expiresAt": "2100-01-01T00:00:00+00:00",
        "profile": "default",
    }


def test_a_first_password_is_replaced(ok: Callable[..., str], sign_in: Any):
    sign_in.will(
        "InitiateAuth",
        {
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": "s1",
            "ChallengeParameters": {"USER_ID_FOR_SRP": "sub-1"},
        },
    )
    sign_in.will_sign_in("a1", "RespondToAuthChallenge")
    ok("login", "ada@example.edu", "--password-stdin", stdin="first\nsecond\n")
    assert sign_in.payload("RespondToAuthChallenge") == {
        "ClientId": "client-1",
        "ChallengeName": "NEW_PASSWORD_REQUIRED",
        "Session": "s1",
        "ChallengeResponses": {"USERNAME": "sub-1", "NEW_PASSWORD": "second"},
    }


@pytest.mark.parametrize("by", ["option", "stdin"])
def test_a_code_is_asked_for(ok: Callable[..., str], sign_in: Any, by: str):
    sign_in.will("InitiateAuth", {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s1"})
    sign_in.will_sign_in("a1", "RespondToAuthChallenge")
    code = ("--code", "123456") if by == "option" else ()
    stdin = "p\n" if by == "option" else "p\n123456\n"
    ok("login", "ada@example.edu", "--password-stdin", *code, stdin=stdin)
    responses = sign_in.payload("RespondToAuthChallenge")["ChallengeResponses"]
    assert responses == {"USERNAME": "ada@example.edu", "SOFTWARE_TOKEN_MFA_CODE": "123456"}


def test_an_enforced_second_factor_is_set_up_on_the_way(run: Callable[..., Result], sign_in: Any):
    sign_in.will("InitiateAuth", {"ChallengeName": "MFA_SETUP", "Session": "s1"})
    sign_in.will("AssociateSoftwareToken", {"SecretCode": "JBSWY3DP", "Session": "s2"})
    sign_in.will("VerifySoftwareToken", {"Status": "SUCCESS", "Session": "s3"})
    sign_in.will_sign_in("a1", "RespondToAuthChallenge")
    result = run("login", "ada@example.edu", "--password-stdin", "--code", "42", stdin="p\n")
    assert result.exit_code == 0
    assert "otpauth://totp/autoprovision:ada@example.edu?secret=JBSWY3DP" in result.stderr
    assert sign_in.payload("AssociateSoftwareToken") == {"Session": "s1"}
    assert sign_in.payload("VerifySoftwareToken") == {"UserCode": "42", "Session": "s2"}
    answer = sign_in.payload("RespondToAuthChallenge")
    assert (answer["ChallengeName"], answer["Session"]) == ("MFA_SETUP", "s3")


def test_a_challenge_nobody_knows_is_told(run: Callable[..., Result], sign_in: Any):
    sign_in.will("InitiateAuth", {"ChallengeName": "SMS_MFA", "Session": "s1"})
    result = run("login", "ada@example.edu", "--password-stdin", stdin="p\n")
    assert result.exit_code == 1
    assert "SMS_MFA" in result.stderr


def test_a_wrong_password_is_told_and_nothing_kept(
    run: Callable[..., Result], store: ProfileStore, sign_in: Any
):
    sign_in.will_refuse("InitiateAuth", "NotAuthorizedException", "Incorrect username or password.")
    result = run("login", "ada@example.edu", "--password-stdin", stdin="secret-canary\n")
    assert result.exit_code == 1
    assert "Incorrect username or password." in result.stderr
    assert "password forgot" in result.stderr
    assert "secret-canary" not in result.output
    assert store.names() == []


def test_without_terminal_and_stdin_option_login_is_used_wrongly(
    run: Callable[..., Result], sign_in: Any
):
    result = run("login", "ada@example.edu")
    assert result.exit_code == 2
    assert "--password-stdin" in result.stderr
    empty = run("login", "ada@example.edu", "--password-stdin", stdin="")
    assert empty.exit_code == 2
    assert sign_in.asked == []


def test_login_to_another_platform_asks_the_api_where(
    ok: Callable[..., str],
    store: ProfileStore,
    httpserver: HTTPServer,
    sign_in: Any,
    platform: Platform,
):
    httpserver.expect_oneshot_request("/health").respond_with_json(
        {
            "status": "ok",
            "signIn": {
                "region": "eu-west-1",
                "clientId": "client-2",
                "endpoint": platform.cognito_endpoint,
            },
        }
    )
    sign_in.will_sign_in("a1")
    ok(*("login", "a@b.edu", "--password-stdin", "--api-url", platform.api_url + "/"), stdin="p\n")
    assert sign_in.payload("InitiateAuth")["ClientId"] == "client-2"
    kept = store.load("default")
    assert kept is not None
    assert (kept.platform.region, kept.platform.api_url) == ("eu-west-1", platform.api_url)


def test_an_api_that_does_not_tell_where_to_sign_in(
    run: Callable[..., Result], httpserver: HTTPServer, platform: Platform
):
    httpserver.expect_oneshot_request("/health").respond_with_json({"status": "ok"})
    result = run("login", "a@b.edu", "--password-stdin", "--api-url", platform.api_url, stdin="p\n")
    assert result.exit_code == 2
    assert "--client-id" in result.stderr


def test_logout_revokes_and_forgets(
    ok: Callable[..., str],
    run: Callable[..., Result],
    store: ProfileStore,
    ada: Profile,
    sign_in: Any,
):
    sign_in.will("RevokeToken")
    ok("logout")
    assert sign_in.payload("RevokeToken") == {"ClientId": "client-1", "Token": "refresh-ada"}
    kept = store.load("default")
    assert kept is not None
    assert kept.tokens is None
    after = run("token")
    assert after.exit_code == 1
    assert "Nobody is signed in" in after.stderr


def test_logout_everywhere(ok: Callable[..., str], ada: Profile, sign_in: Any):
    sign_in.will("GlobalSignOut")
    ok("logout", "--everywhere")
    assert sign_in.payload("GlobalSignOut") == {"AccessToken": "access-ada"}


def test_logout_forgets_even_if_it_cannot_revoke(
    run: Callable[..., Result], store: ProfileStore, ada: Profile, sign_in: Any
):
    sign_in.will_refuse("RevokeToken", "UnsupportedOperationException", "No.")
    result = run("logout")
    assert result.exit_code == 0
    assert "could not be revoked" in result.stderr
    kept = store.load("default")
    assert kept is not None
    assert kept.tokens is None


def test_password_change_forgot_and_reset(ok: Callable[..., str], ada: Profile, sign_in: Any):
    sign_in.will("ChangePassword")
    ok("password", "change", "--password-stdin", stdin="old\nnew\n")
    assert sign_in.payload("ChangePassword") == {
        "AccessToken": "access-ada",
        "PreviousPassword": "old",
        "ProposedPassword": "new",
    }
    sign_in.will("ForgotPassword", {"CodeDeliveryDetails": {"Destination": "a***@e***"}})
    answer = json.loads(ok("password", "forgot", "ada@example.edu", "--json"))
    assert answer == {"message": "A code was sent to a***@e***."}
    sign_in.will("ConfirmForgotPassword")
    ok(
        *("password", "reset", "ada@example.edu", "--code", "77", "--password-stdin"),
        stdin="new\n",
    )
    assert sign_in.payload("ConfirmForgotPassword")["ConfirmationCode"] == "77"
    assert sign_in.payload("ConfirmForgotPassword")["Password"] == "new"


def test_sign_up(ok: Callable[..., str], sign_in: Any):
    sign_in.will("SignUp", {"UserConfirmed": False})
    ok("signup", "start", "ada@example.edu", "--password-stdin", stdin="p\n")
    assert sign_in.payload("SignUp")["UserAttributes"] == [
        {"Name": "email", "Value": "ada@example.edu"}
    ]
    sign_in.will("ConfirmSignUp")
    ok("signup", "confirm", "ada@example.edu", "--code", "12")
    assert sign_in.payload("ConfirmSignUp")["ConfirmationCode"] == "12"
    sign_in.will("ResendConfirmationCode")
    ok("signup", "resend", "ada@example.edu")


def test_totp_is_enrolled_and_removed(
    run: Callable[..., Result],
    ok: Callable[..., str],
    ada: Profile,
    sign_in: Any,
    httpserver: HTTPServer,
):
    sign_in.will("AssociateSoftwareToken", {"SecretCode": "JBSWY3DP"})
    sign_in.will("VerifySoftwareToken", {"Status": "SUCCESS"})
    sign_in.will("SetUserMFAPreference")
    httpserver.expect_oneshot_request("/me").respond_with_json({"secondFactor": {"needed": True}})
    result = run("totp", "enrol", "--code", "123456")
    assert result.exit_code == 0
    assert "autoprovision login ada@example.edu" in result.stderr
    assert "JBSWY3DP" in result.stderr
    assert sign_in.payload("VerifySoftwareToken") == {
        "UserCode": "123456",
        "AccessToken": "access-ada",
    }
    assert sign_in.payload("SetUserMFAPreference")["SoftwareTokenMfaSettings"]["Enabled"] is True
    sign_in.asked.clear()
    sign_in.will("SetUserMFAPreference")
    ok("totp", "remove")
    assert sign_in.payload("SetUserMFAPreference")["SoftwareTokenMfaSettings"]["Enabled"] is False


def test_a_code_that_does_not_fit_enrols_nothing(
    run: Callable[..., Result], ada: Profile, sign_in: Any
):
    sign_in.will("AssociateSoftwareToken", {"SecretCode": "JBSWY3DP"})
    sign_in.will("VerifySoftwareToken", {"Status": "ERROR"})
    result = run("totp", "enrol", "--code", "1")
    assert result.exit_code == 1
    assert [name for name, _ in sign_in.asked] == ["AssociateSoftwareToken", "VerifySoftwareToken"]


def test_a_broken_profile_file_is_told(run: Callable[..., Result], data: Path):
    (data / "profiles").mkdir()
    (data / "profiles" / "default.json").write_text("{")
    result = run("token")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, platform: Platform):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CliError, match="cannot be written"):
        ProfileStore(tmp_path / "file").save(Profile("default", platform))


def test_secrets_do_not_show_in_representations(platform: Platform):
    tokens = Tokens("canary-a", "canary-r", 1.0)
    known = KnownPlatform(platform, embedded=True, admin_password="canary-p")
    assert "canary" not in repr(Profile("p", platform, "e", tokens)) + repr(known)
