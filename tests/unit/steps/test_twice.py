"""Every step and every undo is safe to run twice, and a service that fails is told as such."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.workflow.definitions import WORKFLOWS, tasks_of
from tests.workflow.systems_manager import SystemsManager, machine_of, operate, with_machines
from tests.workflow.world import ADA, BOB, REPOSITORY, World, catalog, manifest, published, tree

from autoprovision.domain.build import Build, BuildStatus
from autoprovision.domain.errors import AutoprovisionError, UnavailableError
from autoprovision.domain.git_source import SourceFile, SourceTree
from autoprovision.domain.operation import AutomationStatus
from autoprovision.domain.request import Request
from autoprovision.functions import steps as functions
from autoprovision.steps import (
    approval,
    build,
    names,
    needs_operator,
    operation,
    outcome,
    plan,
    project,
    quota,
    secrets,
    stack,
    update,
    url,
)
from autoprovision.steps import notify as notifying
from autoprovision.usecases import approvals, terminations, updates
from autoprovision.usecases.approval_questions import open_question

Ready = tuple[Request, dict[str, Any]]


def submitted(world: World) -> Ready:
    request = world.submit(secret=True)
    return request, {"requestId": request.id}


def asked(world: World) -> Ready:
    request = world.submit("stag", secret=True)
    made = plan.prepare_plan({"requestId": request.id}, world)
    open_question(request.id, made["planDigest"], "token", world, expires_at=made["expiresAt"])
    return request, {"requestId": request.id, "execution": request.id}


def approved(world: World) -> Ready:
    request, event = asked(world)
    approvals.decide(
        world.users.by_email(BOB).actor(),
        request.id,
        world,
        decision="APPROVED",
        comment="",
        plan_digest=request.plan.digest,
    )
    return request, event


def launched(world: World) -> Ready:
    request, event = submitted(world)
    made = approval.authorize_launch({**event, "execution": request.id}, world)["launch"]
    created = world.stacks.create({"StackName": made["stackName"], "Tags": made["tags"]})
    event |= {
        "stackId": created["StackId"],
        "stackName": made["stackName"],
        "taskToken": "token",
        "purpose": "CREATE",
    }
    return request, event


def awaited(world: World) -> Ready:
    request, event = launched(world)
    stack.await_stack(event, world)
    return request, event


def to_build(world: World) -> Ready:
    file = SourceFile("index.html", 2, False, "0" * 40, lambda: b"hi")
    world.source.trees[REPOSITORY] = SourceTree("c0ffee" * 6, {file.path: file})
    return awaited(world)


def building(world: World) -> Ready:
    request, event = to_build(world)
    build.stage_source(event, world)
    world.builds.known["b:1"] = Build(id="b:1", status=BuildStatus.FAILED, request_id=request.id)
    return request, {**event, "buildId": "b:1"}


def going_back(world: World) -> Ready:
    request, event = awaited(world)
    outcome.begin_compensation(
        {**event, "failure": {"Error": "StepRefused", "Cause": "SOURCE_EMPTY: It is empty."}}, world
    )
    return request, event


def closed(world: World) -> Ready:
    request, event = going_back(world)
    outcome.close_request(event, world)
    return request, event


def terminating(world: World) -> Ready:
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    ending = terminations.terminate(
        world.users.by_email(ADA).actor(),
        application.id,
        world,
        request_id="req_01je0000000000000000000000",
    )
    return ending, {"requestId": ending.id, "stackId": application.stack_id}


def ending(world: World) -> Ready:
    request, event = terminating(world)
    outcome.begin_termination(event, world)
    return request, event


def updating(world: World) -> Ready:
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    request = updates.update(
        world.users.by_email(ADA).actor(), application.id, {"ProjectEmail": "new@uni.edu"}, world,
        request_id="req_01jf0000000000000000000000",
    )  # fmt: skip
    return request, {"requestId": request.id, "stackId": application.stack_id}


def changing(world: World) -> Ready:
    request, event = updating(world)
    change = update.prepare_update(event, world)["change"]
    world.change_sets.create(change)
    return request, {**event, "changeSetName": change["changeSetName"]}


def update_failed(world: World) -> Ready:
    request, event = changing(world)
    update.await_change_set(event, world)
    world.sites.paths["site"] = "/releases/second"
    return request, event


def operating(world: World) -> Ready:
    with_machines(world)
    request = operate(world, machine_of(world), "run-command", command="true")
    event = {"requestId": request.id, "purpose": "RUN", "taskToken": "later"}
    approval.authorize_launch({**event, "execution": request.id}, world)
    return request, event


def running(world: World, ends: AutomationStatus | None = None) -> Ready:
    request, event = operating(world)
    made = operation.prepare_runbook(dict(event), world)["run"]
    manager = SystemsManager(world)
    manager.ends, manager.answers = ends, False
    given = {**made["parameters"], "TaskToken1": ["token-of-the-start"]}
    manager.start({
        "DocumentName": f"RunbookPrefix{made['runbook']}", "ClientToken": made["clientToken"],
        "Parameters": given,
    })  # fmt: skip
    return request, event


def ran(world: World) -> Ready:
    return running(world, AutomationStatus.SUCCEEDED)


CASES: dict[str, tuple[Callable[[World], Ready], Callable[..., dict[str, Any]]]] = {
    "PreparePlan": (submitted, plan.prepare_plan),
    "ExpireApproval": (asked, approval.expire_approval),
    "AuthorizeLaunch": (approved, approval.authorize_launch),
    "AdoptStack": (launched, stack.adopt_stack),
    "AwaitStack": (launched, stack.await_stack),
    "StageSource": (to_build, build.stage_source),
    "AwaitBuild": (building, build.await_build),
    "PublishProject": (awaited, project.publish_project),
    "CheckUrl": (awaited, url.check_url),
    "CommitQuota": (awaited, quota.commit_quota),
    "BeginCompensation": (awaited, outcome.begin_compensation),
    "WithdrawNames": (going_back, names.withdraw_names),
    "UnpublishProject": (going_back, project.unpublish_project),
    "ForgetSecrets": (going_back, secrets.forget_secrets),
    "CloseRequest": (going_back, outcome.close_request),
    "MarkNeedsOperator": (going_back, needs_operator.mark_needs_operator),
    "Notify": (closed, notifying.notify),
    "BeginTermination": (terminating, outcome.begin_termination),
    "PrepareUpdate": (updating, update.prepare_update),
    "AwaitChangeSet": (changing, update.await_change_set),
    "RestoreRelease": (update_failed, project.restore_release),
    "PrepareRunbook": (operating, operation.prepare_runbook),
    "AwaitRunbook": (running, operation.await_runbook),
    "KeepOutcome": (ran, operation.keep_outcome),
    "EndOperation": (ran, operation.end_operation),
    "EndApplication": (ending, outcome.end_application),
}


def test_every_step_of_the_workflows_is_here():
    called = {
        name
        for workflow in WORKFLOWS
        for name, state in tasks_of(workflow).items()
        if "FunctionName" in state["Arguments"]
    }
    shared = {"AwaitStackDeletion", "AwaitStackRestored", "AwaitRunbookStopped"}
    assert called - shared == set(CASES)


def snapshot(world: World, request: Request) -> Any:
    """What must be the same after a second run; not the lines of the timeline and versions."""
    now = world.records.request(request.id).model_dump(exclude={"updated_at"})
    application = world.records.application(request.application_id).model_dump(
        exclude={"updated_at", "version_number"}
    )
    hold = world.records.hold(request.id)
    entries = [one.id for one in world.records.entries("UNIT#cs", limit=100).items]
    kept = world.approvals.get(request.id)
    return (
        now,
        application,
        hold and hold.state,
        entries,
        kept,
        world.secrets.kept,
        world.sites.live,
        world.names.kept,
        [one.id for one in world.mails()],
        len(world.stacks.stacks),
    )


@pytest.mark.parametrize("step", CASES)
def test_a_second_run_changes_nothing(world: World, step: str):
    prepare, action = CASES[step]
    request, event = prepare(world)
    first = action(dict(event), world)
    before = snapshot(world, request)
    second = action(dict(event), world)
    assert snapshot(world, request) == before
    for result in (first, second):
        result.pop("message", None)
    for moving in ("expiresAt", "approvalSeconds"):
        first.pop(moving, None), second.pop(moving, None)
    assert first == second


@pytest.mark.parametrize("step", CASES)
def test_a_table_that_does_not_answer_is_told_as_unavailable(world: World, step: str):
    prepare, action = CASES[step]
    request, event = prepare(world)
    before = snapshot(world, request)
    read = world.records.request

    def silent(request_id: str) -> Request:
        raise UnavailableError("DynamoDB does not answer.")

    world.records.request = silent
    if step in {"AdoptStack", "ExpireApproval"}:
        world.stacks.find = silent
        world.approvals.get = silent
    with pytest.raises(functions.StepError) as raised:
        functions.run(step, action, dict(event), world)
    assert type(raised.value).__name__ == "UnavailableError"
    world.records.request = read
    if step not in {"AdoptStack", "ExpireApproval"}:
        assert snapshot(world, request) == before


@pytest.mark.parametrize(
    "step",
    ["PreparePlan", "AuthorizeLaunch", "AwaitStack", "PublishProject", "CheckUrl", "CommitQuota"],
)
def test_a_step_that_goes_forward_does_nothing_for_a_cancelled_request(world: World, step: str):
    prepare, action = CASES[step]
    request, event = prepare(world)
    world.records.ask_to_cancel(request.id, by=ADA)
    world.outside.done.clear()
    try:
        result = action(dict(event), world)
    except AutoprovisionError as error:
        assert error.reason == "CANCELLED"
    else:
        assert result["failure"]["Error"] == "Cancelled"
    assert {"publish", "probe", "answer"}.isdisjoint(world.deeds())


@pytest.mark.parametrize("step", CASES)
def test_every_step_of_an_unknown_request_is_refused(world: World, step: str):
    event = {
        "requestId": "req_none",
        "execution": "x",
        "stackId": "s",
        "stackName": "n",
        "taskToken": "t",
        "buildId": "b:1",
        "purpose": "CREATE",
    }
    if step == "ExpireApproval":
        assert approval.expire_approval(event, world) == {
            "message": "The question was never opened."
        }
        return
    with pytest.raises(functions.StepError) as raised:
        functions.run(step, CASES[step][1], event, world)
    assert type(raised.value).__name__ == "StepRefused"


def test_files_are_looked_for_in_the_blueprints_folders(world: World):
    world.source.trees[REPOSITORY] = tree("public/index.html", "README.md")
    _, event = awaited(world)
    project.publish_project(event, world)
    assert world.sites.live == {"site": ["public/index.html"]}


def test_a_repository_without_an_index_page_publishes_nothing(world: World):
    world.source.trees[REPOSITORY] = tree("README.md")
    _, event = awaited(world)
    with pytest.raises(AutoprovisionError) as raised:
        project.publish_project(event, world)
    assert raised.value.reason == "SOURCE_NO_INDEX"
    assert world.sites.live == {}


def test_what_a_blueprint_keeps_is_not_emptied_when_it_ends(world: World):
    _, event = ending(world)
    world.catalog.publish(catalog(published(manifest(keptOnTerminate=["Site"]))))
    project.unpublish_project(event, world)
    assert "unpublish" not in world.deeds()
