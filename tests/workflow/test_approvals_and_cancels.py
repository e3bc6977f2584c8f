"""The real provision workflow with people in it: questions, cancels, late events, terminations."""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.workflow.engine import Engine
from tests.workflow.test_executions import assert_nothing_is_left, outcome_mails
from tests.workflow.world import ADA, BOB, EVE, World, catalog, manifest, policy, published

from autoprovision.domain.actor import Role
from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.errors import AutoprovisionError, UnavailableError
from autoprovision.domain.request import Request
from autoprovision.steps.stack import settle
from autoprovision.steps.sweep import sweep
from autoprovision.usecases import approvals, cancellation, terminations

PATIENCE = 20.0


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def decide(
    world: World,
    request_id: str,
    email: str,
    decision: str = "APPROVED",
    comment: str = "Fits the course.",
) -> dict[str, object]:
    question = world.approvals.get(request_id)
    return approvals.decide(
        world.users.by_email(email).actor(),
        request_id,
        world,
        decision=decision,
        comment=comment,
        plan_digest=question.plan_digest,
    )


def test_one_person_approves_and_it_is_launched(world: World, engine: Engine):
    request = world.submit("stag")
    engine.on_question = lambda: decide(world, request.id, BOB)
    done = engine.run("provision", request.id)
    assert "AskApproval" in engine.path(done)
    assert world.records.request(request.id).status == "SUCCEEDED"
    approval = world.approvals.get(request.id)
    assert approval.status == "APPROVED"
    assert approval.used_by == done["name"]
    assert approval.delivered_at is not None
    asked = [one.to for one in world.mails() if "#approval-requested" in one.id]
    assert sorted(asked) == [BOB, EVE]  # admins are told when it escalates
    assert ("AskApproval", "SUCCEEDED") in world.told(request.id)


def test_prod_takes_two_different_people(world: World, engine: Engine):
    request = world.submit("prod")
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    assert decide(world, request.id, BOB)["approversMissing"] == 1
    with pytest.raises(AutoprovisionError) as refused:
        decide(world, request.id, BOB)
    assert refused.value.reason == "SAME_PERSON"
    assert world.stacks.calls == []
    decide(world, request.id, EVE)
    engine.finished(execution)
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_nobody_approves_their_own_request(world: World, engine: Engine):
    world.users.save(world.users.by_email(ADA).with_(role=Role.APPROVER, approves_for=("cs",)))
    request = world.submit("stag")
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    with pytest.raises(AutoprovisionError) as refused:
        decide(world, request.id, ADA)
    assert refused.value.reason == "OWN_REQUEST"
    assert ADA not in {one.to for one in world.mails()}
    decide(world, request.id, BOB)
    engine.finished(execution)


def test_a_rejection_gives_everything_back(world: World, engine: Engine):
    request = world.submit("stag", secret=True)
    engine.on_question = lambda: decide(world, request.id, BOB, "REJECTED", "Use dev.")
    done = engine.run("provision", request.id)
    request = world.records.request(request.id)
    said = "bob@uni.edu rejected it on 2026-11-23 09:00 UTC: Use dev."
    assert (request.status, request.reason, request.message) == ("REJECTED", "REJECTED", said)
    assert world.stacks.calls == []
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["rejected"]
    assert "Use dev." in world.mails()[-1].text
    # What was said and by whom is told to people, and is in no history.
    assert "Use dev." not in json.dumps(done["events"])
    # A question's end is not a failure.
    assert "COMPENSATING" not in {detail["status"] for _, detail in world.events.published}


def test_a_question_that_nobody_answers_expires(world: World, engine: Engine):
    request = world.submit("stag", secret=True)
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    world.outside.clock += timedelta(days=20)
    assert sweep(world)["tended"] == 1
    engine.finished(execution)
    request = world.records.request(request.id)
    assert request.status == "EXPIRED"
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["expired"]


@pytest.mark.parametrize("decided", [False, True])
def test_the_states_own_limit_expires_it_too_unless_a_decision_came_first(
    world: World, engine: Engine, decided: bool
):
    """The wake-up of the decision was lost, and so was the sweep."""
    request = world.submit("stag")
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    token = world.approvals._tokens.pop(request.id)
    if decided:
        decide(world, request.id, BOB)
    else:
        world.outside.clock += timedelta(days=20)
    engine.states._send_task_failure({"taskToken": token, "error": "States.Timeout", "cause": ""})
    done = engine.finished(execution)
    assert "ExpireApproval" in engine.path(done)
    assert world.records.request(request.id).status == ("SUCCEEDED" if decided else "EXPIRED")


def test_a_decision_whose_delivery_failed_is_delivered_by_the_sweep(world: World, engine: Engine):
    request = world.submit("stag")
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    world.breaking("answer")
    decide(world, request.id, BOB)
    assert execution["status"] == "RUNNING"
    assert sweep(world)["delivered"] == 1
    engine.finished(execution)
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_a_policy_that_moved_under_an_approval_is_asked_anew(world: World, engine: Engine):
    request = world.submit("stag")
    rounds = []

    def answer() -> None:
        rounds.append(world.approvals.get(request.id).plan_digest)
        if len(rounds) == 1:
            world.catalog.publish_policy(policy(version="2"), by="root", at="")
        decide(world, request.id, BOB)

    engine.on_question = answer
    done = engine.run("provision", request.id)
    assert engine.path(done).count("AskApproval") == 2
    assert len(set(rounds)) == 2
    assert world.approvals.get(request.id).round == 2
    request = world.records.request(request.id)
    assert request.status == "SUCCEEDED"
    assert request.plan.approval.policy_version == "2"
    assert [name for name, _ in world.events.published].count("ApprovalVoided") == 1


def test_a_policy_that_asks_nobody_any_more_lets_it_through(world: World, engine: Engine):
    request = world.submit("stag")
    world.catalog.publish_policy(policy(threshold=50, version="2"), by="root", at="")
    done = engine.run("provision", request.id)
    assert "AskApproval" not in engine.path(done)
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_a_price_that_moved_moves_the_hold_too(world: World, engine: Engine):
    request = world.submit("dev")
    world.catalog.publish(catalog(published(manifest()), cents="7"))
    engine.run("provision", request.id)
    request = world.records.request(request.id)
    assert (request.status, request.plan.monthly_credits) == ("SUCCEEDED", 70)
    assert world.records.hold(request.id).credits == 70
    assert world.application(request).monthly_credits == 70


def test_a_blueprint_that_is_gone_fails_before_anything_is_built(world: World, engine: Engine):
    request = world.submit("dev")
    other = manifest(version="2.0.0", serves=[{"projectType": "SPA", "techStacks": ["React"]}])
    world.catalog.publish(catalog(published(other, "sha256:2")))
    engine.run("provision", request.id)
    assert world.records.request(request.id).status == "FAILED"
    assert world.stacks.calls == []
    assert_nothing_is_left(world, request.id)


def test_a_forged_decision_launches_nothing(world: World, engine: Engine):
    request = world.submit("stag")

    def forge() -> None:
        decide(world, request.id, BOB)

    save = world.approvals.save

    def altered(approval, *, expected_version):
        forged = [one.with_(comment="something else") for one in approval.decisions]
        return save(approval.with_(decisions=tuple(forged)), expected_version=expected_version)

    world.approvals.save = altered
    engine.on_question = forge
    engine.run("provision", request.id)
    request = world.records.request(request.id)
    assert (request.status, request.reason) == ("FAILED", "SIGNATURE_INVALID")
    assert world.stacks.calls == []


def test_a_key_that_kms_refuses_launches_nothing_and_says_so(world: World, engine: Engine):
    request = world.submit("stag")
    engine.on_question = lambda: decide(world, request.id, BOB)

    def refused(*_: object) -> bool:
        raise UnavailableError("A key cannot be used now.", code="KEY_UNAVAILABLE")

    world.signer.verify = refused
    engine.run("provision", request.id)
    request = world.records.request(request.id)
    assert (request.status, request.reason) == ("FAILED", "KEY_UNAVAILABLE")
    assert world.stacks.calls == []
    assert_nothing_is_left(world, request.id)


def test_the_sweep_takes_back_a_question_whose_plan_moved(world: World, engine: Engine):
    request = world.submit("stag")
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    world.catalog.publish_policy(policy(version="2"), by="root", at="")
    assert sweep(world)["tended"] == 1
    until(lambda: world.approvals.get(request.id).round == 2)
    assert world.approvals.get(request.id).is_open
    decide(world, request.id, BOB)
    engine.finished(execution)
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_an_altered_plan_is_not_launched(world: World, engine: Engine):
    request = world.submit("dev")
    world.records.patch_request(request.id, plan=request.plan.with_(parameters={"Name": "admin"}))
    engine.run("provision", request.id)
    assert world.records.request(request.id).reason == "PLAN_ALTERED"
    assert world.stacks.calls == []


def cancel(world: World, request: Request) -> None:
    cancellation.cancel(world.users.by_email(ADA).actor(), request.id, world)


def test_a_cancel_while_the_question_is_open(world: World, engine: Engine):
    request = world.submit("stag", secret=True)
    execution = engine.start("provision", request.id)
    until(lambda: world.approvals.get(request.id))
    cancel(world, request)
    engine.finished(execution)
    assert world.records.request(request.id).status == "CANCELLED"
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["cancelled"]


def test_a_cancel_while_the_stack_is_created(world: World, engine: Engine):
    world.stacks.create_ends = None
    request = world.submit(secret=True)
    execution = engine.start("provision", request.id)
    until(lambda: world.waits._waits)
    cancel(world, request)
    engine.finished(execution)
    assert world.records.request(request.id).status == "CANCELLED"
    assert_nothing_is_left(world, request.id)


@pytest.mark.parametrize(
    "step",
    ["PreparePlan", "AuthorizeLaunch", "AwaitStack", "PublishProject", "CheckUrl", "CommitQuota"],
)
def test_a_cancel_between_two_steps_is_seen_by_the_next(world: World, engine: Engine, step: str):
    request = world.submit(secret=True)

    def cancels(name: str) -> None:
        if name == step:
            cancel(world, request)

    engine.before = cancels
    engine.run("provision", request.id)
    assert world.records.request(request.id).status == "CANCELLED"
    assert_nothing_is_left(world, request.id)
    assert outcome_mails(world) == ["cancelled"]


@pytest.mark.parametrize("moment", ["before the write", "after the write"])
def test_a_cancel_is_carried_out_or_refused_but_never_accepted_and_ignored(
    world: World, engine: Engine, moment: str
):
    """It lands between CommitQuota's look at the request and its write, or just behind it."""
    request = world.submit(secret=True)
    succeed = world.records.succeed

    def meets_a_cancel(*given: object, **named: object) -> Request:
        if moment == "before the write":
            cancel(world, request)
            return succeed(*given, **named)
        done = succeed(*given, **named)
        with pytest.raises(AutoprovisionError) as refused:
            cancel(world, request)
        assert refused.value.reason == "WRONG_STATUS"
        return done

    world.records.succeed = meets_a_cancel
    engine.run("provision", request.id)
    if moment == "before the write":
        assert world.records.request(request.id).status == "CANCELLED"
        assert_nothing_is_left(world, request.id)
        assert outcome_mails(world) == ["cancelled"]
    else:
        assert world.records.request(request.id).status == "SUCCEEDED"


def test_the_event_may_come_late_twice_and_wrong(world: World, engine: Engine):
    world.stacks.create_ends = None
    request = world.submit()
    execution = engine.start("provision", request.id)
    until(lambda: world.waits._waits)
    stack = world.stacks.live[0]
    assert settle(stack.id, world) is False  # an event about a stack that is still in progress
    assert settle("arn:aws:cloudformation:::stack/other/1", world) is False
    world.stacks.becomes(stack.id, "CREATE_COMPLETE")
    assert settle(stack.id, world) is False  # the event comes again
    engine.finished(execution)
    assert settle(stack.id, world) is False
    assert world.records.request(request.id).status == "SUCCEEDED"


def test_the_sweep_answers_what_no_event_told(world: World, engine: Engine):
    world.stacks.create_ends = None
    world.stacks.changed = lambda stack_id: None
    request = world.submit()
    execution = engine.start("provision", request.id)
    until(lambda: world.waits._waits)
    world.stacks.becomes(world.stacks.live[0].id, "CREATE_COMPLETE")
    world.outside.clock += timedelta(minutes=5)
    assert sweep(world)["answered"] == 1
    engine.finished(execution)
    assert world.records.request(request.id).status == "SUCCEEDED"


def terminate(world: World) -> Request:
    application = next(iter(world.records.applications(None, limit=1).items))
    return terminations.terminate(
        world.users.by_email(ADA).actor(),
        application.id,
        world,
        request_id="req_01je0000000000000000000000",
    )


def test_a_termination_leaves_nothing(world: World, engine: Engine):
    first = world.submit(secret=True)
    engine.run("provision", first.id)
    ending = terminate(world)
    done = engine.run("terminate", ending.id)
    assert engine.path(done) == [
        "BeginTermination",
        "ChooseUndo",
        "WithdrawNames",
        "UnpublishProject",
        "DeleteStack",
        "AwaitStackDeletion",
        "ForgetSecrets",
        "EndApplication",
        "Notify",
        "Done",
    ]
    assert world.records.request(ending.id).status == "SUCCEEDED"
    assert world.application(first).status is ApplicationStatus.TERMINATED
    assert_nothing_is_left(world, first.id)
    assert outcome_mails(world) == ["provisioned", "terminated"]


def test_a_termination_of_an_application_whose_stack_is_gone(world: World, engine: Engine):
    first = world.submit()
    engine.run("provision", first.id)
    world.stacks.delete({"StackName": world.stacks.live[0].id})
    world.sites.live.clear()
    done = engine.run("terminate", terminate(world).id)
    assert "DeleteStack" not in engine.path(done)
    assert_nothing_is_left(world, first.id)


def test_a_termination_that_fails_needs_an_operator_and_is_resumed(world: World, engine: Engine):
    first = world.submit()
    engine.run("provision", first.id)
    world.stacks.delete_ends = ["DELETE_FAILED"]
    ending = terminate(world)
    done = engine.run("terminate", ending.id)
    assert done["error"] == "NeedsOperator"
    assert world.records.request(ending.id).status == "NEEDS_OPERATOR"
    assert world.application(first).status is ApplicationStatus.ERROR
    assert world.application(first).operation == ending.id
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    engine.run("terminate", ending.id, resume="compensate")
    assert world.records.request(ending.id).status == "SUCCEEDED"
    assert_nothing_is_left(world, first.id)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "step",
    [
        "BeginTermination",
        "WithdrawNames",
        "UnpublishProject",
        "AwaitStackDeletion",
        "ForgetSecrets",
        "EndApplication",
        "Notify",
    ],
)
def test_a_step_of_a_termination_may_fail_some_times(
    world: World, engine: Engine, step: str, when: str
):
    from tests.workflow.cloudformation import CloudFormationError

    first = world.submit(secret=True)
    engine.run("provision", first.id)
    left = [4]

    def fails(name: str) -> None:
        if name == step and left[0]:
            left[0] -= 1
            raise CloudFormationError("Lambda.Unknown", "the process was killed")

    setattr(engine, when, fails)
    engine.run("terminate", terminate(world).id)
    assert_nothing_is_left(world, first.id)
    assert outcome_mails(world) == ["provisioned", "terminated"]


def test_records_that_cloudformation_misses_are_left_alone(world: World, engine: Engine):
    """It may fail to delete a record that is gone already: then it need not look for it."""
    first = world.submit()
    engine.run("provision", first.id)
    world.stacks.misses_names = True
    done = engine.run("terminate", terminate(world).id)
    assert engine.path(done).count("DeleteStack") == 2
    assert world.stacks.retained == ["AddressV4", "AddressV6"]
    assert world.stacks.deleted_with_names == []
    assert_nothing_is_left(world, first.id)
