"""The state machines as written: total, bounded, retried, and undone in reverse order."""

import importlib
import json
import re
from typing import Any

import pytest
from tests.workflow.definitions import (
    PLACEHOLDER,
    WAY_BACK,
    WORKFLOWS,
    every,
    states_of,
    tasks_of,
    text_of,
    ways_on,
)

TASKS = [(workflow, name, state) for workflow, name, state in every() if state["Type"] == "Task"]
IDS = [f"{workflow}.{name}" for workflow, name, _ in TASKS]
# A forward effect, and the states of the way back that undo it, in the order of the way back.
UNDO = {
    "LaunchStack": ["WithdrawNames", "DeleteStack", "AwaitStackDeletion"],
    "StageSource": ["UnpublishProject"],
    "BuildProject": ["UnpublishProject"],
    "PublishProject": ["UnpublishProject"],
    "AuthorizeLaunch": ["CloseRequest"],
}
VERDICTS = {
    "RunbookFailed", "StepRefused", "Cancelled", "UrlNotReady", "StackFailed", "StackDeletionFailed", "BuildFailed",
}  # fmt: skip


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_state_is_commented_and_every_way_leads_somewhere(workflow: str):
    document = json.loads(text_of(workflow))
    states = document["States"]
    assert document["QueryLanguage"] == "JSONata"
    assert document["StartAt"] in states
    for name, state in states.items():
        assert len(state["Comment"]) > 20, name
        for _, target in ways_on(state):
            assert target in states, (name, target)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_state_is_reached_and_reaches_an_end(workflow: str):
    document = json.loads(text_of(workflow))
    states = document["States"]
    reached, todo = set(), [document["StartAt"]]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [target for _, target in ways_on(states[name])]
    assert reached == set(states)
    ends = {name for name, state in states.items() if state["Type"] in {"Succeed", "Fail"}}
    ending = set(ends)
    while more := {
        n for n, s in states.items() if n not in ending and any(t in ending for _, t in ways_on(s))
    }:
        ending |= more
    assert ending == set(states)


@pytest.mark.parametrize(("workflow", "name", "state"), TASKS, ids=IDS)
def test_every_task_is_bounded_retried_and_caught(workflow: str, name: str, state: dict[str, Any]):
    assert state["TimeoutSeconds"]
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    last = state["Retry"][-1]
    assert last["ErrorEquals"] == ["States.ALL"]
    assert last["MaxAttempts"] >= 3
    assert last["BackoffRate"] > 1
    assert last["MaxDelaySeconds"]
    assert last["JitterStrategy"] == "FULL"


@pytest.mark.parametrize(("workflow", "name", "state"), TASKS, ids=IDS)
def test_a_verdict_is_never_retried(workflow: str, name: str, state: dict[str, Any]):
    if "lambda" not in state["Resource"]:
        return
    never = {
        error for one in state["Retry"] if one["MaxAttempts"] == 0 for error in one["ErrorEquals"]
    }
    assert "StepRefused" in never
    if name == "AwaitStack":
        assert never >= {"StackFailed", "Cancelled", "States.Timeout"}
    if name == "AwaitBuild":
        assert never >= {"BuildFailed", "Cancelled", "States.Timeout"}
    if name == "AwaitRunbook":
        assert never >= {"RunbookFailed", "Cancelled", "States.Timeout"}
    if name == "AwaitStackDeletion":
        assert never >= {"StackDeletionFailed", "States.Timeout"}


@pytest.mark.parametrize(("workflow", "name", "state"), TASKS, ids=IDS)
def test_a_failure_leads_to_the_way_back_and_on_the_way_back_to_a_person(
    workflow: str, name: str, state: dict[str, Any]
):
    target = state["Catch"][-1]["Next"]
    if name in {"TellOperators", "CallOperators"}:
        assert target in {"Done", "NeedsOperator"}
    elif name == "Notify":
        assert target == "TellOperators"
    elif name == "MarkNeedsOperator":
        assert target == "CallOperators"
    elif name in WAY_BACK:
        assert target == "MarkNeedsOperator"
    else:
        assert target == "BeginCompensation"


def test_every_choice_has_a_default():
    for workflow, name, state in every():
        if state["Type"] == "Choice":
            assert "Default" in state, (workflow, name)


@pytest.mark.parametrize(
    ("first_of_publishing", "effects"),
    [
        ("PublishProject", ["AuthorizeLaunch", "LaunchStack", "PublishProject"]),
        (
            "StageSource",
            ["AuthorizeLaunch", "LaunchStack", "StageSource", "BuildProject", "PublishProject"],
        ),
    ],
)
def test_every_effect_has_its_undo_in_reverse_order(first_of_publishing: str, effects: list[str]):
    states = states_of("provision")
    forward = _line(states, "PreparePlan", first_of_publishing)
    back = _line(states, "WithdrawNames", first_of_publishing)
    # The stack makes its names last, so they go first of all.
    assert back.pop(0) == "WithdrawNames"
    assert [name for name in forward if name in UNDO] == effects
    undos = list(dict.fromkeys(undo for name in reversed(effects) for undo in UNDO[name]))
    undos.remove("WithdrawNames")
    assert [name for name in back if name in undos] == undos
    # Nothing is undone behind the pivot.
    assert forward.index("CommitQuota") == len(forward) - 2
    assert forward[-1] == "Notify"


def _line(states: dict[str, Any], first: str, first_of_publishing: str) -> list[str]:
    """The states from one on if all goes well: choices take the branch that goes on."""
    onward = {
        "DecideApproval": "AuthorizeLaunch",
        "DecideLaunch": "LaunchStack",
        "ChoosePublish": first_of_publishing,
    }
    line, name = [], first
    while states[name]["Type"] != "Succeed":
        line.append(name)
        name = onward.get(name) or states[name]["Next"]
    return line


@pytest.mark.parametrize(
    "name",
    ["ChoosePublish", "StageSource", "BuildProject", "AwaitBuild", "PublishProject", "CheckUrl"],
)
def test_an_update_puts_code_live_as_a_provision_does(name: str):
    """Whoever changes how one builds changes the other too."""
    text = json.dumps(states_of("provision")[name])
    expected = text.replace("$stackId", "$change.stackId").replace("$launch.", "$change.")
    assert states_of("update")[name] == json.loads(expected)


def test_the_way_back_of_an_update_puts_the_release_back_when_the_stack_stands_as_before():
    """The other way round CloudFormation could put a template's placeholder over the release."""
    states = states_of("update")
    ways = [(choice["Condition"], choice["Next"]) for choice in states["ChooseUndo"]["Choices"]]
    assert ("{% $states.input.action = 'NONE' %}", "RestoreRelease") in ways
    entering = {name for name, one in states.items() for _, to in ways_on(one) if to == "RestoreRelease"}  # fmt: skip
    assert entering == {"ChooseUndo"}
    assert states["RestoreRelease"]["Next"] == "ForgetSecrets"


def test_every_placeholder_is_a_function_of_that_name_or_known():
    steps = importlib.import_module("autoprovision.functions.steps")
    known = {
        "ApprovalQueueUrl", "OperatorsTopicArn", "BuildProjectName", "BuildRoleArn", "BuildsBucketName",
        "CatalogBucketArn", "RunbookPrefix", "RunbookRolePrefix",
    }  # fmt: skip
    for workflow in WORKFLOWS:
        for placeholder in set(PLACEHOLDER.findall(text_of(workflow))) - known:
            assert placeholder.endswith("FunctionArn")
            step = placeholder.removesuffix("FunctionArn")
            assert callable(getattr(steps, _snake(step))), step


def test_a_state_calls_the_function_of_its_own_name():
    shared = {
        "AwaitStackDeletion": "AwaitStack", "AwaitStackRestored": "AwaitStack",
        "AwaitRunbookStopped": "AwaitRunbook",
    }  # fmt: skip
    for workflow in WORKFLOWS:
        for name, state in tasks_of(workflow).items():
            arguments = state["Arguments"]
            called = arguments.get("FunctionName") if isinstance(arguments, dict) else None
            if called:
                assert called == f"${{{shared.get(name, name)}FunctionArn}}"


def test_every_step_has_words_for_the_timeline():
    timeline = importlib.import_module("autoprovision.steps.timeline")
    called = {
        name
        for workflow in WORKFLOWS
        for name, state in tasks_of(workflow).items()
        if "FunctionName" in state["Arguments"]
    }
    assert called == set(timeline.STEPS)


def test_only_ids_travel():
    """No state is given more of a request than its id; what a launch needs is made by a step."""
    for workflow in WORKFLOWS:
        for name, state in tasks_of(workflow).items():
            arguments = state["Arguments"]
            if isinstance(arguments, dict):
                arguments = {key: one for key, one in arguments.items() if key != "FunctionName"}
            sent = json.dumps(arguments)
            assert not re.search(
                r"email|secret|password|AccessToken|PrivateKey", sent, re.IGNORECASE
            ), name


def test_variables_are_assigned_before_they_are_used():
    for workflow in WORKFLOWS:
        document = json.loads(text_of(workflow))
        _check_variables(document["States"], document["StartAt"])


def _check_variables(states: dict[str, Any], start: str) -> None:
    # What is surely assigned when a state is entered: the least over all ways that lead there.
    assured: dict[str, set[str]] = {start: set()}
    todo = [start]
    while todo:
        name = todo.pop()
        state = states[name]
        used = set(
            re.findall(
                r"\$(launch|stackId|undo|deletions|build|buildId|change|empty|rounds|run)\b",
                json.dumps({k: v for k, v in state.items() if k != "Comment"}),
            )
        )
        assert used <= assured[name], (name, used - assured[name])
        for way, target in ways_on(state):
            now = assured[name] | (set(state.get("Assign", {})) if way == "Next" else set())
            before = assured.get(target)
            after = now if before is None else before & now
            if after != before:
                assured[target] = after
                todo.append(target)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_errors_named_in_a_definition_exist(workflow: str):
    steps = importlib.import_module("autoprovision.functions.steps")
    stack = importlib.import_module("autoprovision.steps.stack")
    ours = {name for _, name in steps._NAMES} | {"StepRefused", "BuildFailed", "RunbookFailed"}
    ours |= set(stack._ERROR.values())
    for name, state in tasks_of(workflow).items():
        for one in [*state["Retry"], *state["Catch"]]:
            for error in one["ErrorEquals"]:
                assert error in ours or error.startswith(
                    ("States.", "CloudFormation.", "CodeBuild.", "Ssm.")
                ), (
                    name,
                    error,
                )
    assert ours >= VERDICTS
