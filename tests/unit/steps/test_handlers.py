"""The wrapper of all handlers: names of errors, timeline, logs; and the two event handlers."""

import json
from typing import Any

import pytest
from tests.workflow.world import SECRET, World

from autoprovision.domain.errors import (
    BusyError,
    ConflictError,
    InvalidInputError,
    UnavailableError,
)
from autoprovision.domain.git_source import SourceCode, SourceError
from autoprovision.functions import approval_desk, stack_events, steps
from autoprovision.functions import sweep as sweep_function
from autoprovision.steps.errors import CancelledError, StepRefusedError, UrlNotReadyError


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (CancelledError("x"), "Cancelled"),
        (UrlNotReadyError("x"), "UrlNotReady"),
        (StepRefusedError("x"), "StepRefused"),
        (SourceError(SourceCode.NOT_FOUND, "x"), "StepRefused"),
        (SourceError(SourceCode.UNREACHABLE, "x"), "UnavailableError"),
        (InvalidInputError([]), "StepRefused"),
        (BusyError("x"), "BusyError"),
        (UnavailableError("x"), "UnavailableError"),
        (ConflictError("x", code="CHANGED_MEANWHILE"), "BusyError"),
        (ConflictError("x", code="WRONG_STATUS"), "StepRefused"),
    ],
)
def test_errors_have_the_names_that_state_machines_know(world: World, error: Exception, name: str):
    request = world.submit()

    def fails(event: dict[str, Any], outside: Any) -> dict[str, Any]:
        raise error

    with pytest.raises(steps.StepError) as raised:
        steps.run("CheckUrl", fails, {"requestId": request.id}, world)
    assert type(raised.value).__name__ == name
    assert str(raised.value).startswith(f"{error.reason}: ")


def test_an_unexpected_error_tells_its_kind_and_not_its_text(
    world: World, capsys: pytest.CaptureFixture[str]
):
    request = world.submit()

    def fails(event: dict[str, Any], outside: Any) -> dict[str, Any]:
        raise ValueError(f"https://x:{SECRET}@github.com")

    with pytest.raises(steps.StepError) as raised:
        steps.run("PublishProject", fails, {"requestId": request.id}, world)
    assert type(raised.value).__name__ == "UnexpectedError"
    assert str(raised.value) == "INTERNAL: The platform failed at PublishProject (ValueError)."
    # Nothing of it hangs on the error that Lambda writes down.
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert SECRET not in capsys.readouterr().out
    assert SECRET not in str(
        [one.document() for one in world.records.events(request.id, limit=99).items]
    )


def test_a_lost_line_of_the_timeline_does_not_fail_the_step(world: World):
    request = world.submit()

    def lost(event: Any) -> None:
        raise UnavailableError("The table does not answer.")

    world.records.record_event = lost
    assert steps.run(
        "CheckUrl", lambda event, outside: {"x": 1}, {"requestId": request.id}, world
    ) == {"x": 1}


def test_a_step_that_will_be_tried_again_is_waiting_to_people(world: World):
    request = world.submit()

    def fails(event: dict[str, Any], outside: Any) -> dict[str, Any]:
        raise UrlNotReadyError("It answers 503.")

    with pytest.raises(steps.StepError):
        steps.run("CheckUrl", fails, {"requestId": request.id}, world)
    assert world.told(request.id)[-2:] == [("CheckUrl", "STARTED"), ("CheckUrl", "WAITING")]


def message(number: int, body: Any) -> dict[str, Any]:
    return {"messageId": str(number), "body": body if isinstance(body, str) else json.dumps(body)}


def test_a_bad_message_of_the_desk_does_not_hold_up_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(approval_desk, "platform", lambda: world)
    request = world.submit("stag")
    from autoprovision.steps.plan import prepare_plan

    asked = prepare_plan({"requestId": request.id}, world)
    good = {
        "requestId": request.id,
        "planDigest": asked["planDigest"],
        "expiresAt": asked["expiresAt"],
        "taskToken": "t",
    }
    answer = approval_desk.handler(
        {
            "Records": [
                message(1, "not json"),
                message(2, good),
                message(3, {**good, "requestId": "req_none"}),
            ]
        },
        None,
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}
    assert world.approvals.get(request.id).is_open


def test_events_of_unknown_stacks_are_ignored(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stack_events, "platform", lambda: world)
    for detail in ({}, {"stack-id": "arn:aws:cloudformation:::stack/x/1"}):
        assert stack_events.handler({"detail": detail}, None) == {"settled": False}
    assert stack_events.handler({}, None) == {"settled": False}
    assert world.outside.done == []


def test_the_sweep_function_gives_its_counts_back(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweep_function, "platform", lambda: world)
    assert sweep_function.handler({}, None) == {}
