"""The sweep: what it starts, answers and sends back, and that it stays within bounds."""

from datetime import timedelta

import pytest
from tests.unit.steps.test_twice import asked, awaited, going_back, launched, submitted
from tests.workflow.world import ROOT, World

from autoprovision.domain.clock import iso
from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.request import RequestStatus
from autoprovision.steps import needs_operator, stack
from autoprovision.steps import sweep as sweeping
from autoprovision.steps.sweep import sweep
from autoprovision.usecases import resumption

LATER = timedelta(minutes=6)


def test_a_request_that_never_began_is_started(world: World):
    world.breaking("start")
    request, _ = submitted(world)
    assert "start" not in world.deeds()
    world.outside.clock += LATER
    assert sweep(world) == {"started": 1}
    assert ("start", "provision", request.id, 0) in world.outside.done
    assert sweep(world) == {"running": 1}


def test_a_young_request_is_left_to_whoever_is_at_it(world: World):
    world.breaking("start")
    submitted(world)
    assert sweep(world) == {}


@pytest.mark.parametrize("state", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
@pytest.mark.parametrize("ready", [submitted, asked, awaited, going_back])
def test_an_execution_that_ended_before_its_time_is_followed_by_one_that_takes_back(
    world: World, ready, state: str
):
    request, _ = ready(world)
    world.workflows.states["provision", request.id, 0] = state
    world.outside.clock += LATER
    assert sweep(world)["sentBack"] == 1
    assert world.records.request(request.id).execution == 1
    assert ("start", "provision", request.id, 1) in world.outside.done
    world.outside.clock += LATER
    assert sweep(world)["running"] == 1
    assert world.deeds().count("start") == 2


def test_a_resume_whose_start_was_lost_is_started(world: World):
    request, _ = going_back(world)
    world.records.patch_request(request.id, execution=3)
    world.outside.clock += LATER
    assert sweep(world) == {"started": 1}
    assert ("start", "provision", request.id, 3) in world.outside.done


@pytest.mark.parametrize("ready", [submitted, asked, awaited, launched])
def test_a_hold_past_its_time_sends_its_request_back(world: World, ready):
    request, _ = ready(world)
    world.workflows.states["provision", request.id, 0] = "RUNNING"
    hold = world.records.hold(request.id)
    assert hold is not None
    world.outside.clock += timedelta(days=29)
    assert "holdExpired" not in sweep(world)
    assert world.records.request(request.id).cancel_requested_by is None
    world.outside.clock += timedelta(days=2)
    sweep(world)
    assert world.records.request(request.id).cancel_requested_by == "autoprovision"
    world.outside.clock += LATER
    assert "holdExpired" not in sweep(world), "it is sent back once"


def test_what_needs_an_operator_waits_for_one(world: World):
    request, event = going_back(world)
    needs_operator.mark_needs_operator(event, world)
    world.workflows.states["provision", request.id, 0] = "FAILED"
    world.outside.clock += LATER
    assert sweep(world) == {}


@pytest.mark.parametrize(
    ("status", "how"),
    [("CREATE_COMPLETE", "answer"), ("ROLLBACK_COMPLETE", "fail"), ("DELETE_COMPLETE", "fail")],
)
def test_a_stack_whose_event_was_lost_is_answered_once(world: World, status: str, how: str):
    world.stacks.create_ends = None
    _, event = launched(world)
    stack.await_stack(event, world)
    world.outside.clock += LATER
    assert sweep(world) == {"running": 1}
    world.stacks.becomes(event["stackId"], status)
    assert sweep(world) == {"answered": 1}
    assert world.outside.deeds(how) == [("token",)]
    assert sweep(world) == {"running": 1}


def test_one_that_fails_does_not_keep_the_others_waiting(world: World):
    request, _ = submitted(world)
    other = request.with_(id="req_01jf0000000000000000000000")
    world.records._requests[other.id] = other
    world.workflows.states.clear()
    world.breaking("start", error=UnavailableError("Step Functions does not answer."))
    world.outside.clock += LATER
    assert sweep(world) == {"failed": 1, "started": 1}


def test_a_pass_reads_a_bounded_number_of_requests(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweeping, "_MOST_REQUESTS", 4)
    monkeypatch.setattr(sweeping, "_PAGE", 2)
    request, _ = submitted(world)
    for number in range(9):
        other = request.with_(id=f"req_{number}")
        world.records._requests[other.id] = other
    world.workflows.states.clear()
    world.outside.clock += LATER
    assert sweep(world) == {"started": 4}


def test_reminders_go_out_once_each_and_admins_hear_when_it_escalates(world: World):
    request, _ = asked(world)
    world.outside.clock += timedelta(days=1, hours=1)
    assert sweep(world)["tended"] == 1
    first = [one.to for one in world.mails()]
    assert sorted(first) == ["bob@uni.edu"] * 2 + ["eve@uni.edu"] * 2
    sweep(world)
    assert len(world.mails()) == 4
    world.outside.clock += timedelta(days=1)
    sweep(world)
    assert [one.to for one in world.mails()].count("root@uni.edu") == 1
    assert world.approvals.get(request.id).escalated_at is not None
    assert world.approvals.get(request.id).reminders_sent == 1


def test_a_question_whose_time_is_over_expires_and_wakes_the_workflow(world: World):
    request, _ = asked(world)
    world.outside.clock += timedelta(days=9)
    sweep(world)
    approval = world.approvals.get(request.id)
    assert (approval.status, approval.closed_by) == ("EXPIRED", "expiry")
    assert world.workflows.answers["token"] == {"status": "EXPIRED"}


def test_a_resume_is_seen_at_once_and_started_though_its_start_is_lost(world: World):
    request, _ = going_back(world)
    world.records.move_request(
        request.id, RequestStatus.NEEDS_OPERATOR, reason="COMPENSATION_FAILED", message="Stuck.",
        at=iso(world.now()), expected={RequestStatus.COMPENSATING},
    )  # fmt: skip
    world.breaking("start", error=UnavailableError("Step Functions does not answer."))
    with pytest.raises(UnavailableError):
        resumption.resume(world.users.by_email(ROOT).actor(), request.id, world)
    resumed = world.records.request(request.id)
    assert (resumed.status, resumed.reason, resumed.execution) == ("COMPENSATING", "RESUMED", 1)
    world.outside.clock += LATER
    assert sweep(world)["started"] == 1
    assert ("start", "provision", request.id, 1) in world.outside.done
