"""Approvals over HTTP on the whole platform: who may decide, what a decision is bound to."""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
import yaml
from tests.e2e.conftest import PASSWORD, Person, World

from autoprovision.deployer.blueprint_folder import render_folder
from autoprovision.deployer.catalog import publish_catalog
from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.sources import Sources, find_sources
from autoprovision.domain.request import TargetEnvironment
from autoprovision.embedded.platform import install


def waiting(person: Person, world: World, template: dict) -> dict:
    """A request whose question is open, with the approval as an admin sees it."""
    accepted = person.post("/requests", template)
    assert accepted.status_code == 202, accepted.text
    return opened(person, world, accepted.json()["id"])


def opened(person: Person, world: World, request_id: str, number: int = 1) -> dict:
    def is_open(_: dict) -> bool:
        found = world.admin.get(f"/approvals/{request_id}")
        known = found.json() if found.status_code == 200 else {}
        return (known.get("status"), known.get("round")) == ("OPEN", number)

    person.wait(request_id, until=is_open)
    return world.admin.get(f"/approvals/{request_id}").json()


def decide(
    person: Person, question: dict, decision: str = "APPROVED", comment: str = "Fits.", **more: Any
) -> httpx.Response:
    body = {"decision": decision, "comment": comment, "planDigest": question["planDigest"]}
    return person.post(f"/approvals/{question['requestId']}", {**body, **more})


def balance(person: Person, unit: str) -> dict:
    return person.get(f"/business-units/{unit}").json()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def unit(world: World) -> str:
    return world.unit()


@pytest.fixture
def ada(world: World, unit: str) -> Person:
    return world.person(unit)


@pytest.fixture
def bob(world: World, unit: str) -> Person:
    return world.person(unit, "approver")


def test_a_plan_says_why_a_person_is_asked_and_what_would_make_it_automatic(ada: Person, template):
    assert ada.post("/plans", template()).json()["approval"]["verdict"] == "AUTOMATIC"
    dev = ada.post("/plans", template(ExpiresAfter="60d")).json()["approval"]
    assert dev["reasons"] == ["It would live in dev for 60 days, which is more than 30 days."]
    sent = template(TargetEnvironment="prod")
    planned = ada.post("/plans", sent).json()["approval"]
    assert planned["verdict"] == "ONE_APPROVER"
    assert "What happens in prod is always decided by a person." in planned["reasons"]
    assert "use stag instead of prod" in planned["easiestChange"]
    asked = ada.post("/requests", sent).json()
    assert asked["plan"]["approval"] == planned


def test_prod_is_approved_by_somebody_else_and_never_by_its_author(
    world: World, unit: str, bob: Person, template
):
    ada = world.person(unit, "approver")
    stranger = world.person(world.unit(), "approver")
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    mails = world.mailed(bob.email)
    assert len(mails) == 1
    assert question["question"] in mails[0].text
    assert not world.mails(ada.email)
    path = f"/approvals/{question['requestId']}"
    before = bob.get(path).json()
    for _ in range(3):
        # A mail scanner that follows links, and a person who only looks.
        assert (
            bob.get(path, decision="APPROVED", planDigest=question["planDigest"]).json() == before
        )
        assert httpx.get(str(bob.http.base_url).rstrip("/") + path).status_code == 401
    assert refusal(stranger.get(path)) == (404, "NOT_FOUND")
    assert refusal(decide(stranger, question)) == (404, "NOT_FOUND")
    assert refusal(decide(world.person(unit), question)) == (403, "FORBIDDEN")
    assert refusal(decide(ada, question)) == (403, "OWN_REQUEST")
    stale = decide(bob, {**question, "planDigest": "sha256:" + "0" * 64})
    assert refusal(stale) == (409, "STALE_DECISION")
    assert stale.json()["planDigest"] == question["planDigest"]
    assert refusal(decide(bob, {**question, "requestId": "req_unknown"})) == (404, "NOT_FOUND")
    assert bob.get(path).json() == before
    answer = decide(bob, question, comment="Fits the course.")
    assert answer.status_code == 200, answer.text
    assert [one["by"] for one in answer.json()["decisions"]] == [bob.email]
    assert answer.json()["decisions"][0]["signature"]
    done = ada.wait(question["requestId"])
    assert done["status"] == "SUCCEEDED"
    told = ada.get(f"/requests/{done['id']}/events", limit=100).json()["items"]
    assert any(f"{bob.email}. Fits the course." in one["message"] for one in told)
    assert refusal(decide(bob, question)) == (409, "APPROVAL_CLOSED")


def test_a_rejection_says_who_when_and_why_and_is_resubmitted_with_changes(
    world: World, unit: str, ada: Person, bob: Person, template
):
    sent = template(TargetEnvironment="prod", AccessToken="canary-4711-resubmit")
    question = waiting(ada, world, sent)
    assert refusal(decide(bob, question, "REJECTED", "  ")) == (400, "INVALID_INPUT")
    assert decide(bob, question, "REJECTED", "Use dev.").json()["status"] == "REJECTED"
    done = ada.wait(question["requestId"])
    assert (done["status"], done["reason"]) == ("REJECTED", "REJECTED")
    assert done["message"].startswith(f"{bob.email} rejected it on 20")
    assert done["message"].endswith("UTC: Use dev.")
    assert balance(ada, unit)["held"] == 0
    mail = world.mailed(sent["ProjectEmail"])[0]
    assert done["message"] in mail.text
    assert f"request resubmit {done['id']}" in mail.text
    again = ada.post(f"/requests/{done['id']}/resubmit", {"targetenvironment": "dev"})
    assert again.status_code == 202, again.text
    request = ada.wait(again.json()["id"])
    assert (request["status"], request["targetEnvironment"]) == ("SUCCEEDED", "dev")
    assert request["applicationName"] == sent["ApplicationName"]
    assert "canary" not in json.dumps([done, request])


def test_two_approvers_are_two_people_and_a_stand_in_makes_nobody_two(
    world: World, unit: str, bob: Person, template
):
    ada = world.person(unit, quota=None)
    publish_rule(world, unit, "both-look", 20, {"environment": ["stag"]})
    carol = world.person(world.unit(), "approver")
    dan = world.person(unit, "approver")
    question = waiting(ada, world, template(TargetEnvironment="stag"))
    assert (question["approversNeeded"], question["approversMissing"]) == (2, 2)
    assert decide(bob, question).json()["approversMissing"] == 1
    assert refusal(decide(bob, question)) == (409, "SAME_PERSON")
    given = bob.post("/delegations", {"to": carol.email, "until": "5d"})
    assert given.status_code == 201, given.text
    assert carol.get("/delegations").json()["received"] == [given.json()]
    assert refusal(decide(carol, question)) == (409, "SAME_PERSON")
    assert bob.http.delete("/delegations").json()["given"] is None
    assert refusal(decide(carol, question)) == (404, "NOT_FOUND")
    # Dan is away as well, and Carol decides for him; he is another person than Bob.
    assert dan.post("/delegations", {"to": carol.email, "until": "2099-01-01"}).status_code == 400
    assert dan.post("/delegations", {"to": carol.email, "until": "1w"}).status_code == 201
    last = decide(carol, question, onBehalfOf=dan.email)
    assert last.json()["status"] == "APPROVED", last.text
    assert ada.wait(question["requestId"])["status"] == "SUCCEEDED"
    assert refusal(ada.post("/delegations", {"to": bob.email, "until": "1w"})) == (403, "FORBIDDEN")
    far = {"to": carol.email, "from": "2099-01-01", "until": "2099-01-02"}
    assert dan.post("/delegations", far).json()["inForce"] is False
    assert dan.http.delete("/delegations").json() == {"given": None, "received": []}


def publish_rule(world: World, unit: str, rule: str, weight: int, when: dict) -> dict:
    """Put a policy in force that has one rule more, for one business unit."""
    policy = world.admin.get("/policy").json()["policy"]
    extra = {
        "id": rule, "reason": "It is the rule of a test.", "weight": weight, "units": [unit],
        "when": when,
    }  # fmt: skip
    rules = [one for one in policy["rules"] if one["id"] != rule]
    changed = {**policy, "version": uuid.uuid4().hex[:12], "rules": [*rules, extra]}
    answer = world.admin.http.put("/policy", json=changed)
    assert answer.status_code == 200, answer.text
    return changed


def test_four_at_one_instant_have_one_winner(world: World, unit: str, ada, bob, template):
    carol = world.person(unit, "approver")
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    deeds: list[Callable[[], httpx.Response]] = [
        lambda: decide(bob, question),
        lambda: decide(carol, question, "REJECTED", "No."),
        lambda: decide(world.admin, question),
        lambda: ada.post(f"/requests/{question['requestId']}/cancel"),
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = [one.result() for one in [pool.submit(deed) for deed in deeds]]
    *decisions, cancelled = answers
    accepted = [one for one in decisions if one.status_code == 200]
    assert len(accepted) <= 1
    for one in decisions:
        if one not in accepted:
            assert refusal(one) == (409, "APPROVAL_CLOSED")
            assert one.json()["closedBy"], "whoever lost is told who won"
    done = ada.wait(question["requestId"])
    assert cancelled.status_code in {202, 409}
    if cancelled.status_code == 202 and done["status"] != "REJECTED":
        assert done["status"] == "CANCELLED"
    elif accepted:
        won = accepted[0].json()["status"]
        assert done["status"] == {"APPROVED": "SUCCEEDED", "REJECTED": "REJECTED"}[won]
    if done["status"] != "SUCCEEDED":
        assert balance(ada, unit) | {"over": False} == {
            "unit": unit, "quota": 20000, "used": 0, "held": 0, "left": 20000, "over": False,
        }  # fmt: skip


def test_a_cancel_closes_the_question_and_gives_the_credits_back(
    world: World, unit: str, ada: Person, bob: Person, template
):
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    assert balance(ada, unit)["held"] == question["plan"]["monthlyCredits"]
    assert ada.post(f"/requests/{question['requestId']}/cancel").status_code == 202
    lost = decide(bob, question)
    assert refusal(lost) == (409, "APPROVAL_CLOSED")
    assert lost.json()["closedBy"] == ada.email
    assert ada.wait(question["requestId"])["status"] == "CANCELLED"
    assert balance(ada, unit)["held"] == 0


def test_a_policy_is_tried_on_the_past_and_published_and_asks_anew(
    world: World, unit: str, ada: Person, bob: Person, template, tmp_path
):
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    policy = world.admin.get("/policy").json()["policy"]
    rule = {
        "id": "new", "reason": "It is new.", "weight": 1, "units": [unit],
        "when": {"environment": ["prod"]},
    }  # fmt: skip
    refusing = {
        **policy,
        "version": uuid.uuid4().hex,
        "rules": [*policy["rules"], {**rule, "weight": 100}],
    }
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(refusing))
    tried = world.admin.post("/policy/test", refusing).json()
    assert tried["summary"] == "+1 refused"
    assert tried["changes"][0]["requestId"] == question["requestId"]
    assert refusal(bob.post("/policy/test", refusing)) == (403, "FORBIDDEN")
    assert refusal(bob.http.put("/policy", json=refusing)) == (403, "FORBIDDEN")
    faulty = world.admin.http.put("/policy", json={**policy, "rules": [{"id": "X"}]})
    assert refusal(faulty) == (400, "INVALID_INPUT")
    assert world.admin.get("/policy").json()["policy"] == policy
    changed = publish_rule(world, unit, "new", 1, {"environment": ["prod"]})
    assert refusal(world.admin.http.put("/policy", json={**changed, "name": "x"}))[0] == 409
    # The decision is about a policy that holds no more: nothing is built on it.
    assert decide(bob, question).status_code == 200
    anew = opened(ada, world, question["requestId"], number=2)
    assert anew["planDigest"] != question["planDigest"]
    assert "It is the rule of a test." in anew["plan"]["approval"]["reasons"]
    assert refusal(decide(bob, question)) == (409, "STALE_DECISION")
    assert decide(bob, anew).status_code == 200
    assert ada.wait(question["requestId"])["status"] == "SUCCEEDED"


@pytest.fixture
def signing_key(world: World) -> Iterator[Callable[[bool], None]]:
    """Switches the key that signs decisions off and on."""
    arn = world.installed.outputs["SigningKeyArn"]
    kms = world.client("kms")

    def switch(on: bool) -> None:
        (kms.enable_key if on else kms.disable_key)(KeyId=arn)

    yield switch
    switch(True)


def test_without_kms_nothing_is_decided_and_it_is_said(
    world: World, ada: Person, bob: Person, template, signing_key
):
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    signing_key(False)
    assert refusal(decide(bob, question)) == (503, "KEY_UNAVAILABLE")
    assert bob.get(f"/approvals/{question['requestId']}").json()["status"] == "OPEN"
    signing_key(True)
    assert decide(bob, question).status_code == 200
    assert ada.wait(question["requestId"])["status"] == "SUCCEEDED"


def test_poison_holds_up_nobody_and_dead_letters_are_redriven(
    world: World, ada: Person, bob: Person, template
):
    sqs = world.client("sqs")
    queue = world.installed.outputs["ApprovalQueueUrl"]
    dead = sqs.get_queue_url(QueueName=queue.rpartition("/")[2] + "-dead-letters")["QueueUrl"]
    for body in ("poison", "{}", '{"requestId": "req_none", "planDigest": "", "taskToken": "t"}'):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    late = {
        "requestId": question["requestId"], "planDigest": question["planDigest"],
        "expiresAt": question["expiresAt"], "taskToken": "a token that is none",
    }  # fmt: skip
    assert decide(bob, question).status_code == 200
    assert ada.wait(question["requestId"])["status"] == "SUCCEEDED"
    # A message of a question that is decided: it comes late, by way of the dead letters.
    sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(late))
    assert refusal(bob.post("/approvals/dead-letters/redrive")) == (403, "FORBIDDEN")
    assert world.admin.post("/approvals/dead-letters/redrive").json() == {
        "moved": 1, "mayBeMore": False,
    }  # fmt: skip
    assert world.admin.post("/approvals/dead-letters/redrive").json()["moved"] == 0
    assert bob.get(f"/approvals/{question['requestId']}").json()["status"] == "APPROVED"
    assert ada.get(f"/requests/{question['requestId']}").json()["status"] == "SUCCEEDED"


@pytest.fixture
def settings(world: World) -> Iterator[Callable[..., None]]:
    """Deploys the platform with other parameters, as an operator does; afterwards as it was."""

    def deploy(**parameters: str) -> None:
        install(world.aws, say=lambda _: None, parameters=parameters)

    yield deploy
    deploy(ApprovalExpiry="5wd", ApprovalWebhookSecretArn="")


def test_a_question_expires_by_the_setting_and_gives_its_credits_back(
    world: World, unit: str, ada: Person, bob: Person, template, settings
):
    hook = world.client("secretsmanager").create_secret(
        Name=f"hook-{unit}", SecretString="https://127.0.0.1/services/secret-4711"
    )["ARN"]
    settings(ApprovalExpiry="5wd,prod=2s", ApprovalWebhookSecretArn=hook)
    sent = template(TargetEnvironment="prod")
    request = ada.post("/requests", sent).json()
    assert balance(ada, unit)["held"] == request["plan"]["monthlyCredits"]
    done = ada.wait(request["id"])
    assert (done["status"], done["reason"]) == ("EXPIRED", "EXPIRED")
    assert done["message"].startswith("Nobody decided until 20")
    assert balance(ada, unit)["left"] == 20000
    question = world.admin.get(f"/approvals/{request['id']}").json()
    assert (question["status"], question["closedBy"]) == ("EXPIRED", "expiry")
    assert refusal(decide(bob, question)) == (409, "APPROVAL_CLOSED")
    assert "has expired" in world.mailed(sent["ProjectEmail"])[0].text
    # The webhook leads into a private network: nothing is called, and operators can see why.
    said = world.logged("ApprovalWebhook", "not on the public Internet")
    assert "WEBHOOK_REFUSED" in said or "ConflictError" in said
    assert "secret-4711" not in said


def test_an_approval_is_void_when_the_blueprint_changes_underneath(
    world: World, unit: str, ada: Person, bob: Person, template, tmp_path
):
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    shutil.copytree(find_sources().catalog, tmp_path / "catalog")
    manifest = tmp_path / "catalog" / question["plan"]["blueprint"] / "blueprint.yaml"
    before = f"version: {question['plan']['version']}"
    text = manifest.read_text("utf-8")
    assert before in text
    manifest.write_text(text.replace(before, "version: 99.0.0", 1), "utf-8")
    render_folder(manifest.parent, read_price_book(tmp_path / "catalog" / "prices.yaml"))
    try:
        publish(world, replace(find_sources(), catalog=tmp_path / "catalog"))
        assert decide(bob, question).status_code == 200
        anew = opened(ada, world, question["requestId"], number=2)
        assert anew["plan"]["version"] == "99.0.0"
        assert anew["planDigest"] != question["planDigest"]
        assert anew["decisions"] == []
        # What was said about the plan before counts no more, however often it is said.
        assert refusal(decide(bob, question)) == (409, "STALE_DECISION")
        told = ada.get(f"/requests/{question['requestId']}/events", limit=100).json()["items"]
        assert any("not what would be built today" in one["message"] for one in told)
        assert decide(bob, anew).status_code == 200
        done = ada.wait(question["requestId"])
        assert (done["status"], done["plan"]["version"]) == ("SUCCEEDED", "99.0.0")
    finally:
        publish(world, find_sources())


def publish(world: World, sources: Sources) -> None:
    """Publish a catalog as the deployer does."""
    publish_catalog(
        world.client, sources, platform_name="autoprovision", region=world.installed.region,
        bucket=world.installed.outputs["CatalogBucketName"], parameters={},
        networks=tuple(TargetEnvironment), say=lambda _: None,
        confirm=lambda _stack, _changes: True,
    )  # fmt: skip


def test_the_sweep_takes_a_question_back_whose_policy_moved(
    world: World, unit: str, ada: Person, bob: Person, template
):
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    publish_rule(world, unit, "moved", 1, {"environment": ["prod"]})
    swept = world.client("lambda").invoke(FunctionName="autoprovision-Sweep")
    assert "FunctionError" not in swept, swept["Payload"].read()
    anew = opened(ada, world, question["requestId"], number=2)
    assert anew["planDigest"] != question["planDigest"]
    assert decide(bob, anew, "REJECTED", "Not now.").status_code == 200
    assert ada.wait(question["requestId"])["status"] == "REJECTED"


def test_the_command_line_decides_delegates_and_resubmits(
    world: World, unit: str, ada: Person, bob: Person, template, tmp_path
):
    question = waiting(ada, world, template(TargetEnvironment="prod"))
    request_id = question["requestId"]
    installed = world.installed
    for person, name in ((ada, "ada"), (bob, "bob")):
        signed_in = world.command(
            *("--profile", name, "login", person.email, "--password-stdin"),
            *("--api-url", installed.api_url, "--region", installed.region),
            *("--cognito-endpoint", installed.cognito_endpoint),
            stdin=PASSWORD + "\n",
        )
        assert signed_in.returncode == 0, signed_in.stderr
    shown = world.command("--profile", "bob", "approval", "show", request_id).stdout
    assert question["planDigest"] in shown
    assert "What happens in prod is always decided by a person." in shown
    away = world.command(
        *("--profile", "bob", "approval", "delegate", world.admin.email, "--until", "5d", "--json")
    )
    assert json.loads(away.stdout)["to"] == world.admin.email, away.stderr
    assert world.admin.email in world.command("--profile", "bob", "approval", "delegations").stdout
    assert world.command("--profile", "bob", "approval", "undelegate").returncode == 0
    rejected = world.command(
        *("--profile", "bob", "approval", "reject", request_id, "--comment", "Use dev.", "--json")
    )
    assert json.loads(rejected.stdout)["status"] == "REJECTED", rejected.stderr
    assert ada.wait(request_id)["status"] == "REJECTED"
    change = tmp_path / "change.json"
    change.write_text('{"TargetEnvironment": "dev"}')
    again = world.command(
        *("--profile", "ada", "request", "resubmit", request_id, str(change), "--watch", "--json")
    )
    assert json.loads(again.stdout)["status"] == "SUCCEEDED", again.stderr
