"""A sample of the certificate on the whole platform: each kind of fault, really happening.

The embedded AWS refuses, answers late, loses answers and kills Lambda's processes
(`autoprovision.embedded.faults`); the platform is the deployed one, with its roles, queues and rules.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e import conftest as e2e
from tests.e2e import test_blueprint as e2e_blueprint
from tests.e2e.conftest import World

from autoprovision.embedded import faults, launcher, localhost_names
from autoprovision.embedded.platform import install

ALWAYS = 10_000
RECORDS = r"DynamoDB.*\.(TransactWriteItems|PutItem|UpdateItem)"
MAIL = "POST /v2/email/outbound-emails"
# (call, caller, how, times, the status it must come to)
# Played by `make test`; the rest by `make certify`.
SAMPLE = (
    (RECORDS, "CommitQuotaRole", "error-after", 1, "SUCCEEDED"),
    (RECORDS, "CommitQuotaRole", "kill-after", 1, "SUCCEEDED"),
    ("CreateStack", "ProvisionRole", "error-after", 1, "SUCCEEDED"),
    ("CreateStack", "ProvisionRole", "error-after", ALWAYS, "FAILED"),
)
MORE = (
    (RECORDS, "PreparePlanRole", "error-before", 30, "SUCCEEDED"),
    (RECORDS, "AuthorizeLaunchRole", "error-after", 1, "SUCCEEDED"),
    (RECORDS, "CommitQuotaRole", "throttle", 2, "SUCCEEDED"),
    (RECORDS, "CommitQuotaRole", "kill-before", 1, "SUCCEEDED"),
    ("CreateStack", "ProvisionRole", "error-before", 2, "SUCCEEDED"),
    ("CreateStack", "ProvisionRole", "error-before", ALWAYS, "FAILED"),
    ("PUT /", "PublishProjectRole", "kill-after", 1, "SUCCEEDED"),
    (RECORDS, "AwaitStackRole", "kill-after", 1, "SUCCEEDED"),
    # What SES surely refused is sent again at once. What may have been sent is taken over only when
    # its sender must have ended: tests/contract/test_stores_and_messages.py has the clock for that.
    (MAIL, "NotifyRole", "throttle", 2, "SUCCEEDED"),
)
POINTS = [*SAMPLE, *(pytest.param(*one, marks=pytest.mark.certify) for one in MORE)]
git, template = e2e.git, e2e.template
IDS = [f"{one[1]}: {one[2]} {one[0]} x{one[3]}" for one in (*SAMPLE, *MORE)]


class Faulty(World):
    """A platform on an embedded AWS that does as its file of faults says."""

    file: Path

    def strike(self, *rules: dict[str, Any]) -> None:
        """These faults from now on, and no others."""
        self.file.write_text(json.dumps(rules), "utf-8")

    def struck(self) -> list[str]:
        """What was struck, a line a call."""
        log = self.file.with_name(self.file.name + ".struck")
        return log.read_text("utf-8").splitlines() if log.exists() else []

    def sweep(self) -> None:
        """Let the sweep run now."""
        answer = self.client("lambda").invoke(FunctionName="autoprovision-Sweep", Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()

    def until(self, look: Any, seconds: float = 90) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    localhost_names.install()
    data = tmp_path_factory.mktemp("platform")
    file = tmp_path_factory.mktemp("faults") / "faults.json"
    more = {faults.VARIABLE: str(file), "SFN_WAIT_SCALE": "0.02"}
    aws = launcher.start(data, extra_environment=more)
    try:
        made = Faulty(aws, install(aws, say=lambda _: None))
        made.file = file
        yield made
    finally:
        launcher.stop(data)


@pytest.mark.parametrize(("call", "caller", "how", "times", "end"), POINTS, ids=IDS)
def test_whatever_goes_wrong_nothing_is_left(
    world: Faulty,
    template,
    call: str,
    caller: str,
    how: str,
    times: int,
    end: str,
):
    unit = world.unit()
    ada = world.person(unit)
    sent, before = template(AccessToken="canary-9917"), len(world.struck())
    world.strike({"call": call, "caller": caller, "how": how, "times": times})
    request = ada.post("/requests", sent).json()
    done = ada.wait(request["id"])
    world.until(lambda: len(world.struck()) > before)
    world.strike()
    assert done["status"] == end, (done["reason"], done["message"])
    world.until(lambda: world.mails(sent["ProjectEmail"]), seconds=150)
    assert len(world.mails(sent["ProjectEmail"])) == 1
    account = ada.get(f"/business-units/{unit}").json()
    stacks = [one for one in world.stacks() if sent["ApplicationName"] in one["StackName"]]
    application = ada.get(f"/applications/{done['applicationId']}").json()
    secrets = [name for name in world.secrets() if done["id"] in name]
    if end == "SUCCEEDED":
        assert (application["status"], account["held"]) == ("AVAILABLE", 0)
        assert [one["StackStatus"] for one in stacks] == ["CREATE_COMPLETE"]
    else:
        assert (application["status"], account["left"], account["held"]) == ("TERMINATED", 20000, 0)
        assert (stacks, secrets) == ([], [])


def test_what_cannot_be_removed_needs_an_operator_and_is_resumed(world: Faulty, template):
    """Somebody protects the stack behind the platform's back; then it is terminated."""
    world.strike()
    unit = world.unit()
    ada = world.person(unit)
    sent = template()
    done = ada.wait(ada.post("/requests", sent).json()["id"])
    cloudformation = world.client("cloudformation")
    cloudformation.update_termination_protection(
        StackName=done["stackId"], EnableTerminationProtection=True
    )
    ending = ada.http.delete(f"/applications/{done['applicationId']}").json()
    stuck = ada.wait(ending["id"])
    assert (stuck["status"], stuck["reason"]) == ("NEEDS_OPERATOR", "COMPENSATION_FAILED")
    assert "TerminationProtection is enabled" in stuck["message"]
    assert f"the stack {done['stackId'].split('/')[1]} (CREATE_COMPLETE)" in stuck["message"]
    assert f"autoprovision request resume {ending['id']}" in stuck["message"]
    assert ada.get(f"/applications/{done['applicationId']}").json()["status"] == "ERROR"
    assert ada.get(f"/business-units/{unit}").json()["used"] > 0  # what is left costs money

    cloudformation.update_termination_protection(
        StackName=done["stackId"], EnableTerminationProtection=False
    )
    assert world.admin.post(f"/requests/{ending['id']}/resume").status_code == 202
    assert ada.wait(ending["id"], until=lambda one: one["status"] == "SUCCEEDED")
    assert ada.get(f"/business-units/{unit}").json()["left"] == 20000
    assert not [one for one in world.stacks() if sent["ApplicationName"] in one["StackName"]]
    world.until(lambda: len(world.mails(sent["ProjectEmail"])) == 3)


@pytest.fixture(scope="module")
def greeting(world: Faulty, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A blueprint whose update changes a role first, and then the function that has it."""
    folder = tmp_path_factory.mktemp("blueprint") / "greeting"
    shutil.copytree(e2e_blueprint.GREETING, folder)
    template = folder / "template.yaml"
    text = template.read_text("utf-8")
    named = "      RoleName: !Sub"
    described = '      Description: !Sub "Says ${Greeting}"\n'
    template.write_text(text.replace(named, described + named), "utf-8")
    done = world.command("blueprint", "publish", str(folder), "--yes")
    assert done.returncode == 0, done.stderr


def greeter(world: Faulty, template: Any) -> tuple[Any, dict[str, Any]]:
    """Somebody with an application that says Hello."""
    world.strike()
    ada = world.person(world.unit())
    sent = template(ProjectType="Greeting", Parameters={"Greeting": "Hello"})
    del sent["ProjectURL"]
    done = ada.wait(e2e_blueprint.accepted(world, ada, sent)["id"])
    assert done["status"] == "SUCCEEDED", done
    return ada, ada.get(f"/applications/{done['applicationId']}").json()


def stuck_rollback(stack: str, *, times: int) -> list[dict[str, Any]]:
    """The function cannot be updated, and the role not brought back, so many times."""
    return [
        {"call": "update AWS::Lambda::Function", "caller": stack, "how": "error-before"},
        {"call": "update AWS::IAM::Role", "caller": stack, "how": "error-before", "skip": 1,
         "times": times},
    ]  # fmt: skip


def says(application: dict[str, Any]) -> str:
    return httpx.get(application["url"]).text


def test_a_rollback_that_gets_stuck_is_continued(world: Faulty, template, greeting):
    ada, application = greeter(world, template)
    world.strike(*stuck_rollback(application["stackName"], times=2))
    path = f"/applications/{application['id']}"
    accepted = ada.http.patch(path, json={"Parameters": {"Greeting": "Good day"}})
    assert accepted.status_code == 202, accepted.text
    done = ada.wait(accepted.json()["id"])
    world.strike()
    assert (done["status"], done["reason"]) == ("FAILED", "STACK_FAILED"), done["message"]
    assert "Greeter (AWS::Lambda::Function): Injected" in done["message"]
    statuses = stack_statuses(world, application["stackName"])
    assert statuses.count("UPDATE_ROLLBACK_FAILED") == 2
    assert statuses[0] == "UPDATE_ROLLBACK_COMPLETE"
    now = ada.get(path).json()
    assert (now["status"], now["operation"]) == ("TAINTED", None)
    assert now["parameters"]["Greeting"] == "Hello"
    assert says(application) == "Hello, world"


def test_a_rollback_that_never_goes_on_needs_an_operator(world: Faulty, template, greeting):
    ada, application = greeter(world, template)
    world.strike(*stuck_rollback(application["stackName"], times=ALWAYS))
    path = f"/applications/{application['id']}"
    accepted = ada.http.patch(path, json={"Parameters": {"Greeting": "Good day"}}).json()
    stuck = ada.wait(accepted["id"], seconds=120)
    assert (stuck["status"], stuck["reason"]) == ("NEEDS_OPERATOR", "COMPENSATION_FAILED")
    assert "(UPDATE_ROLLBACK_FAILED; " in stuck["message"]
    assert "GreeterRole (AWS::IAM::Role): Injected" in stuck["message"]
    assert f"autoprovision request resume {accepted['id']}" in stuck["message"]
    assert ada.get(path).json()["status"] == "ERROR"
    assert ada.http.patch(path, json={}).status_code == 409
    world.strike()  # an operator has mended the role
    assert world.admin.post(f"/requests/{accepted['id']}/resume").status_code == 202
    done = ada.wait(accepted["id"], until=lambda one: one["status"] == "FAILED")
    assert done["reason"] == "STACK_FAILED", "the first failure is why"
    now = ada.get(path).json()
    assert (now["status"], now["operation"]) == ("TAINTED", None)
    assert says(application) == "Hello, world"
    again = ada.http.patch(path, json={"Parameters": {"Greeting": "Good day"}}).json()
    assert ada.wait(again["id"])["status"] == "SUCCEEDED"
    assert says(application) == "Good day, world"


def stack_statuses(world: Faulty, name: str) -> list[str]:
    """What the stack was, the newest first."""
    pages = world.client("cloudformation").get_paginator("describe_stack_events")
    return [
        event["ResourceStatus"]
        for page in pages.paginate(StackName=name)
        for event in page["StackEvents"]
        if event["PhysicalResourceId"] == event["StackId"]
    ]
