"""The authorization matrix, made from the tables of operations and roles, on the real API.

Every operation is asked by every role for a thing of their own unit and of another's, and with
every kind of token that must not count.
"""

import base64
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import PASSWORD, Person, World

from autoprovision.aws.findings_table import FindingsTable
from autoprovision.domain.actor import AUTHORIZATION, Role, Scope
from autoprovision.domain.finding import FindingKind, Found, begun
from autoprovision.functions.routes import OPERATIONS

ROLES = tuple(Role)
# Routes whose thing belongs to a business unit: for them there is an own one and another's.
OF_A_UNIT = [route for route in OPERATIONS if re.search(r"\{(id|requestId|unit)\}", route)]
OF_A_UNIT = [route for route in OF_A_UNIT if "/users/" not in route and "/blueprints/" not in route]
NAMES_UNIT = ["POST /plans", "POST /requests"]
LISTS = [route for route in OPERATIONS if route.startswith("GET ") and OPERATIONS[route].paged]
NOWHERE = "req_00000000000000000000000000"


KNOWN = begun(Found(FindingKind.ORPHAN, "a-stack", "It has no application."), "2026-11-01")


@dataclass(frozen=True)
class Estate:
    """A unit with somebody in it, a request that has ended, its application, an open question."""

    unit: str
    owner: Person
    request: str
    application: str
    question: str

    def fill(self, path: str) -> str:
        """The path of a route with this estate's things in it."""
        noun = path.split("/")[1]
        thing = {
            "requests": self.request, "applications": self.application, "users": self.owner.id,
            "blueprints": "static-site", "findings": KNOWN.id,
        }  # fmt: skip
        path = path.replace("{requestId}", self.question).replace("{unit}", self.unit)
        return path.replace("{id}", thing.get(noun, "x"))

    def names(self) -> set[str]:
        return {self.unit, self.request, self.application, self.question}


def body_for(route: str, estate: Estate) -> Any:
    """A body that is read without fault and, where it counts, changes nothing."""
    template = {
        "ApplicationName": f"app-{uuid.uuid4().hex[:8]}", "TargetEnvironment": "dev",
        "ProjectType": "Static", "ProjectURL": "http://127.0.0.1:9/acme/site",
        "ProjectEmail": "a@example.edu", "BusinessUnit": estate.unit,
    }  # fmt: skip
    return {
        "POST /plans": template,
        "POST /requests": template,
        "POST /approvals/{requestId}": {"decision": "REJECTED", "planDigest": "sha256:another"},
        "POST /delegations": {"to": "nobody@example.edu", "until": "2020-01-01T00:00:00Z"},
        "POST /findings/{id}/acknowledge": {"comment": "Seen."},
        "POST /findings/{id}/resolve": {"comment": "Done."},
        "POST /applications/{id}/operations": {"operation": "none"},
        "POST /applications/{id}/extend": {"duration": "1h"},
        "PUT /applications/{id}/business-unit": {"businessUnit": estate.unit},
        "PUT /business-units/{unit}": {"quota": 0},
        "POST /users": {"email": "no address"},
        "POST /users/import": {"rows": [{"email": "no address"}]},
    }.get(route, {})  # fmt: skip


@pytest.fixture(scope="module")
def estates(world: World) -> tuple[Estate, Estate]:
    FindingsTable(world.aws.client("dynamodb"), "autoprovision-findings").save(
        KNOWN, expected_version=0
    )
    own, other = (begin_estate(world) for _ in range(2))
    return finish_estate(world, own), finish_estate(world, other)


def begin_estate(world: World) -> tuple[str, Person, dict, dict]:
    unit = world.unit()
    owner = world.person(unit)
    ended, asked = (
        owner.post(
            "/requests",
            {
                "ApplicationName": f"app-{uuid.uuid4().hex[:8]}", "TargetEnvironment": environment,
                "ProjectType": "Static", "ProjectURL": "http://127.0.0.1:9/acme/site",
                "ProjectEmail": "a@example.edu",
            },
        ).json()
        for environment in ("dev", "prod")
    )  # fmt: skip
    return unit, owner, ended, asked


def finish_estate(world: World, begun: tuple[str, Person, dict, dict]) -> Estate:
    unit, owner, ended, asked = begun
    assert owner.wait(ended["id"], seconds=300)["status"] == "FAILED"
    owner.wait(asked["id"], until=lambda one: one["status"] == "AWAITING_APPROVAL", seconds=300)
    deadline = time.monotonic() + 30
    while world.admin.get(f"/approvals/{asked['id']}").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # Nothing fits any more, so whoever may submit is told OVER_QUOTA and nothing begins.
    lowered = world.admin.http.put(f"/business-units/{unit}", json={"quota": 0})
    assert lowered.json()["over"] is True
    return Estate(unit, owner, ended["id"], ended["applicationId"], asked["id"])


@pytest.fixture(scope="module")
def people(world: World, estates: tuple[Estate, Estate]) -> dict[Role, Person]:
    unit = estates[0].unit
    return {role: world.person(unit, role.value) for role in Role}


def ask(person: Person, route: str, estate: Estate) -> httpx.Response:
    method, path = route.split(" ")
    body = body_for(route, estate) if method != "GET" else None
    return person.http.request(method, estate.fill(path), json=body)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", OPERATIONS)
def test_an_operation_is_for_the_roles_of_the_table(estates, people, route: str, role: Role):
    scope = AUTHORIZATION[OPERATIONS[route].name][ROLES.index(role)]
    answer = ask(people[role], route, estates[0])
    if scope is Scope.NONE:
        assert answer.status_code == 403, answer.text
        assert answer.json()["code"] == "FORBIDDEN"
    else:
        assert answer.status_code not in {401, 403, 404}, answer.text
    assert answer.status_code < 500


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", [*OF_A_UNIT, *NAMES_UNIT])
def test_what_is_another_unit_s_does_not_exist(estates, people, route: str, role: Role):
    scope = AUTHORIZATION[OPERATIONS[route].name][ROLES.index(role)]
    own, other = estates
    answer = ask(people[role], route, other)
    if scope is Scope.NONE:
        assert answer.status_code == 403, answer.text
    elif scope is Scope.EVERYTHING:
        assert answer.status_code not in {401, 403, 404}, answer.text
    else:
        nothing = Estate("no-such-unit", own.owner, NOWHERE, "app_0", NOWHERE)
        missing = ask(people[role], route, nothing)
        assert (answer.status_code, missing.status_code) == (404, 404), answer.text
        assert blurred(answer, other) == blurred(missing, nothing), "both answers are alike"


def blurred(answer: httpx.Response, estate: Estate) -> str:
    text = answer.text
    for name in estate.names():
        text = text.replace(name, "…")
    return text


@pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER])
@pytest.mark.parametrize("route", LISTS)
def test_a_list_holds_nothing_of_another_unit(estates, people, route: str, role: Role):
    own, other = estates
    path = own.fill(route.split(" ")[1])
    for query in ({"limit": 100}, {"limit": 100, "unit": other.unit}):
        answer = people[role].get(path, **query)
        assert answer.status_code in {200, 403}
        assert not [name for name in other.names() if name in answer.text]


def test_a_cursor_of_another_unit_or_list_opens_nothing(world, estates, people):
    own, other = estates
    ada = people[Role.REQUESTER]
    theirs = world.admin.get(f"/business-units/{other.unit}/ledger", limit=1).json()["next"]
    requests = world.admin.get("/requests", limit=1).json()["next"]
    for path, cursor, status in (
        (f"/business-units/{own.unit}/ledger", theirs, 400),
        (f"/business-units/{own.unit}/ledger", requests, 400),
        ("/applications", requests, 400),
        (f"/requests/{own.request}/events", requests, 400),
        ("/requests", requests, 200),
    ):
        answer = ada.get(path, cursor=cursor)
        assert answer.status_code == status, answer.text
        assert not [name for name in other.names() if name in answer.text]
    for forged in damaged_cursors(f"ledger:{own.unit}"):
        answer = ada.get(f"/business-units/{own.unit}/ledger", cursor=forged)
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["code"] == "INVALID_CURSOR"


def damaged_cursors(name: str) -> list[str]:
    positions: list[Any] = [
        1, [], {}, {"after": "x"}, {"after": 1, "free": 1, "held": 1, "committed": 1},
        {"after": "x", "free": "1", "held": 1, "committed": 1},
        {"after": "x" * 2000, "free": 1, "held": 1, "committed": 1}, "x",
    ]  # fmt: skip
    made = [
        base64.urlsafe_b64encode(json.dumps([name, one]).encode()).decode() for one in positions
    ]
    return [*made, "%", "not base64", "e30=", "A" * 5000]


# ------------------------------------------------------------------------------------- tokens


@pytest.fixture(scope="module")
def bad_tokens(world: World) -> dict[str, str | None]:
    """Every kind of token that must not count, most of them of an active admin."""
    cognito, made = world.client("cognito-idp"), world.installed
    person = world.person(None, "admin")
    good = sign_in(cognito, made.user_pool_client_id, person.email)
    header, payload, signature = good["AccessToken"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["sub"] = world.admin.id
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    flipped = ("A" if signature[9] != "A" else "B").join((signature[:9], signature[10:]))
    return {
        "none": None,
        "garbage": "garbage",
        "an ID token": good["IdToken"],
        "a refresh token": good["RefreshToken"],
        "another signature": f"{header}.{payload}.{flipped}",
        "another person in it": f"{header}.{forged}.{signature}",
        "unsigned": f"{unsigned}.{forged}.",
        "of another client": of_another_client(cognito, made.user_pool_id, person.email),
        "of another pool": of_another_pool(cognito),
        "expired": expired(cognito, made, person.email),
        "of somebody disabled": of_somebody_disabled(world),
    }


def sign_in(cognito: Any, client: str, email: str) -> dict[str, str]:
    return cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]  # fmt: skip


def client_of(cognito: Any, pool: str, **more: Any) -> str:
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    return cognito.create_user_pool_client(
        UserPoolId=pool, ClientName=f"c-{uuid.uuid4().hex}", ExplicitAuthFlows=flows, **more
    )["UserPoolClient"]["ClientId"]


def of_another_client(cognito: Any, pool: str, email: str) -> str:
    return sign_in(cognito, client_of(cognito, pool), email)["AccessToken"]


def of_another_pool(cognito: Any) -> str:
    pool = cognito.create_user_pool(PoolName=f"p-{uuid.uuid4().hex}")["UserPool"]["Id"]
    cognito.admin_create_user(UserPoolId=pool, Username="eve", MessageAction="SUPPRESS")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username="eve", Password=PASSWORD, Permanent=True
    )
    return sign_in(cognito, client_of(cognito, pool), "eve")["AccessToken"]


def expired(cognito: Any, made: Any, email: str) -> str:
    """One that was good: the client's tokens live a second while it is made."""
    ours = {"UserPoolId": made.user_pool_id, "ClientId": made.user_pool_client_id}
    before = cognito.describe_user_pool_client(**ours)["UserPoolClient"]
    kept = {
        name: before[name]
        for name in ("ClientName", "ExplicitAuthFlows", "ReadAttributes", "WriteAttributes",
                     "RefreshTokenValidity", "IdTokenValidity")
    }  # fmt: skip
    units = {"IdToken": "minutes", "RefreshToken": "days"}
    try:
        cognito.update_user_pool_client(
            **ours, **kept, AccessTokenValidity=1,
            TokenValidityUnits={**units, "AccessToken": "seconds"},
        )  # fmt: skip
        token = sign_in(cognito, made.user_pool_client_id, email)["AccessToken"]
    finally:
        cognito.update_user_pool_client(
            **ours, **kept, AccessTokenValidity=before["AccessTokenValidity"],
            TokenValidityUnits={**units, "AccessToken": "minutes"},
        )  # fmt: skip
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 1
    while time.time() <= claims["exp"] + 1:
        time.sleep(0.1)
    return token


def of_somebody_disabled(world: World) -> str:
    person = world.person(None, "admin")
    assert world.admin.http.patch(f"/users/{person.id}", json={"status": "DISABLED"}).is_success
    return person.token


FAULTS = (
    "none", "garbage", "an ID token", "a refresh token", "another signature",
    "another person in it", "unsigned", "of another client", "of another pool", "expired",
    "of somebody disabled",
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_token_that_does_not_count_opens_nothing(world, estates, bad_tokens, fault: str):
    token = bad_tokens[fault]
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    with httpx.Client(base_url=world.installed.api_url, headers=headers, timeout=60) as http:
        nobody = Person(http, "", "", token or "")
        for route in OPERATIONS:
            answer = ask(nobody, route, estates[0])
            # ID and refresh tokens have no scope, which API Gateway calls forbidden.
            without_scope = fault in {"an ID token", "a refresh token"}
            assert answer.status_code in ({401, 403} if without_scope else {401}), route
            assert not [name for name in estates[0].names() if name in answer.text]
