"""A sample of the certificate on the whole platform: each kind of fault, really happening.

The embedded AWS refuses, answers late, loses answers and kills Lambda's processes
(`autoprovision.embedded.faults`); the platform is the deployed one, with its roles, queues and rules.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import conftest as e2e
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
    assert f"{done['stackId']} (CREATE_COMPLETE)" in stuck["message"]
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
