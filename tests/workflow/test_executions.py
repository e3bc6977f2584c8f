"""The real state machines run to their ends: each way through them, and what is left in the world."""

import json
from typing import Any

import pytest
from tests.workflow.cloudformation import CloudFormationError
from tests.workflow.engine import Engine
from tests.workflow.world import SECRET, World

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.quota import HoldState, unit_account


def assert_nothing_is_left(world: World, request_id: str) -> None:
    """What every way back promises."""
    assert world.stacks.live == []
    assert world.sites.live == {}
    assert world.secrets.kept == {}
    balance = world.records.balance(unit_account("cs"))
    assert (balance.held, balance.committed, balance.free) == (0, 0, 20_000)
    assert world.records.hold(request_id).state is HoldState.RELEASED
    assert world.waits._waits == {}


def outcome_mails(world: World) -> list[str]:
    return [one.id.split("#")[1] for one in world.mails() if "#approval-requested" not in one.id]


def test_a_dev_request_goes_straight_to_its_url(world: World, engine: Engine):
    request = world.submit()
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED", done
    assert engine.path(done) == [
        "Route", "PreparePlan", "DecideApproval", "AuthorizeLaunch", "DecideLaunch", "LaunchStack", "AwaitStack", "ChoosePublish", "PublishProject", "CheckUrl", "CommitQuota", "Notify", "Done",
    ]  # fmt: skip
    request = world.records.request(request.id)
    assert (request.status, request.url) == ("SUCCEEDED", "http://shop.test")
    application = world.application(request)
    assert application.status is ApplicationStatus.AVAILABLE
    assert application.expires_at is not None
    assert application.release == "c0ffeec0ffee"
    assert world.records.hold(request.id).state is HoldState.COMMITTED
    assert outcome_mails(world) == ["provisioned"]
    assert "http://shop.test" in world.mails()[0].text
    assert world.stacks.calls == ["create"]


def test_the_timeline_tells_every_step_once(world: World, engine: Engine):
    request = world.submit()
    engine.run("provision", request.id)
    told = world.told(request.id)
    assert [step for step, status in told if status == "SUCCEEDED"] == [
        "PreparePlan", "AuthorizeLaunch", "LaunchStack", "AwaitStack", "PublishProject", "CheckUrl", "CommitQuota", "Notify",
    ]  # fmt: skip
    assert ("AwaitStack", "WAITING") in told


def test_a_stack_that_fails_is_undone_and_the_mail_says_which_resource(
    world: World, engine: Engine
):
    world.stacks.create_ends = "ROLLBACK_COMPLETE"
    request = world.submit(secret=True)
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED", done
    request = world.records.request(request.id)
    assert (request.status, request.reason) == ("FAILED", "STACK_FAILED")
    assert "Site (AWS::S3::Bucket): The name is taken" in request.message
    assert_nothing_is_left(world, request.id)
    assert world.application(request).status is ApplicationStatus.TERMINATED
    assert outcome_mails(world) == ["failed"]
    assert "The name is taken" in world.mails()[-1].text


@pytest.mark.parametrize(
    "step",
    ["PreparePlan", "AuthorizeLaunch", "AwaitStack", "PublishProject", "CheckUrl", "CommitQuota"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_forward_step_that_goes_on_failing_is_undone(
    world: World, engine: Engine, step: str, when: str
):
    """Also when its effect happened and only the answer was lost, every time."""

    def fails(name: str) -> None:
        if name == step:
            raise CloudFormationError("Lambda.Unknown", "the process was killed")

    setattr(engine, when, fails)
    request = world.submit(secret=True)
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED", (done["error"], engine.path(done))
    request = world.records.request(request.id)
    if (step, when) == ("CommitQuota", "after"):
        # Past the pivot there is no way back: the effect stands, so it is told as what it is.
        assert request.status == "SUCCEEDED"
        assert outcome_mails(world) == ["provisioned"]
        return
    assert request.status == "FAILED"
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["failed"]


@pytest.mark.parametrize(
    "step",
    [
        "PreparePlan",
        "AuthorizeLaunch",
        "AwaitStack",
        "PublishProject",
        "CheckUrl",
        "CommitQuota",
        "Notify",
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_fails_twice_changes_nothing_in_the_outcome(
    world: World, engine: Engine, step: str, when: str
):
    left = [2]

    def fails(name: str) -> None:
        if name == step and left[0]:
            left[0] -= 1
            raise CloudFormationError("Lambda.Unknown", "the process was killed")

    setattr(engine, when, fails)
    request = world.submit()
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED"
    assert world.records.request(request.id).status == "SUCCEEDED"
    assert world.stacks.calls == ["create"]
    assert outcome_mails(world) == ["provisioned"]
    assert world.records.balance(unit_account("cs")).held == 0


@pytest.mark.parametrize(
    "step",
    [
        "BeginCompensation",
        "WithdrawNames",
        "UnpublishProject",
        "AwaitStackDeletion",
        "ForgetSecrets",
        "CloseRequest",
        "Notify",
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_of_the_way_back_may_fail_some_times(
    world: World, engine: Engine, step: str, when: str
):
    world.breaking("probe", times=100)
    left = [4]

    def fails(name: str) -> None:
        if name == step and left[0]:
            left[0] -= 1
            raise CloudFormationError("Lambda.Unknown", "the process was killed")

    setattr(engine, when, fails)
    request = world.submit(secret=True)
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED", engine.path(done)
    assert world.records.request(request.id).status == "FAILED"
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["failed"]


@pytest.mark.parametrize(
    ("deed", "left"), [("unpublish", "stack"), ("secrets.forget", "credentials")]
)
def test_a_way_back_that_cannot_be_gone_ends_with_an_operator_and_can_be_resumed(
    world: World, engine: Engine, deed: str, left: str
):
    world.stacks.create_ends = "ROLLBACK_COMPLETE"
    world.breaking(deed, times=9)
    request = world.submit(secret=True)
    done = engine.run("provision", request.id)
    assert (done["status"], done["error"]) == ("FAILED", "NeedsOperator")
    standing = world.records.request(request.id)
    assert standing.status == "NEEDS_OPERATOR"
    assert f"autoprovision request resume {request.id}" in standing.message
    assert left in standing.message
    assert outcome_mails(world) == ["needs-operator"]
    assert "operators" in world.deeds()

    world.records.patch_request(request.id, execution=1)
    again = engine.run("provision", request.id, resume="compensate")
    assert again["status"] == "SUCCEEDED"
    standing = world.records.request(request.id)
    # Why it went back is the first failure, not the one of the way back.
    assert (standing.status, standing.reason) == ("FAILED", "STACK_FAILED")
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["needs-operator", "failed"]


def test_a_lost_answer_to_create_stack_adopts_the_stack(world: World, engine: Engine):
    world.stacks.lose_answer = 1
    request = world.submit()
    done = engine.run("provision", request.id)
    assert "AdoptStack" in engine.path(done)
    assert world.records.request(request.id).status == "SUCCEEDED"
    assert len(world.stacks.stacks) == 1


def test_a_create_that_never_answers_leaves_no_stack(world: World, engine: Engine):
    """The stack is there, nobody knows its id: it is found by its name and tag."""
    world.stacks.lose_answer = 1
    request = world.submit()
    find, calls = world.stacks.find, []

    def hidden(name: str) -> Any:
        calls.append(name)
        return None if len(calls) == 1 else find(name)

    world.stacks.find = hidden
    engine.run("provision", request.id)
    assert world.records.request(request.id).reason == "STACK_NAME_TAKEN"
    assert_nothing_is_left(world, request.id)


def test_a_stack_of_somebody_else_is_neither_adopted_nor_deleted(world: World, engine: Engine):
    request = world.submit()
    world.stacks.create({"StackName": f"ap-dev-shop-{request.id[-10:]}", "Tags": []})
    engine.run("provision", request.id)
    assert world.records.request(request.id).reason == "STACK_NAME_TAKEN"
    assert [one.status for one in world.stacks.live] == ["CREATE_COMPLETE"]


@pytest.mark.parametrize(
    "error",
    ["CloudFormation.InsufficientCapabilitiesException", "CloudFormation.LimitExceededException"],
)
def test_what_cloudformation_refuses_is_told_in_its_words(world: World, engine: Engine, error: str):
    world.stacks.create_fails = [error]
    request = world.submit()
    engine.run("provision", request.id)
    standing = world.records.request(request.id)
    assert (standing.status, standing.reason) == ("FAILED", "STACK_NOT_LAUNCHED")
    assert standing.message == "CloudFormation did not take the stack: no"
    assert world.stacks.calls == ["create"]
    assert_nothing_is_left(world, request.id)


def test_throttling_is_waited_out(world: World, engine: Engine):
    world.stacks.create_fails = ["CloudFormation.CloudFormationException"] * 5
    request = world.submit()
    engine.run("provision", request.id)
    assert world.records.request(request.id).status == "SUCCEEDED"
    assert world.stacks.calls == ["create"] * 6


def test_a_deletion_that_fails_twice_is_tried_a_third_time(world: World, engine: Engine):
    world.stacks.create_ends = "ROLLBACK_FAILED"
    world.stacks.delete_ends = ["DELETE_FAILED", "DELETE_FAILED", "DELETE_COMPLETE"]
    request = world.submit()
    done = engine.run("provision", request.id)
    assert engine.path(done).count("PauseBeforeDeletion") == 2
    assert world.records.request(request.id).status == "FAILED"
    assert_nothing_is_left(world, request.id)


def test_a_stack_that_cannot_be_deleted_needs_an_operator(world: World, engine: Engine):
    world.stacks.create_ends = "ROLLBACK_COMPLETE"
    world.stacks.delete_ends = ["DELETE_FAILED"]
    request = world.submit()
    done = engine.run("provision", request.id)
    assert done["error"] == "NeedsOperator"
    standing = world.records.request(request.id)
    assert standing.status == "NEEDS_OPERATOR"
    assert world.stacks.find(standing.stack_id).name in standing.message
    # The hold stays: what is left costs money.
    assert world.records.hold(request.id).state is HoldState.HELD
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    engine.run("provision", request.id, resume="compensate")
    assert_nothing_is_left(world, request.id)


def test_a_url_that_answers_late_is_waited_for(world: World, engine: Engine):
    world.probe.faults["http://shop.test"] = "it answers 503"

    def heals(deed: str) -> None:
        if world.deeds().count("probe") == 20:
            world.probe.faults.clear()

    world.outside.on_deed = heals
    request = world.submit()
    engine.run("provision", request.id)
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_a_url_that_never_answers_is_undone(world: World, engine: Engine):
    world.probe.faults["http://shop.test"] = "it answers 503"
    request = world.submit()
    engine.run("provision", request.id)
    standing = world.records.request(request.id)
    assert (standing.status, standing.reason) == ("FAILED", "URL_NOT_READY")
    assert "503" in standing.message
    assert_nothing_is_left(world, request.id)


def test_a_mail_that_cannot_be_sent_tells_operators_and_the_application_stands(
    world: World, engine: Engine
):
    world.breaking("mail", times=100)
    request = world.submit()
    done = engine.run("provision", request.id)
    assert done["status"] == "SUCCEEDED"
    assert engine.told_operators == ["autoprovision: an outcome was not announced"]
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_when_not_even_the_mark_can_be_set_a_person_is_told(world: World, engine: Engine):
    world.stacks.create_ends = "ROLLBACK_COMPLETE"
    world.breaking("unpublish", times=100)
    world.breaking("operators", times=100)
    request = world.submit()
    done = engine.run("provision", request.id)
    assert done["error"] == "NeedsOperator"
    assert engine.told_operators == ["autoprovision: a request could not be taken back"]


def test_no_secret_is_in_any_history_table_mail_or_event(world: World, engine: Engine):
    world.probe.faults["http://shop.test"] = "it answers 503"
    request = world.submit(secret=True)
    done = engine.run("provision", request.id)
    everywhere = json.dumps(
        [
            done["events"],
            [str(one) for one in world.outside.done],
            world.records.request(request.id).document(),
            world.application(request).document(),
        ],
        default=str,
    )
    assert SECRET not in everywhere
    assert "team@uni.edu" not in json.dumps(done["events"])


def test_an_execution_that_runs_again_changes_nothing(world: World, engine: Engine):
    request = world.submit()
    engine.run("provision", request.id)
    before = world.records.request(request.id)
    again = engine.run("provision", request.id)
    assert engine.path(again) == ["Route", "PreparePlan", "DecideApproval", "Notify", "Done"]
    assert engine.path(engine.run("provision", request.id, resume="compensate")) == [
        "Route",
        "BeginCompensation",
        "ChooseUndo",
        "Notify",
        "Done",
    ]
    assert world.records.request(request.id) == before
    assert outcome_mails(world) == ["provisioned"]
