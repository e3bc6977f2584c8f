"""Attacks that once worked, made over HTTP and S3 as a stranger or a colleague would make them."""

import base64
import http.server
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.e2e.conftest import Person, World

TOKEN = "ghp_" + "x7" * 18


@pytest.fixture(scope="module")
def unit(world: World) -> str:
    return world.unit()


@pytest.fixture(scope="module")
def ada(world: World, unit: str) -> Person:
    return world.person(unit)


@contextmanager
def listening_host() -> Iterator[tuple[str, list[str]]]:
    """A host that refuses everybody and remembers the credentials they came with."""
    seen: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization") or "")
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_kept_credential_is_for_the_repository_it_was_given_for(
    world: World, unit: str, ada: Person, template, git
):
    private = git(token=TOKEN)
    accepted = ada.post("/requests", template(ProjectURL=private, AccessToken=TOKEN)).json()
    application = ada.wait(accepted["id"])["applicationId"]
    colleague = world.person(unit)
    with listening_host() as (host, seen):
        for change in (
            {"ProjectURL": f"{host}/acme/site"},
            {"projecturl": f"{host}/acme/site"},
            {"ProjectURL": git(token=TOKEN)},
            {"ProjectURL": None},
        ):
            refused = colleague.http.patch(f"/applications/{application}", json=change)
            assert refused.status_code == 400, refused.text
        assert refused.json()["errors"][0]["pointer"] == "/ProjectURL"
        own = {"ProjectURL": f"{host}/acme/site", "AccessToken": "ghp_of_the_colleague"}
        update = colleague.http.patch(f"/applications/{application}", json=own).json()
        assert colleague.wait(update["id"])["status"] == "FAILED"
        assert seen, "the host was not asked at all"
        assert TOKEN not in json.dumps([decoded(one) for one in seen])
    again = ada.post(f"/applications/{application}/publish").json()
    assert ada.wait(again["id"])["status"] == "SUCCEEDED"


def decoded(authorization: str) -> str:
    return base64.b64decode(authorization.removeprefix("Basic ")).decode()


HALF = json.dumps("\ud800")
HOSTILE = {
    "deep": b"[" * 60_000,
    "half a key": f"{{{HALF}: 1}}".encode(),
    "half a name": f'{{"ApplicationName": {HALF}}}'.encode(),
    "controls": b'{"ApplicationName": "a\\u001b[31m\\r\\nBcc: x@example.edu"}',
    "infinity": b'{"Parameters": {"n": 1e999}}',
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_template_is_refused_and_breaks_no_list(world: World, unit: str, name: str):
    eve = world.person(unit)
    for path in ("/plans", "/requests"):
        answer = eve.http.post(path, content=HOSTILE[name])
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"]
    form = eve.post("/uploads").json()
    file = {"file": ("t.json", HOSTILE[name], "application/json")}
    assert httpx.post(form["url"], data=form["fields"], files=file).status_code == 204
    deadline = time.monotonic() + 60
    kept: list[dict] = []
    while not kept and time.monotonic() < deadline:
        listed = eve.get("/requests", limit=100)
        assert listed.status_code == 200, listed.text
        kept = [one for one in listed.json()["items"] if one["submittedBy"] == eve.email]
        time.sleep(0.1)
    assert [one["status"] for one in kept] == ["INVALID"]
    assert "\x1b" not in json.dumps(kept, ensure_ascii=False)
    (mail,) = world.mailed(eve.email)
    assert mail.subject.isprintable()


@pytest.mark.parametrize("limit", ["00000100000", "0001000", "000", "1000"])
def test_a_page_is_never_longer_than_the_longest(ada: Person, limit: str):
    assert ada.get("/requests", limit=limit).status_code == 400


@pytest.mark.parametrize("noun", ["requests", "applications", "approvals"])
def test_a_name_longer_than_a_key_is_nobody_s(world: World, noun: str):
    assert world.admin.get(f"/{noun}/{'x' * 4000}").status_code == 404


def test_a_query_that_names_nothing_or_too_much(world: World):
    assert world.admin.get("/requests", unit="").status_code == 200
    assert world.admin.get("/applications", unit="x" * 4000).status_code == 400
    assert world.admin.http.patch(f"/users/{'x' * 4000}", json={}).status_code == 404


def test_a_delegation_beyond_the_calendar_is_refused(world: World, unit: str):
    away, stand_in = (world.person(None, "approver", approvesFor=[unit]) for _ in "ab")
    body = {"to": stand_in.email, "from": "9000-01-01", "until": "99999w"}
    refused = away.post("/delegations", body)
    assert refused.status_code == 400, refused.text
    assert refused.json()["errors"][0]["pointer"] == "/until"


def test_creating_somebody_again_with_another_quota_is_not_ignored(world: World, unit: str):
    body = {"email": f"q{uuid.uuid4().hex[:8]}@example.edu", "unit": unit, "quota": 100}
    assert world.admin.post("/users", body).status_code == 201
    assert world.admin.post("/users", body).status_code == 201
    assert world.admin.post("/users", {**body, "quota": 5}).json()["code"] == "USER_EXISTS"


def test_a_comment_steers_no_terminal_and_a_status_stays_a_number(
    world: World, ada: Person, template
):
    body = template(TargetEnvironment="prod")
    request = ada.post("/requests", body).json()["id"]
    ada.wait(request, until=lambda one: one["status"] == "AWAITING_APPROVAL")
    ada.wait(request, until=lambda _: world.admin.get(f"/approvals/{request}").status_code == 200)
    digest = world.admin.get(f"/approvals/{request}").json()["planDigest"]
    comment = "<script>alert(1)</script>\r\nBcc: x@example.edu\r\n\x1b[31mred"
    no = {"decision": "REJECTED", "planDigest": digest, "comment": comment}
    assert world.admin.post(f"/approvals/{request}", no).status_code == 200
    assert ada.wait(request)["status"] == "REJECTED"
    problem = world.admin.post(f"/approvals/{request}", no | {"decision": "APPROVED"}).json()
    assert (problem["status"], problem["currentStatus"]) == (409, "REJECTED")
    mail = next(one for one in world.mailed(body["ProjectEmail"]) if "not approved" in one.subject)
    assert "red" in mail.text
    assert not {"\x1b", "\r"} & set(mail.text)
