"""docs/tour-approvals.md: automatic, by a person, void, expired, and a policy tried on the past."""

import json
import shutil
from datetime import UTC, datetime
from typing import Any

from tools.tours.stage import ROOT, Repository, Stage, stage

PAGE = ROOT / "docs" / "tour-approvals.md"
UNIT = "physics"
PEOPLE = (
    ("ada@example.edu", "requester"),
    ("bob@example.edu", "approver"),
    ("carol@example.edu", "approver"),
)
_POLICY = """name: shorter
version: 2.0.0
description: prod passes while it is small, dev is for 30 days.
thresholds: {oneApprover: 10, twoApprovers: 20, refuse: 100}
overrides: []
rules:
  - id: expensive-prod
    reason: It costs more than $10.00 a month in prod.
    weight: 10
    when: {environment: [prod], monthlyCredits: {gt: 1000}}
  - id: no-long-dev
    reason: dev is for 30 days.
    weight: 100
    when: {environment: [dev], expiryDays: {gt: 30, never: false}}
"""
# Lines that tell the story; prices line by line and parameters are in the README's tour.
_WHY = ("            - ", "               - ", "            expire")
_PLAN = ("blueprint", "price  ", "approval", "expires", "quota left", "digest", *_WHY)
_QUESTION = (*_WHY, "request", "status", "question", "submitted by", "expires", "plan digest",
             "blueprint", "price  ", "approval", "quota left")  # fmt: skip


def play() -> str:
    """The page of one run."""
    today = datetime.now(UTC).date()
    with stage() as tour:
        tour.say(
            f"# A tour of approvals\n\nOne run on the embedded AWS on {today}, by `python -m "
            "tools.tours approvals --write`, with Ada (requester), Bob and Carol (approvers), all "
            f"of the business unit `{UNIT}`. Price lines, parameters and what repeats are left out. "
            "`tests/e2e/test_approvals.py` holds the same over HTTP."
        )
        tour.up()
        tour.people(UNIT, *PEOPLE)
        repository = tour.repository({"index.html": "<!doctype html><title>Lab</title>"})
        _automatic(tour, repository)
        _by_a_person(tour, repository)
        _void(tour, repository)
        _expired(tour, repository)
        _tried(tour)
        tour.say(_AFTERWARDS)
        return tour.page() + "\n"


def _order(tour: Stage, repository: Repository, name: str, environment: str, **more: Any) -> str:
    tour.file(f"{name}.json", {
        "ApplicationName": name, "TargetEnvironment": environment, "ProjectType": "Static",
        "ProjectURL": repository.url, "ProjectEmail": "lab@example.edu", **more,
    }, shown=False)  # fmt: skip
    return f"{name}.json"


def _automatic(tour: Stage, repository: Repository) -> None:
    tour.say("## A dev request passes by itself, and says why")
    tour.say("It has one doubt against it, of weight 5. A person is asked from 10 on.")
    file = _order(tour, repository, "lab-1", "dev", ExpiresAfter="60d")
    tour.run("--profile", "ada", "request", "plan", file, only=_PLAN)
    tour.run("--profile", "ada", "request", "submit", file, "--watch")


def _submitted(tour: Stage, who: str, file: str) -> str:
    """A request that waits for people, and its id."""
    request = tour.read("--profile", who, "request", "submit", file)["id"]
    _until(tour, request, "AWAITING_APPROVAL")
    return str(request)


def _until(tour: Stage, request: str, status: str) -> None:
    tour.wait_for(lambda: tour.read("request", "show", request)["status"] == status)


def _by_a_person(tour: Stage, repository: Repository) -> None:
    tour.say("## A prod request is approved by one person and refused to its author")
    tour.say("Carol is an approver, but it is her own request.")
    request = _submitted(tour, "carol", _order(tour, repository, "course", "prod"))
    tour.run("--profile", "bob", "approval", "show", request, only=_QUESTION)
    tour.run("--profile", "carol", "approval", "approve", request)
    tour.run("--profile", "bob", "approval", "approve", request, "--comment", "Fits the course.",
             only=("status", "closed", "plan digest", "decision", "APPROVED"))  # fmt: skip
    tour.run("--profile", "carol", "request", "show", request, "--watch")
    tour.say(
        "Without a terminal `approve` decides on the plan that the API shows at that moment; "
        "`--plan-digest` makes it the one that was looked at. At a terminal the plan is shown and "
        "the question asked first."
    )


def _void(tour: Stage, repository: Repository) -> None:
    tour.say("## An approval becomes void because the blueprint changed underneath")
    tour.say(
        "Ada asks for `exam` in prod. Before Bob decides, an operator raises the version of "
        "`static-site` and publishes it."
    )
    request = _submitted(tour, "ada", _order(tour, repository, "exam", "prod"))
    folder = tour.place / "static-site"
    shutil.copytree(ROOT / "catalog" / "static-site", folder)
    manifest = folder / "blueprint.yaml"
    text = manifest.read_text("utf-8").replace("version: 1.0.0", "version: 1.0.1", 1)
    manifest.write_text(text, "utf-8")
    tour.quietly("blueprint", "render", "static-site")
    tour.run("blueprint", "publish", "static-site", "--yes", keep=12)
    tour.run("--profile", "bob", "approval", "approve", request, "--comment", "Good.",
             only=("status", "closed", "plan digest", "blueprint", "APPROVED"))  # fmt: skip
    tour.say(
        "Nothing is built on it: the workflow checks what the approval rests on before it "
        "launches, makes the plan anew, and asks again. The decision on the plan before counts no "
        "more."
    )
    tour.wait_for(
        lambda: "1.0.1" in json.dumps(tour.read("request", "show", request)["plan"]["version"])
    )
    _until(tour, request, "AWAITING_APPROVAL")
    tour.run("--profile", "bob", "approval", "show", request,
             only=("status", "question", "plan digest", "blueprint", *_WHY))  # fmt: skip
    tour.run("--profile", "ada", "request", "show", request, only=("status", "why", "at ", "20"))
    tour.say("Bob does not want the new version now; Ada reads who, when, why and what next:")
    tour.quietly("--profile", "bob", "approval", "reject", request, "--comment",
                 "Wait for the new term.")  # fmt: skip
    tour.run("--profile", "ada", "request", "show", request, "--watch",
             only=("status", "why", "It ended", "Next"))  # fmt: skip
    tour.say(
        "An open question whose plan has moved is also taken back without anybody deciding, by the "
        "sweep, within five minutes."
    )


def _expired(tour: Stage, repository: Repository) -> None:
    tour.say("## A question expires, and the credits come back")
    tour.say(
        "The deadline is a parameter of the platform: five working days, here three seconds for "
        "prod."
    )
    tour.run("up", "--parameter", "ApprovalExpiry=5wd,prod=3s", keep=8)
    tour.run("--profile", "ada", "unit", "show", UNIT)
    file = _order(tour, repository, "late", "prod")
    tour.run("--profile", "ada", "request", "submit", file, "--watch")
    tour.run("--profile", "ada", "unit", "show", UNIT)


def _tried(tour: Stage) -> None:
    tour.say("## A policy is tried on the past before it holds")
    tour.say(
        "The proposed policy lets prod pass below $10.00 a month and refuses dev for longer than "
        "30 days. The four requests above are the past."
    )
    (tour.place / "policy.yaml").write_text(_POLICY, "utf-8")
    tour.show("$ cat policy.yaml", *_POLICY.splitlines())
    tour.run("policy", "test", "policy.yaml")
    tour.run("--profile", "ada", "policy", "publish", "policy.yaml", "--yes")
    tour.run("policy", "publish", "policy.yaml", "--yes", keep=12)


_AFTERWARDS = """## What else there is

| | |
|---|---|
| away | `approval delegate EMAIL --until 5d`; whoever stands in sees and decides, and never makes two people of one |
| reminders, escalation | parameters `ApprovalReminders` (`1wd,3wd`) and `ApprovalEscalation` (`2wd`, then admins are told too) |
| calendar | parameters `ApprovalZone` and `ApprovalHolidays`; `ApprovalExpiry` may differ by environment: `5wd,dev=1d` |
| chat | parameter `ApprovalWebhookSecretArn`: a secret that holds the https address of a webhook which understands Slack's format; only public hosts are called, redirects are not followed |
| dead letters | the alarm `…-approval-dead-letters`, then `approval redrive` |
| a key that KMS refuses | deciding answers 503 `KEY_UNAVAILABLE` and changes nothing; a launch that cannot be verified fails with the same code |"""
