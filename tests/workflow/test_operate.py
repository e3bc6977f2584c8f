"""operate.asl.json on the real engine: each step failing before and after, answers lost, cancels."""

import json
import threading
import time
from datetime import timedelta

import pytest
import yaml
from tests.workflow.definitions import ROOT
from tests.workflow.engine import Engine
from tests.workflow.systems_manager import (
    MACHINE,
    A,
    SystemsManager,
    machine_of,
    operate,
    with_machines,
)
from tests.workflow.world import ADA, BOB, SECRET, World, policy

from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.operation import MOST_TOKEN, MOST_VALUE, TOKEN_PARAMETERS
from autoprovision.embedded.runbooks.documents import parameters_of
from autoprovision.embedded.runbooks.values import filled
from autoprovision.steps.operation import settle_automation
from autoprovision.steps.sweep import sweep
from autoprovision.usecases import approvals, cancellation

_MINUTES = timedelta(minutes=10)
STEPS = (
    "PreparePlan", "AuthorizeLaunch", "PrepareRunbook", "KeepOutcome", "EndOperation", "Notify",
)  # fmt: skip


@pytest.fixture
def manager(world: World, engine: Engine) -> SystemsManager:
    """One that works, with its events."""
    with_machines(world)
    manager = SystemsManager(world)
    manager.changed = lambda automation_id: settle_automation(automation_id, world) and None
    engine.systems_manager = manager
    return manager


@pytest.fixture
def application(world: World, manager: SystemsManager) -> str:
    return machine_of(world)


def after(world: World, request):
    return world.records.request(request.id), world.records.application(request.application_id)


def mailed(world: World, request) -> list[str]:
    return [one.id.split("#")[1] for one in world.mails() if one.id.startswith(request.id)]


def test_straight_to_its_end(world, engine, manager, application):
    request = operate(world, application)
    run = engine.run("operate", request.id)
    assert run["status"] == "SUCCEEDED", engine.path(run)
    done, lives = after(world, request)
    assert (done.status, done.instances, done.automation_id) == ("SUCCEEDED", (MACHINE,), "a1")
    assert (lives.status, lives.operation) == ("AVAILABLE", None)
    assert "restart is done" in lives.message
    assert mailed(world, request) == ["operated"]
    (started,) = manager.started
    assert started["Parameters"]["InstanceIds"] == [MACHINE]
    assert started["Parameters"]["RequestId"] == [request.id]
    assert started["Parameters"]["Site"] == ["site"]
    lines = world.records.events(request.id, limit=100).items
    assert any("it said this" in one.message for one in lines)
    assert world.records.balance("UNIT#cs").committed == lives.monthly_credits


def test_a_command_travels_by_reference_and_is_gone_afterwards(world, engine, manager, application):
    request = operate(world, application, "run-command", command=f"echo {SECRET}")
    run = engine.run("operate", request.id)
    assert run["status"] == "SUCCEEDED"
    given = manager.started[0]["Parameters"]
    assert given["Source"] == [f"https://s3.test/operations/{application}/{request.id}/command.sh"]
    assert given["Folder"] == [f"{application}/{request.id}/diagnostics"]
    assert given["Other"] == ["autoprovision-restart-instance"]
    assert given["Times"] == ["1"]
    assert SECRET not in json.dumps(run["events"], default=str)
    assert SECRET not in json.dumps([one.text for one in world.mails()])
    assert world.operation_files.scripts == {}


@pytest.mark.parametrize("ends", [A.SUCCEEDED, A.FAILED])
def test_what_machines_print_and_bring_is_kept_without_secrets(
    world, engine, manager, application, ends
):
    """However the operation ends, in the timeline, in what is handed out, and in what is told."""
    manager.ends = ends
    manager.says = f"DB_PASSWORD={SECRET}\nall is well"
    manager.failure = f"could not reach mysql://root:{SECRET}@db/site"
    request = operate(world, application, "run-command", command="true")
    folder = f"{application}/{request.id}"
    world.operation_files.brought[folder, MACHINE] = f"token: {SECRET}\nsda1 is 40 % full"
    engine.run("operate", request.id)
    done = after(world, request)[0]
    assert done.status == ("SUCCEEDED" if ends is A.SUCCEEDED else "FAILED")
    lines = "\n".join(one.message for one in world.records.events(request.id, limit=99).items)
    assert "DB_PASSWORD=***\nall is well" in lines
    assert world.operation_files.kept[folder, MACHINE] == "token: ***\nsda1 is 40 % full"
    assert world.operation_files.brought == {}
    mails = json.dumps([one.text + one.html for one in world.mails()])
    everything = [lines, done.model_dump_json(), mails, str(after(world, request)[1])]
    assert not any(SECRET in one for one in everything)
    if ends is A.FAILED:
        assert "mysql://***@db/site" in done.message


def test_diagnostics_that_cannot_be_kept_leave_the_application_free(
    world, engine, manager, application
):
    request = operate(world, application, "run-command", command="true")
    folder = f"{application}/{request.id}"
    world.operation_files.brought[folder, MACHINE] = "hello"
    world.breaking("keepDiagnostics", times=100, error=UnavailableError("S3 is away."))
    run = engine.run("operate", request.id)
    assert run["status"] == "SUCCEEDED", engine.path(run)
    done, lives = after(world, request)
    assert (done.status, lives.status, lives.operation) == ("FAILED", "AVAILABLE", None)
    lines = [one.message for one in world.records.events(request.id, limit=99).items]
    assert "What the machines brought is not kept: S3 is away." in lines
    assert world.operation_files.kept == {}


@pytest.mark.parametrize("length", [MOST_TOKEN, 2 * MOST_VALUE, MOST_VALUE + 1, MOST_VALUE, None])
def test_the_task_token_goes_in_pieces_and_is_answered_whole(
    world, engine, manager, application, monkeypatch, length
):
    made = engine.states.new_uuid
    if length:
        monkeypatch.setattr(engine.states, "new_uuid", lambda: (made() * 57)[:length])
    manager.answers = False
    answered: list[str] = []

    def answers(automation_id: str) -> None:
        """As the runbook's own last step does, by what is written in it."""
        content = yaml.safe_load((ROOT / "runbooks/restart-instances.yaml").read_text("utf-8"))
        declared = {"parameters": pieces_in(content["parameters"])}
        values = parameters_of(declared, pieces_in(manager.started[0]["Parameters"]))
        steps = {one["name"]: one for one in content["mainSteps"]}
        answered.append(filled(steps["Answer"]["inputs"]["taskToken"], values))
        assert world.workflows.answer(answered[-1], {})

    manager.changed = answers
    request = operate(world, application)
    run = engine.run("operate", request.id)
    assert run["status"] == "SUCCEEDED", engine.path(run)
    assert "AwaitRunbook" not in engine.path(run)
    assert after(world, request)[0].status == "SUCCEEDED"
    pieces = [value for (value,) in pieces_in(manager.started[0]["Parameters"]).values()]
    assert "".join(pieces) == answered[0] == world.automations.known["a1"].token
    assert len(answered[0]) == (length or len(made()))
    assert [len(one) for one in pieces[:-1]] == [MOST_VALUE] * (len(pieces) - 1)
    assert all(pieces)


def pieces_in(parameters: dict) -> dict:
    """Those of a runbook's parameters, declared or given, that are pieces of the token."""
    return {name: one for name, one in parameters.items() if name in TOKEN_PARAMETERS}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_fails_once_is_tried_again(world, engine, manager, application, step, when):
    failed: list[str] = []

    def once(name: str) -> None:
        if name == step and not failed:
            failed.append(name)
            raise engine._steps._named("UnavailableError", "UNAVAILABLE: no")

    setattr(engine, when, once)
    request = operate(world, application)
    run = engine.run("operate", request.id)
    assert failed == [step]
    assert after(world, request)[0].status == "SUCCEEDED", engine.path(run)
    assert len(manager.started) == 1
    assert mailed(world, request) == ["operated"]


@pytest.mark.parametrize("step", ["PrepareRunbook", "KeepOutcome", "EndOperation"])
def test_a_step_that_never_works_leaves_the_application(world, engine, manager, application, step):
    def never(name: str) -> None:
        if name == step:
            raise engine._steps._named("UnavailableError", "UNAVAILABLE: no")

    engine.before = never
    request = operate(world, application)
    run = engine.run("operate", request.id)
    done, lives = after(world, request)
    assert run["status"] == "SUCCEEDED"
    assert (done.status, lives.status, lives.operation) == ("FAILED", "AVAILABLE", None)
    assert mailed(world, request) == ["operation-failed"]


def test_a_start_that_is_throttled_is_tried_again(world, engine, manager, application):
    manager.start_fails = ["Ssm.SsmException"] * 2
    request = operate(world, application)
    engine.run("operate", request.id)
    assert after(world, request)[0].status == "SUCCEEDED"


@pytest.mark.parametrize(
    "error", ["Ssm.InvalidAutomationExecutionParametersException", "Ssm.ValidationException"]
)
def test_a_start_that_is_refused_says_why(world, engine, manager, application, error):
    manager.start_fails = [error]
    request = operate(world, application)
    engine.run("operate", request.id)
    done, lives = after(world, request)
    assert (done.status, done.reason) == ("FAILED", "RUNBOOK_NOT_STARTED")
    assert lives.reason == "RUNBOOK_NOT_STARTED"


def test_a_start_whose_answer_was_lost_is_waited_for(world, engine, manager, application):
    manager.lose_answers, manager.ends = 1, None
    request = operate(world, application)
    run = engine.start("operate", request.id)
    until(lambda: "a1" in world.waits._waits)
    manager.answers = False  # its token is dead
    manager.becomes("a1", A.SUCCEEDED)
    engine.finished(run)
    assert "AwaitRunbook" in engine.path(run)
    assert after(world, request)[0].status == "SUCCEEDED"
    assert len(manager.started) == 1
    assert world.waits._waits == {}


def test_a_start_whose_answer_was_lost_and_that_has_ended_already(
    world, engine, manager, application
):
    manager.lose_answers, manager.answers = 1, False
    request = operate(world, application)
    engine.run("operate", request.id)
    assert after(world, request)[0].status == "SUCCEEDED"


def test_an_answer_that_the_runbook_did_not_give_is_given_by_its_event(
    world, engine, manager, application
):
    manager.answers = False
    request = operate(world, application)
    engine.run("operate", request.id)
    assert after(world, request)[0].status == "SUCCEEDED"


def test_an_answer_that_nobody_gave_is_given_by_the_sweep(world, engine, manager, application):
    manager.answers, manager.changed = False, lambda automation_id: None
    request = operate(world, application)
    run = engine.start("operate", request.id)
    until(lambda: "a1" in world.automations.known)
    world.workflows.states["operate", request.id, 0] = "RUNNING"
    world.outside.clock += _MINUTES
    until(lambda: sweep(world).get("answered"))
    engine.finished(run)
    assert after(world, request)[0].status == "SUCCEEDED"
    # Answered twice is answered once.
    assert settle_automation("a1", world) is False


def test_a_runbook_that_fails_says_at_which_step(world, engine, manager, application):
    manager.ends = A.FAILED
    request = operate(world, application)
    run = engine.run("operate", request.id)
    done, lives = after(world, request)
    assert (done.status, done.reason) == ("FAILED", "RUNBOOK_FAILED")
    assert done.message == "The runbook failed at its step Work: the disk is full"
    assert (lives.status, lives.operation, lives.reason) == ("AVAILABLE", None, "RUNBOOK_FAILED")
    assert "StopRunbook" not in engine.path(run)
    assert mailed(world, request) == ["operation-failed"]


def test_a_cancel_in_the_middle_stops_the_runbook(world, engine, manager, application):
    manager.ends = None
    request = operate(world, application)
    run = engine.start("operate", request.id)
    until(lambda: "a1" in world.automations.known)
    cancellation.cancel(world.users.by_email(ADA).actor(), request.id, world)
    engine.finished(run)
    assert engine.path(run)[-6:-2] == [
        "ChooseUndo",
        "StopRunbook",
        "AwaitRunbookStopped",
        "CloseRequest",
    ]
    done, lives = after(world, request)
    assert (done.status, lives.status, lives.operation) == ("CANCELLED", "AVAILABLE", None)
    assert world.automations.known["a1"].status is A.CANCELLED
    assert any(
        "not taken back" in one.message for one in world.records.events(request.id, limit=99).items
    )


def test_a_cancel_before_the_start_is_seen_when_the_runbook_begins(
    world, engine, manager, application
):
    """The mark was set when no execution was there to be found: its first event finds the mark."""
    manager.ends = None
    request = operate(world, application)
    engine.after = lambda name: name == "PrepareRunbook" and world.records.ask_to_cancel(request.id, by=ADA) and None  # fmt: skip
    run = engine.start("operate", request.id)
    until(lambda: "a1" in world.automations.known)
    until(lambda: settle_automation("a1", world))
    engine.finished(run)
    assert after(world, request)[0].status == "CANCELLED"
    assert world.automations.known["a1"].status is A.CANCELLED


def test_a_runbook_that_does_not_stop_needs_an_operator_and_is_resumed(
    world, engine, manager, application
):
    manager.ends, manager.stops = None, False
    request = operate(world, application)
    run = engine.start("operate", request.id)
    until(lambda: "a1" in world.automations.known)

    def stuck(name: str) -> None:
        if name == "AwaitRunbookStopped":
            raise engine._steps._named("StepRefused", "STUCK: no")

    engine.before = stuck
    cancellation.cancel(world.users.by_email(ADA).actor(), request.id, world)
    assert engine.finished(run)["status"] == "FAILED"
    stands, lives = after(world, request)
    assert stands.status == "NEEDS_OPERATOR"
    assert f"autoprovision request resume {request.id}" in stands.message
    assert "a1" in stands.message
    assert lives.operation == request.id
    engine.before = lambda name: None
    manager.stops = True
    engine.run("operate", request.id, resume="compensate")
    assert after(world, request)[0].status == "CANCELLED"


def test_approved_where_the_policy_asks(world, engine, manager, application):
    world.catalog.publish_policy(policy(version="2").with_(), by="root", at="")
    lives = world.records.application(application)
    world.records.patch_application(application, target_environment="stag")
    request = operate(world, application, "run-command", command=f"echo {SECRET}")
    assert request.plan.approval.verdict == "ONE_APPROVER"

    def approve() -> None:
        question = world.approvals.get(request.id)
        assert "run-command on 1 machine of" in question.question
        assert SECRET not in str(question)
        bob = world.users.by_email(BOB).actor()
        seen = approvals.show(bob, request.id, world)
        assert seen["operationParameters"]["command"] == f"echo {SECRET}\n"
        assert seen["plan"]["parameters"]["command"].startswith("sha256:")
        approvals.decide(
            bob, request.id, world, decision="APPROVED", comment="",
            plan_digest=question.plan_digest,
        )  # fmt: skip

    engine.on_question = approve
    engine.run("operate", request.id)
    assert after(world, request)[0].status == "SUCCEEDED"
    asked = [one for one in world.mails() if one.id.startswith(f"{request.id}#approval")]
    assert asked
    for text in (part for one in asked for part in (one.text, one.html)):
        assert "asks for run-command on the machines of" in text
        assert "a month" not in text
    assert lives.id == application


def test_a_machine_that_went_away_meanwhile_ends_it(world, engine, manager, application):
    request = operate(world, application)
    world.machines.known.clear()
    engine.run("operate", request.id)
    done, lives = after(world, request)
    assert (done.status, done.reason) == ("FAILED", "NO_MACHINES")
    assert (lives.status, lives.operation) == ("AVAILABLE", None)


def test_mails_that_cannot_be_sent_call_a_person(world, engine, manager, application):
    world.breaking("mail", times=100, error=UnavailableError("no"))
    request = operate(world, application)
    run = engine.run("operate", request.id)
    assert "TellOperators" in engine.path(run)
    assert after(world, request)[0].status == "SUCCEEDED"


def until(look) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
