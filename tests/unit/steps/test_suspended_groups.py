"""What a runbook left suspended is resumed; what somebody else suspended is told; nobody is disturbed."""

from datetime import timedelta

import pytest
from tests.workflow.systems_manager import OPERATION_ID, machine_of, operate, with_machines
from tests.workflow.world import World

from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.finding import FindingKind
from autoprovision.domain.operation import (
    Automation,
    AutomationStatus,
    AutomationStep,
    MachineGroup,
)
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.usecases.audit import audit

A = AutomationStatus
GROUP, OURS = "autoprovision-app-1", ("HealthCheck", "ReplaceUnhealthy")
DURING = "2026-11-20T10:00:00Z"
LEFT = (("SuspendReplacing", A.SUCCEEDED), ("RestartEach", A.RUNNING))


@pytest.fixture
def lives(world: World) -> str:
    with_machines(world)
    world.names.kept.clear()
    return machine_of(world)


def suspended(world: World, lives: str, *processes: str, at: str = DURING) -> None:
    world.names.kept.clear()
    world.machine_groups.known[GROUP] = MachineGroup(
        name=GROUP, application_id=lives, suspended=processes, since=dict.fromkeys(processes, at)
    )


def ran(
    world: World, lives: str, *steps: tuple[str, A], status: A = A.FAILED, ended: bool = True
) -> Request:
    """An operation whose runbook came so far."""
    request = operate(world, lives)
    world.automations.known["a1"] = Automation(
        id="a1", request_id=request.id, status=status,
        steps=tuple(AutomationStep(name=n, action="x", status=s) for n, s in steps),
        began_at="2026-11-20T10:00:00.500Z", ended_at="2026-11-20T10:30:00.100Z",
    )  # fmt: skip
    world.records.patch_request(request.id, automation_id="a1")
    if ended:
        world.records.move_request(
            request.id, RequestStatus.COMPENSATING, reason="x", message="x", at="x",
            expected={RequestStatus.SUBMITTED},
        )  # fmt: skip
        world.records.close(
            request.id, RequestStatus.FAILED, reason="RUNBOOK_FAILED", message="It failed.", at="x",
            status="AVAILABLE",
        )  # fmt: skip
    return world.records.request(request.id)


def does_not(world: World) -> tuple[str, ...]:
    return world.machine_groups.known[GROUP].suspended


def sentences(world: World) -> list[str]:
    found = world.findings.list(standing=True, limit=50).items
    return [one.sentence for one in found if one.kind is FindingKind.GROUP_SUSPENDED]


def test_what_a_runbook_left_is_resumed_and_told_in_its_timeline(world: World, lives: str):
    request = ran(world, lives, *LEFT)
    suspended(world, lives, *OURS)
    done = audit(world)
    assert (done["resumed"], done["found"]) == (1, {})
    assert does_not(world) == ()
    assert world.records.application(lives).operation is None
    lines = [one.message for one in world.records.events(request.id, limit=99).items]
    assert any(f"{GROUP} does HealthCheck, ReplaceUnhealthy again" in one for one in lines)
    assert audit(world)["resumed"] == 0


def test_what_somebody_suspends_after_it_was_resumed_stays(world: World, lives: str):
    ran(world, lives, *LEFT)
    suspended(world, lives, *OURS)
    assert audit(world)["resumed"] == 1
    suspended(world, lives, "HealthCheck", at="2026-11-20T11:00:00Z")
    done = audit(world)
    assert (done["resumed"], done["found"]) == (0, {"GROUP_SUSPENDED": 1})
    assert does_not(world) == ("HealthCheck",)


@pytest.mark.parametrize("at", ["2026-11-20T09:59:59Z", "2026-11-20T10:30:01Z", ""])
def test_what_was_suspended_at_another_time_is_somebody_elses(world: World, lives: str, at: str):
    """Also when an operator has resumed by hand what the runbook left."""
    ran(world, lives, *LEFT)
    suspended(world, lives, *OURS, at=at)
    done = audit(world)
    assert (done["resumed"], done["found"]) == (0, {"GROUP_SUSPENDED": 1})
    assert does_not(world) == OURS


def test_of_two_only_the_runbooks_own_is_resumed(world: World, lives: str):
    ran(world, lives, *LEFT)
    since = {"HealthCheck": "2026-11-20T08:00:00Z", "ReplaceUnhealthy": DURING}
    suspended(world, lives, *OURS)
    world.machine_groups.known[GROUP] = world.machine_groups.known[GROUP].with_(since=since)
    done = audit(world)
    assert (done["resumed"], done["found"]) == (1, {"GROUP_SUSPENDED": 1})
    assert does_not(world) == ("HealthCheck",)


def test_a_runbook_that_could_not_resume_has_left_it_too(world: World, lives: str):
    ran(world, lives, ("SuspendReplacing", A.SUCCEEDED), ("ResumeReplacing", A.FAILED))
    suspended(world, lives, "ReplaceUnhealthy")
    assert audit(world)["resumed"] == 1


@pytest.mark.parametrize(
    "steps",
    [
        (("SuspendReplacing", A.SUCCEEDED), ("ResumeReplacing", A.SUCCEEDED)),
        (("SuspendReplacing", A.FAILED), ("ResumeAfterFailure", A.SUCCEEDED)),
        (("SuspendReplacing", A.RUNNING),),
        (("RunCommand", A.SUCCEEDED),),
        (),
    ],
)
def test_what_no_runbook_left_is_somebody_elses_and_told_once(world: World, lives: str, steps):
    ran(world, lives, *steps)
    suspended(world, lives, *OURS)
    for _ in range(2):
        done = audit(world)
        assert (done["resumed"], done["found"]) == (0, {"GROUP_SUSPENDED": 1})
    assert does_not(world) == OURS
    (sentence,) = sentences(world)
    assert sentence == (
        "The group of shop (dev) does not do HealthCheck, ReplaceUnhealthy, and no operation runs: "
        "no operation has left it so, so somebody has suspended it."
    )
    assert len([text for _, text in world.operators.told if GROUP in text]) == 1
    suspended(world, lives)
    assert audit(world)["found"] == {}
    assert sentences(world) == []


def test_exactly_the_two_are_resumed_and_the_rest_is_told(world: World, lives: str):
    ran(world, lives, *LEFT)
    suspended(world, lives, *OURS, "Launch")
    done = audit(world)
    assert (done["resumed"], done["found"]) == (1, {"GROUP_SUSPENDED": 1})
    assert does_not(world) == ("Launch",)
    assert "does not do Launch, and" in sentences(world)[0]


def test_one_that_was_operated_again_since_is_known_by_the_last_that_suspended(
    world: World, lives: str
):
    first = ran(world, lives, *LEFT)
    world.outside.clock += timedelta(minutes=1)
    second = world.records.request(first.id).with_(
        id="req_01jh0000000000000000000000", automation_id="a2"
    )
    world.records._requests[second.id] = second
    world.automations.known["a2"] = Automation(
        id="a2", request_id=second.id, status=A.SUCCEEDED,
        steps=(AutomationStep(name="RunCommand", action="x", status=A.SUCCEEDED),),
    )  # fmt: skip
    suspended(world, lives, *OURS)
    assert audit(world)["resumed"] == 1


def test_a_running_operation_is_let_be(world: World, lives: str):
    ran(world, lives, *LEFT, status=A.RUNNING, ended=False)
    suspended(world, lives, *OURS)
    done = audit(world)
    assert (done["resumed"], done["found"]) == (0, {})
    assert does_not(world) == OURS


def test_an_execution_that_is_forgotten_or_not_over_is_not_taken_for_ours(world: World, lives: str):
    ran(world, lives, *LEFT, status=A.RUNNING)
    suspended(world, lives, *OURS)
    assert audit(world)["found"] == {"GROUP_SUSPENDED": 1}
    world.automations.known.clear()
    assert audit(world)["found"] == {"GROUP_SUSPENDED": 1}
    assert does_not(world) == OURS


def test_an_operation_that_begins_meanwhile_keeps_what_it_suspends(
    world: World, lives: str, monkeypatch
):
    """It takes the lock between the audit's look and its deed: the deed is not done."""
    ran(world, lives, *LEFT)
    suspended(world, lives, *OURS)
    read = world.automations.read

    def begins(automation_id: str):
        world.records.patch_application(lives, operation=OPERATION_ID)
        return read(automation_id)

    monkeypatch.setattr(world.automations, "read", begins)
    done = audit(world)
    assert (done["resumed"], done["found"]) == (0, {})
    assert does_not(world) == OURS
    assert world.records.application(lives).operation == OPERATION_ID


def test_no_operation_can_begin_while_it_is_resumed(world: World, lives: str, monkeypatch):
    request = ran(world, lives, *LEFT)
    suspended(world, lives, *OURS)
    resume, locks = world.machine_groups.resume, []

    def looked_at(name: str, processes):
        locks.append(world.records.application(lives).operation)
        resume(name, processes)

    monkeypatch.setattr(world.machine_groups, "resume", looked_at)
    assert audit(world)["resumed"] == 1
    assert locks == [request.id]


def test_one_that_cannot_be_resumed_is_told_and_free_again(world: World, lives: str):
    request = ran(world, lives, *LEFT)
    suspended(world, lives, *OURS)
    world.breaking("resume", times=1, error=UnavailableError("EC2 Auto Scaling does not answer."))
    done = audit(world)
    assert (done["resumed"], done["found"]) == (0, {"GROUP_SUSPENDED": 1})
    assert f"{request.id} has left it so, and it is not resumed: EC2" in sentences(world)[0]
    assert world.records.application(lives).operation is None
    assert audit(world)["resumed"] == 1
    assert sentences(world) == []


def test_a_lock_that_was_left_while_resuming_is_freed_by_the_next_pass(
    world: World, lives: str, monkeypatch
):
    ran(world, lives, *LEFT)
    suspended(world, lives, *OURS)

    def dies(name: str, processes) -> None:
        raise RuntimeError("the process was killed")

    with monkeypatch.context() as patched:
        patched.setattr(world.machine_groups, "resume", dies)
        with pytest.raises(RuntimeError):
            audit(world)
    assert world.records.application(lives).operation == OPERATION_ID
    done = audit(world)
    assert (done["freed"], done["resumed"]) == (1, 1)


def test_groups_of_nobody_and_of_ended_applications_are_let_be(world: World, lives: str):
    suspended(world, "app_of_another_platform", "Launch")
    assert audit(world)["found"] == {}


def test_a_pass_asks_for_a_page_of_a_hundred_groups_and_for_nothing_of_those_in_order(
    world: World, lives: str
):
    world.names.kept.clear()
    for number in range(250):
        name = f"g{number:03}"
        world.machine_groups.known[name] = MachineGroup(name=name, application_id=lives)
    audit(world)
    asked = [one[0] for one in world.outside.done if one[0] in {"groups", "group", "resume"}]
    assert asked == ["groups"] * 3
