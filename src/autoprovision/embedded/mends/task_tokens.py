"""Task tokens live and die as on AWS.

AWS: `HeartbeatSeconds` and `TimeoutSeconds` (also as expressions) end a waiting task with
`States.HeartbeatTimeout` or `States.Timeout`; each retry gets a new token; a task whose call fails
does not wait; `SendTask*` with a token that was answered or has run out is `TaskTimedOut`, with an
unknown one `InvalidToken`, with text that is no JSON `InvalidOutput` (API reference of
SendTaskSuccess; developer guide, "Wait for a Callback with Task Token").

MiniStack: ignores heartbeats, fails on a timeout given as an expression, keeps waiting when the
function that carries the token failed, uses one token for all retries, lets a second answer
overwrite the first, and a stopped execution waits forever or turns from ABORTED to FAILED.

Mend: the waiting itself and the three `SendTask*` operations are replaced.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from autoprovision.embedded.mends import execution_scopes

_FOREVER = float(threading.TIMEOUT_MAX)


@dataclass
class _Wait:
    """One waiting task: what ends it, and until when."""

    execution_arn: str
    heartbeat_seconds: float
    ends_at: float
    changed: threading.Condition = field(default_factory=threading.Condition)
    outcome: tuple[str, Any] | None = None
    beat_until: float = _FOREVER


_waits: dict[str, _Wait] = {}


def apply() -> None:
    """Replace the waiting and the answering of task tokens."""
    from ministack.services import stepfunctions

    _resolve_limits(stepfunctions)
    _renew_tokens(stepfunctions)
    stepfunctions._invoke_with_callback = _waiting(stepfunctions)
    stepfunctions._fail_execution = _failing_once(stepfunctions._fail_execution)
    for name, answer in (("success", _succeed), ("failure", _fail), ("heartbeat", _beat)):
        operation = f"_send_task_{name}"
        # Activities have tokens of MiniStack's own.
        setattr(
            stepfunctions,
            operation,
            _answering(stepfunctions, answer, getattr(stepfunctions, operation)),
        )


def execution_of(token: str) -> str | None:
    """The ARN of the execution whose task waits, or waited, for a token."""
    wait = _waits.get(token)
    return wait.execution_arn if wait else None


def _resolve_limits(stepfunctions: Any) -> None:
    execute_task = stepfunctions._execute_task

    def execute_task_within_limits(
        state: dict[str, Any], raw_input: Any, execution: Any, context: Any
    ) -> Any:
        limits: dict[str, Any] = {}
        for name in ("TimeoutSeconds", "HeartbeatSeconds"):
            if f"{name}Path" in state:
                limits[name] = stepfunctions._resolve_path_or_ctx(
                    state[f"{name}Path"], raw_input, context
                )
            elif isinstance(state.get(name), str):
                limits[name] = stepfunctions._jsonata_state_field(
                    state, name, "number", raw_input, context
                )
        limited = {**state, **limits, "_execution": execution["executionArn"]}
        return execute_task(limited, raw_input, execution, context)

    stepfunctions._execute_task = execute_task_within_limits


def _renew_tokens(stepfunctions: Any) -> None:
    for name in ("_apply_jsonata_arguments", "_apply_parameters"):
        prepare = getattr(stepfunctions, name)

        def prepare_with_new_token(
            state: Any, value: Any, context: Any = None, *, _prepare: Any = prepare
        ) -> Any:
            token = ((context or {}).get("Task") or {}).get("Token")
            if token in _waits and state.get("Type") == "Task":
                context["Task"] = {"Token": stepfunctions.new_uuid()}
            return _prepare(state, value, context)

        setattr(stepfunctions, name, prepare_with_new_token)


def _waiting(stepfunctions: Any) -> Any:
    def invoke_and_wait(resource: str, arguments: Any, token: str, state: dict[str, Any]) -> Any:
        now = time.monotonic()
        wait = _Wait(
            execution_arn=state["_execution"],
            heartbeat_seconds=float(state.get("HeartbeatSeconds", _FOREVER)),
            ends_at=now + float(state.get("TimeoutSeconds", _FOREVER)),
        )
        wait.beat_until = now + wait.heartbeat_seconds
        _waits[token] = wait
        scope = execution_scopes.current()
        if scope is not None:
            scope.when_stopped(lambda: _settle(wait, "stopped", None))
        try:
            stepfunctions._invoke_resource(resource.replace(".waitForTaskToken", ""), arguments)
        except BaseException:
            _settle(wait, "failed", None)
            raise
        kind, value = _await_outcome(wait)
        if kind == "succeeded":
            return json.loads(value)
        if kind == "stopped":
            raise execution_scopes.Stopped
        raise stepfunctions._ExecutionError(*value)

    return invoke_and_wait


def _await_outcome(wait: _Wait) -> tuple[str, Any]:
    with wait.changed:
        while wait.outcome is None:
            now = time.monotonic()
            if now >= wait.ends_at:
                wait.outcome = ("failed", ("States.Timeout", ""))
            elif now >= wait.beat_until:
                wait.outcome = ("failed", ("States.HeartbeatTimeout", ""))
            else:
                left = min(wait.ends_at, wait.beat_until) - now
                wait.changed.wait(timeout=min(left, _FOREVER))
        return wait.outcome


def _settle(wait: _Wait, kind: str, value: Any) -> bool:
    """End a wait; only the first end counts.

    Returns:
        Whether this was the first.
    """
    with wait.changed:
        first = wait.outcome is None
        if first:
            wait.outcome = (kind, value)
            wait.changed.notify_all()
        return first


def _failing_once(fail: Any) -> Any:
    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    return fail_execution


def _answering(stepfunctions: Any, answer: Any, otherwise: Any) -> Any:
    def send_task(request: dict[str, Any]) -> Any:
        refuse = stepfunctions.error_response_json
        token = request.get("taskToken")
        if token in stepfunctions._task_tokens:
            return otherwise(request)
        wait = _waits.get(token or "")
        if wait is None:
            return refuse("InvalidToken", "Invalid Token: 'Invalid token'", 400)
        if answer is _succeed and not _is_json(request.get("output")):
            return refuse("InvalidOutput", "Invalid Output: 'The output is not valid JSON'", 400)
        if not answer(wait, request):
            return refuse(
                "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'", 400
            )
        return stepfunctions.json_response({})

    return send_task


def _succeed(wait: _Wait, request: dict[str, Any]) -> bool:
    return _settle(wait, "succeeded", request["output"])


def _fail(wait: _Wait, request: dict[str, Any]) -> bool:
    return _settle(wait, "failed", (request.get("error", ""), request.get("cause", "")))


def _beat(wait: _Wait, request: dict[str, Any]) -> bool:
    del request
    with wait.changed:
        if wait.outcome is None:
            wait.beat_until = time.monotonic() + wait.heartbeat_seconds
            wait.changed.notify_all()
        return wait.outcome is None


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError):
        return False
    return True
