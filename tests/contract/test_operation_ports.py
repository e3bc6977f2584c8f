"""The ports Machines, MachineGroups and Automations, in dictionaries and on the embedded AWS."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contract.conftest import Store
from tests.kit.machines import MANAGED, machine, role, runbook

from autoprovision.aws.auto_scaling_groups import AutoScalingGroups
from autoprovision.aws.ssm_automations import SsmAutomations
from autoprovision.aws.ssm_machines import SsmMachines
from autoprovision.domain.clock import iso, moment
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.operation import (
    MOST_MACHINES,
    MOST_TOKEN,
    MOST_VALUE,
    TOKEN_PARAMETERS,
    Automation,
    AutomationStatus,
    AutomationStep,
    CommandOutput,
    Machine,
    MachineGroup,
)
from autoprovision.memory.operations import (
    MemoryAutomations,
    MemoryMachineGroups,
    MemoryMachines,
)
from autoprovision.ports import Automations, MachineGroups, Machines

A = AutomationStatus
REGION = "ap-southeast-1"
# The longest that there is, and one of which the last piece is short.
LONGEST = "".join(chr(ord("a") + place % 26) for place in range(MOST_TOKEN))
SHORTER = LONGEST[: 2 * MOST_VALUE + 1]
EVERYTHING = {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}
CONTENT = {
    "schemaVersion": "0.3",
    "assumeRole": "{{ AutomationAssumeRole }}",
    "parameters": {
        "AutomationAssumeRole": {"type": "AWS::IAM::Role::Arn"}, "RequestId": {"type": "String"},
        "InstanceIds": {"type": "StringList"}, "Command": {"type": "String"},
        **{name: {"type": "String", "default": ""} for name in TOKEN_PARAMETERS},
    },
    "mainSteps": [
        {
            "name": "Work", "action": "aws:runCommand",
            "inputs": {
                "DocumentName": "AWS-RunShellScript", "InstanceIds": "{{ InstanceIds }}",
                "Parameters": {"commands": ["{{ Command }}"]},
            },
        }
    ],
}  # fmt: skip


def an_hour_ago() -> str:
    return iso(datetime.now(UTC) - timedelta(hours=1))


def pieces_of(token: str) -> dict[str, list[str]]:
    """A token as the workflow hands it over: none of the pieces is empty."""
    cut = [token[start : start + MOST_VALUE] for start in range(0, len(token), MOST_VALUE)]
    return {name: [piece] for name, piece in zip(TOKEN_PARAMETERS, cut, strict=False)}


class Runs:
    """Starts runbooks: on the embedded AWS for real, in memory as that would end."""

    def __init__(self, store: Store) -> None:
        self.store, self.memory = store, MemoryAutomations(store.outside)
        self.port: Automations = self.memory
        self._number = 0
        self.memory.started_at = lambda _: iso(datetime.now(UTC))
        if not store.is_memory:
            client = store.client
            self.port = SsmAutomations(client("ssm"), prefix=f"{store.prefix}-")
            self.instance = machine(client, f"{store.prefix}-machine", MANAGED)
            self.role = role(client, f"{store.prefix}-runs", "ssm", EVERYTHING)
            runbook(client, f"{store.prefix}-work", CONTENT)
            runbook(client, f"{store.prefix}-work-more", CONTENT)

    def start(
        self, request_id: str, command: str, *, code: int | None, said: str = "",
        waits_by: str = "token",
    ) -> str:  # fmt: skip
        """Start one. Args: code: its exit code; None while it runs."""
        self._number += 1
        if self.store.is_memory:
            return self._pretend(request_id, code, said, waits_by)
        given = {
            "RequestId": [request_id], "InstanceIds": [self.instance],
            "AutomationAssumeRole": [self.role], "Command": [command],
            **pieces_of(waits_by),
        }  # fmt: skip
        answer = self.store.client("ssm").start_automation_execution(
            DocumentName=f"{self.store.prefix}-work", Parameters=given
        )
        return str(answer["AutomationExecutionId"])

    def _pretend(self, request_id: str, code: int | None, said: str, token: str) -> str:
        automation_id, command = f"a{self._number}", f"c{self._number}"
        status = {None: A.RUNNING, 0: A.SUCCEEDED}.get(code, A.FAILED)
        step = AutomationStep(
            name="Work", action="aws:runCommand", status=status, command_id=command,
            failure="it failed" if status is A.FAILED else "",
        )  # fmt: skip
        self.memory.known[automation_id] = Automation(
            id=automation_id, request_id=request_id, status=status, token=token, steps=(step,)
        )
        self.memory.runbooks[automation_id] = "work"
        self.memory.said[command] = [
            CommandOutput(instance_id="i-1", status="Success", exit_code=code, output=said)
        ]
        return automation_id

    def ended(self, automation_id: str) -> Automation:
        deadline = time.monotonic() + 30
        while True:
            found = self.port.read(automation_id)
            assert found is not None
            if found.is_over:
                return found
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture
def runs(store: Store) -> Runs:
    return Runs(store)


def test_one_that_went_well_is_told_with_what_its_machine_said(runs: Runs):
    found = runs.ended(runs.start("req_1", "echo hello", code=0, said="hello"))
    assert (found.status, found.request_id, found.token) == (A.SUCCEEDED, "req_1", "token")
    assert found.done() == ("Work",)
    (output,) = runs.port.outputs(found.steps[0].command_id)
    assert (output.status, output.exit_code) == ("Success", 0)
    assert "hello" in output.output


@pytest.mark.parametrize("token", [LONGEST, SHORTER], ids=["longest", "three pieces"])
def test_a_token_in_pieces_is_read_in_one(runs: Runs, token: str):
    found = runs.port.read(runs.start("req_7", "true", code=0, waits_by=token))
    assert found is not None
    assert found.token == token


def test_one_that_failed_names_its_step(runs: Runs):
    found = runs.ended(runs.start("req_2", "exit 4", code=4))
    assert found.status is A.FAILED
    step = found.failed_step()
    assert step is not None
    assert step.name == "Work"
    assert step.failure


def test_one_that_runs_is_not_over(runs: Runs):
    started = runs.start("req_3", "sleep 2", code=None)
    found = runs.port.read(started)
    assert found is not None
    assert not found.is_over


def test_one_is_found_by_the_request_that_it_carries(runs: Runs):
    runs.start("req_4", "true", code=0)
    started = runs.start("req_5", "true", code=0)
    found = runs.port.find("req_5", runbook="work", since=an_hour_ago())
    assert found is not None
    assert found.id == started
    assert runs.port.find("req_6", runbook="work", since=an_hour_ago()) is None
    assert runs.port.find("req_5", runbook="work-more", since=an_hour_ago()) is None
    later = iso(datetime.now(UTC) + timedelta(hours=1))
    assert runs.port.find("req_5", runbook="work", since=later) is None


def test_what_is_not_there_is_nothing(runs: Runs):
    unknown = "00000000-0000-0000-0000-000000000000"
    assert runs.port.read(unknown) is None
    assert runs.port.outputs(unknown) == []


def test_machines_are_those_with_the_applications_tag(store: Store):
    port: Machines
    if store.is_memory:
        memory = MemoryMachines(store.outside)
        memory.known["app_1"] = (Machine(id="i-1", online=True),)
        port, own = memory, "i-1"
    else:
        own = machine(store.client, f"{store.prefix}-own", MANAGED, application="app_1")
        machine(store.client, f"{store.prefix}-other", MANAGED, application="app_2")
        machine(store.client, f"{store.prefix}-unmanaged", application="app_1")
        port = SsmMachines(store.client("ssm"))
    assert port.of("app_1") == (Machine(id=own, online=True),)
    assert port.of("app_none") == ()


class Groups:
    """The port, and whoever suspends something."""

    def __init__(self, store: Store) -> None:
        self.memory = MemoryMachineGroups(store.outside)
        self.port: MachineGroups = self.memory
        self.aws = None if store.is_memory else store.client("autoscaling")
        if self.aws is not None:
            self.port = AutoScalingGroups(self.aws)
        self.prefix = store.prefix

    def make(self, name: str, application_id: str = "") -> str:
        name = f"{self.prefix}-{name}"
        if self.aws is None:
            if application_id:
                made = MachineGroup(name=name, application_id=application_id)
                self.memory.known[name] = made
            return name
        tag = {
            "Key": "autoprovision:application",
            "Value": application_id,
            "PropagateAtLaunch": True,
        }
        self.aws.create_auto_scaling_group(
            AutoScalingGroupName=name, MinSize=0, MaxSize=0, LaunchConfigurationName="none",
            AvailabilityZones=[f"{REGION}a"], Tags=[tag] if application_id else [],
        )  # fmt: skip
        return name

    def suspend(self, name: str, *processes: str) -> None:
        if self.aws is None:
            group = self.memory.known[name]
            suspended = tuple(sorted({*group.suspended, *processes}))
            since = dict.fromkeys(processes, "2026-11-26T22:10:11Z") | group.since
            self.memory.known[name] = group.with_(suspended=suspended, since=since)
        else:
            self.aws.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=list(processes))

    def all(self, limit: int) -> list[MachineGroup]:
        found: list[MachineGroup] = []
        after = None
        for _ in range(50):
            page = self.port.list(limit=limit, after=after)
            assert len(page.items) <= limit
            found += [one for one in page.items if one.name.startswith(self.prefix)]
            after = page.next
            if after is None:
                return found
        raise AssertionError("the pages do not end")


@pytest.fixture
def groups(store: Store) -> Groups:
    return Groups(store)


def test_groups_with_an_applications_tag_are_listed_in_pages(groups: Groups):
    names = [groups.make(f"g{number}", f"app_{number}") for number in range(3)]
    groups.make("nobodys")
    groups.suspend(names[1], "ReplaceUnhealthy", "HealthCheck")
    for limit in (2, 100):
        assert [(one.name, one.application_id, one.suspended) for one in groups.all(limit)] == [
            (names[0], "app_0", ()),
            (names[1], "app_1", ("HealthCheck", "ReplaceUnhealthy")),
            (names[2], "app_2", ()),
        ]
    since = groups.all(100)[1].since
    assert set(since) == {"HealthCheck", "ReplaceUnhealthy"}
    assert all(moment(at) for at in since.values())


def test_only_what_is_named_is_resumed_and_again_is_fine(groups: Groups):
    name = groups.make("g", "app_1")
    groups.suspend(name, "HealthCheck", "ReplaceUnhealthy", "Launch")
    for _ in range(2):
        groups.port.resume(name, {"HealthCheck", "ReplaceUnhealthy"})
        found = groups.port.read(name)
        assert found is not None
        assert found.suspended == ("Launch",)
    groups.port.resume(name, ())
    assert groups.port.read(name) == found, "no name is not all names"


def test_a_group_that_is_gone_is_none_and_not_resumed(groups: Groups):
    assert groups.port.read(f"{groups.prefix}-none") is None
    assert groups.port.read(groups.make("nobodys")) is None
    with pytest.raises(ConflictError) as refused:
        groups.port.resume(f"{groups.prefix}-none", {"HealthCheck"})
    assert refused.value.reason == "NOT_RESUMED"


class _Pages:
    """Systems Manager, which may answer with a page that holds nothing before the last one."""

    def __init__(self, *pages: tuple[str, ...]) -> None:
        self._pages = pages

    def describe_instance_information(self, **given: Any) -> dict[str, Any]:
        number = int(given.get("NextToken", "0"))
        following = {"NextToken": str(number + 1)} if number + 1 < len(self._pages) else {}
        listed = [{"InstanceId": one, "PingStatus": "Online"} for one in self._pages[number]]
        return {"InstanceInformationList": listed, **following}


def test_machines_come_in_pages_and_no_more_than_one_call_of_run_command_takes():
    assert [one.id for one in SsmMachines(_Pages((), ("i-2",), ("i-1",))).of("app_1")] == [
        "i-1",
        "i-2",
    ]
    many = [tuple(f"i-{page}{place:02}" for place in range(40)) for page in range(3)]
    assert len(SsmMachines(_Pages(*many)).of("app_1")) == MOST_MACHINES


def test_a_wrong_document_is_refused_by_cloudformation(on_aws: Store):
    bad: dict[str, Any] = {**CONTENT, "mainSteps": [{"name": "Dance", "action": "aws:dance"}]}
    cloudformation = on_aws.client("cloudformation")
    with pytest.raises(Exception, match="Waiter"):
        runbook(on_aws.client, f"{on_aws.prefix}-bad", bad)
    events = cloudformation.describe_stack_events(StackName=f"s-{on_aws.prefix}-bad")
    reasons = [one.get("ResourceStatusReason", "") for one in events["StackEvents"]]
    assert any("aws:dance" in one for one in reasons), reasons
