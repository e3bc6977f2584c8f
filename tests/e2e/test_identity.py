"""Who may ask: sign-up, second factors, passwords and tokens, on a platform that needs them."""

import base64
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests.e2e.conftest import PASSWORD, Person, World
from tests.kit import totp

from autoprovision.embedded import launcher, localhost_names
from autoprovision.embedded.platform import install

NEW_PASSWORD = "Another-horse-battery-8"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[World]:
    """A platform where approvers and admins need a second factor and example.edu may sign up."""
    localhost_names.install()
    data = tmp_path_factory.mktemp("guarded")
    aws = launcher.start(data)
    parameters = {"MfaRoles": "approver,admin", "SelfSignUpDomains": "example.edu"}
    try:
        yield World(aws, install(aws, say=lambda _: None, parameters=parameters))
    finally:
        launcher.stop(data)


@pytest.fixture(scope="module")
def chief(guarded) -> Person:
    """The admin, with a second factor."""
    secret = enrol(guarded, guarded.admin)
    return sign_in_with_code(guarded, guarded.admin.email, guarded.installed.admin_password, secret)


def enrol(world: World, person: Person) -> str:
    """Enrol an authenticator app as the command line does; its secret."""
    cognito = world.client("cognito-idp")
    secret = cognito.associate_software_token(AccessToken=person.token)["SecretCode"]
    cognito.verify_software_token(AccessToken=person.token, UserCode=totp.code(secret))
    cognito.set_user_mfa_preference(
        AccessToken=person.token,
        SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
    )
    assert person.get("/me").json()["secondFactor"]["enrolled"] is True
    return secret


def challenged(world: World, email: str, password: str) -> dict:
    return world.client("cognito-idp").initiate_auth(
        ClientId=world.installed.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )  # fmt: skip


def answered(world: World, email: str, challenge: dict, code: str) -> dict:
    return world.client("cognito-idp").respond_to_auth_challenge(
        ClientId=world.installed.user_pool_client_id, ChallengeName=challenge["ChallengeName"],
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": email, "SOFTWARE_TOKEN_MFA_CODE": code},
    )["AuthenticationResult"]  # fmt: skip


def bearer(world: World, email: str, token: str) -> Person:
    http = httpx.Client(
        base_url=world.installed.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    return Person(http, email, http.get("/me").json().get("id", ""), token)


def sign_in_with_code(world: World, email: str, password: str, secret: str) -> Person:
    """Signed in with the second factor, in a later second than that of its enrolment."""
    deadline = time.monotonic() + 20
    while True:
        challenge = challenged(world, email, password)
        assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        result = answered(world, email, challenge, totp.code(secret))
        person = bearer(world, email, result["AccessToken"])
        if (
            person.get("/me").json()["secondFactor"]["thisSignIn"]
            != "signed in before it was enrolled"
        ):
            return person
        assert time.monotonic() < deadline


def claims(token: str) -> dict:
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def test_a_role_that_needs_a_second_factor_may_do_nothing_without(guarded, chief):
    unit = guarded_unit(chief)
    bo = person_of(guarded, chief, unit, "approver")
    refused = bo.get("/requests")
    assert (refused.status_code, refused.json()["code"]) == (403, "MFA_REQUIRED")
    assert "GET /me" in refused.json()["detail"]
    for path in ("/approvals", "/applications", "/business-units", f"/business-units/{unit}"):
        assert bo.get(path).json()["code"] == "MFA_REQUIRED"
    assert bo.post("/requests", {}).status_code in {400, 403}
    me = bo.get("/me").json()["secondFactor"]
    assert me == {"needed": True, "enrolled": False, "thisSignIn": "not enrolled"}

    before = challenged(guarded, bo.email, PASSWORD)["AuthenticationResult"]
    secret = enrol(guarded, bo)
    old = bo.get("/requests")
    assert (old.status_code, old.json()["code"]) == (403, "MFA_REQUIRED")
    refreshed = guarded.client("cognito-idp").initiate_auth(
        ClientId=guarded.installed.user_pool_client_id, AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": before["RefreshToken"]},
    )["AuthenticationResult"]["AccessToken"]  # fmt: skip
    assert claims(refreshed)["auth_time"] == claims(before["AccessToken"])["auth_time"]
    assert bearer(guarded, bo.email, refreshed).get("/requests").status_code == 403

    challenge = challenged(guarded, bo.email, PASSWORD)
    wrong = f"{(int(totp.code(secret)) + 1) % 10**6:06d}"
    with pytest.raises(guarded.client("cognito-idp").exceptions.CodeMismatchException):
        answered(guarded, bo.email, challenge, wrong)
    bo = sign_in_with_code(guarded, bo.email, PASSWORD, secret)
    assert bo.get("/requests").status_code == 200

    guarded.client("cognito-idp").set_user_mfa_preference(
        AccessToken=bo.token, SoftwareTokenMfaSettings={"Enabled": False}
    )
    assert bo.get("/requests").status_code == 403, "switched off it counts no more, at once"


def test_a_lost_device_is_forgotten_by_an_admin(guarded, chief):
    bo = person_of(guarded, chief, guarded_unit(chief), "approver")
    enrol(guarded, bo)
    assert challenged(guarded, bo.email, PASSWORD)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    answer = chief.http.patch(f"/users/{bo.id}", json={"forgetSecondFactor": True})
    assert answer.status_code == 200, answer.text
    again = bearer(guarded, bo.email, challenged(guarded, bo.email, PASSWORD)["AuthenticationResult"]["AccessToken"])  # fmt: skip
    assert again.get("/requests").json()["code"] == "MFA_REQUIRED"
    secret = enrol(guarded, again)
    assert (
        sign_in_with_code(guarded, bo.email, PASSWORD, secret).get("/requests").status_code == 200
    )


def test_a_promotion_needs_the_second_factor_at_once(guarded, chief):
    ada = person_of(guarded, chief, guarded_unit(chief), "requester")
    assert ada.get("/requests").status_code == 200, "requesters need none"
    chief.http.patch(f"/users/{ada.id}", json={"role": "approver"})
    assert ada.get("/requests").json()["code"] == "MFA_REQUIRED", "with the same token"


def test_sign_up_is_for_allowed_domains_and_leads_to_nobody_s_quota(guarded, chief):
    signed_up = "newcomer@example.edu"
    started = cli(guarded, "signup", "start", signed_up, "--password-stdin", stdin=PASSWORD)
    assert started.returncode == 0, started.stderr
    early = cli(guarded, "login", signed_up, "--password-stdin", stdin=PASSWORD)
    assert early.returncode == 1
    assert "signup confirm" in early.stderr
    confirmed = cli(guarded, "signup", "confirm", signed_up, "--code", "123456")
    assert confirmed.returncode == 0, confirmed.stderr
    other = cli(
        guarded, "signup", "start", "mallory@example.org", "--password-stdin", stdin=PASSWORD
    )
    assert other.returncode == 1
    assert "ask for an invitation" in other.stderr

    ada = guarded.sign_in(signed_up)
    assert ada.get("/me").json() | {"id": 0, "secondFactor": 0} == {
        "id": 0, "email": signed_up, "role": "requester", "unit": None, "approvesFor": [],
        "quota": None, "secondFactor": 0,
    }  # fmt: skip
    template = {
        "ApplicationName": "first-try", "TargetEnvironment": "dev", "ProjectType": "Static",
        "ProjectURL": "https://github.com/acme/site", "ProjectEmail": "a@example.edu",
    }  # fmt: skip
    refused = ada.post("/requests", template)
    assert refused.status_code == 400
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        ("/BusinessUnit", "NO_UNIT")
    ]
    assert ada.get("/requests").json() == {"items": [], "next": None}
    assert ada.get("/business-units").json() == {"items": [], "next": None}
    unit = guarded_unit(chief)
    assert ada.post("/plans", {**template, "BusinessUnit": unit}).status_code == 404
    chief.http.patch(f"/users/{ada.id}", json={"unit": unit})
    assert ada.post("/plans", template).status_code == 200, "tagged, at once, with the same token"


def test_nobody_tags_themselves(guarded, chief):
    ada = person_of(guarded, chief, guarded_unit(chief), "requester")
    cognito = guarded.client("cognito-idp")
    for name in ("custom:BusinessUnit", "custom:Quota", "custom:Role", "email_verified"):
        with pytest.raises(cognito.exceptions.NotAuthorizedException):
            cognito.update_user_attributes(
                AccessToken=ada.token, UserAttributes=[{"Name": name, "Value": "admin"}]
            )
    with pytest.raises(cognito.exceptions.NotAuthorizedException):
        cognito.sign_up(
            ClientId=guarded.installed.user_pool_client_id, Username="eve@example.edu",
            Password=PASSWORD, UserAttributes=[{"Name": "custom:Role", "Value": "admin"}],
        )  # fmt: skip


def test_an_invited_person_chooses_a_password_of_their_own(guarded, chief):
    email = "invited@example.edu"
    assert chief.post("/users", {"email": email, "unit": guarded_unit(chief)}).status_code == 201
    (mail,) = guarded.mailed(email)
    first = re.search(
        r"temporary password (\S+) within", re.sub("<[^>]+>", " ", mail.html or mail.text)
    )
    assert first, mail.text
    done = cli(guarded, "login", email, "--password-stdin", stdin=f"{first[1]}\n{NEW_PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    assert guarded.sign_in(email, NEW_PASSWORD).get("/me").json()["email"] == email


def test_totp_password_refresh_and_sign_out_from_the_command_line(guarded, chief):
    bo = person_of(guarded, chief, guarded_unit(chief), "approver")
    assert cli(guarded, "login", bo.email, "--password-stdin", stdin=PASSWORD).returncode == 0
    refused = cli(guarded, "request", "list")
    assert refused.returncode == 1
    assert "autoprovision totp enrol" in refused.stderr
    secret = enrol_by_command(guarded)
    login = sign_in_by_command(guarded, bo.email, PASSWORD, secret)
    assert login.returncode == 0, login.stderr
    changed = cli(
        guarded, "password", "change", "--password-stdin", stdin=f"{PASSWORD}\n{NEW_PASSWORD}\n"
    )
    assert changed.returncode == 0, changed.stderr
    first = json.loads(cli(guarded, "token", "--json").stdout)["accessToken"]
    expire_profile(guarded)
    again = cli(guarded, "token", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["accessToken"] != first
    assert cli(guarded, "request", "list").returncode == 0
    kept = profile_tokens(guarded)
    assert cli(guarded, "logout").returncode == 0
    assert cli(guarded, "request", "list").returncode == 1
    with pytest.raises(guarded.client("cognito-idp").exceptions.ClientError):
        guarded.client("cognito-idp").initiate_auth(
            ClientId=guarded.installed.user_pool_client_id, AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": kept["refresh"]},
        )  # fmt: skip
    assert cli(guarded, "password", "forgot", bo.email).returncode == 0
    code = re.findall(r"\b\d{6}\b", guarded.mailed(bo.email)[-1].text)[-1]
    wrong = cli(guarded, "password", "reset", bo.email, "--code", "1", "--password-stdin", stdin=PASSWORD)  # fmt: skip
    assert wrong.returncode == 1
    reset = cli(
        guarded, "password", "reset", bo.email, "--code", code, "--password-stdin", stdin=PASSWORD
    )
    assert reset.returncode == 0, reset.stderr
    assert challenged(guarded, bo.email, PASSWORD)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_two_admins_cannot_take_each_other_s_role_at_once(guarded, chief):
    for _ in range(3):
        first, second = (admin_with_code(guarded, chief) for _ in range(2))
        answers: list[int] = []

        def demote(by: Person, whom: Person, answers: list[int] = answers) -> None:
            answers.append(
                by.http.patch(f"/users/{whom.id}", json={"role": "requester"}).status_code
            )

        both = [
            threading.Thread(target=demote, args=pair)
            for pair in ((first, second), (second, first))
        ]
        for one in both:
            one.start()
        for one in both:
            one.join()
        roles = {
            user["role"]
            for user in chief.get("/users", limit=100).json()["items"]
            if user["id"] in {first.id, second.id}
        }
        assert min(answers) == 200
        assert max(answers) in {403, 409}
        assert roles == {"admin", "requester"}
    own = chief.http.patch(f"/users/{chief.id}", json={"role": "requester"})
    assert (own.status_code, own.json()["code"]) == (409, "LAST_ADMIN_GUARD")


def guarded_unit(chief: Person) -> str:
    name = f"unit-{time.time_ns()}"
    assert chief.http.put(f"/business-units/{name}", json={"quota": 20000}).status_code == 200
    return name


def person_of(world: World, chief: Person, unit: str, role: str) -> Person:
    email = f"p{time.time_ns()}@example.edu"
    body = {"email": email, "unit": unit, "role": role, "password": PASSWORD}
    assert chief.post("/users", body).status_code == 201
    return world.sign_in(email)


def admin_with_code(world: World, chief: Person) -> Person:
    person = person_of(world, chief, guarded_unit(chief), "admin")
    return sign_in_with_code(world, person.email, PASSWORD, enrol(world, person))


def cli(world: World, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    there = (
        ["--api-url", world.installed.api_url, "--region", world.installed.region,
         "--client-id", world.installed.user_pool_client_id,
         "--cognito-endpoint", world.installed.cognito_endpoint]
        if words[0] == "login" else []
    )  # fmt: skip
    if words[0] in {"signup", "password"}:
        remember_platform(world)
    return world.command("--profile", "cli", *words, *there, stdin=stdin)


def remember_platform(world: World) -> None:
    from autoprovision.cli.profiles import KnownPlatform, Platform, ProfileStore

    made = world.installed
    there = Platform(made.api_url, made.region, made.user_pool_client_id, made.cognito_endpoint)
    ProfileStore(world.aws.data).remember_platform(KnownPlatform(there, embedded=True))


def enrol_by_command(world: World) -> str:
    """`totp enrol`, as a person with an app would: the secret is read, its code typed in."""
    import os

    with subprocess.Popen(
        [sys.executable, "-m", "autoprovision", "--profile", "cli", "totp", "enrol", "--code-stdin"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "AUTOPROVISION_DATA": str(world.aws.data)},
    ) as process:  # fmt: skip
        assert process.stderr
        assert process.stdin
        secret = ""
        for line in process.stderr:
            if line.strip().startswith("secret"):
                secret = line.split()[1]
            if "otpauth" in line:
                break
        process.stdin.write(totp.code(secret) + "\n")
        process.stdin.close()
        told = process.stderr.read()
    assert process.returncode == 0, told
    assert "your role needs the code" in told
    return secret


def sign_in_by_command(
    world: World, email: str, password: str, secret: str
) -> subprocess.CompletedProcess[str]:
    """Signed in by the command line, in a later second than that of the enrolment."""
    deadline = time.monotonic() + 20
    while True:
        login = cli(
            world, "login", email, "--password-stdin", stdin=f"{password}\n{totp.code(secret)}\n"
        )
        works: Callable[[], bool] = lambda: cli(world, "request", "list").returncode == 0  # noqa: E731
        if login.returncode or works() or time.monotonic() > deadline:
            return login


def profile_file(world: World):
    return world.aws.data / "profiles" / "cli.json"


def profile_tokens(world: World) -> dict:
    return json.loads(profile_file(world).read_text("utf-8"))["tokens"]


def expire_profile(world: World) -> None:
    """Let the profile believe that its access token is at its end."""
    path = profile_file(world)
    document = json.loads(path.read_text("utf-8"))
    document["tokens"]["expiresAt"] = 1.0
    path.write_text(json.dumps(document), encoding="utf-8")
