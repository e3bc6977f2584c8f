"""What is stopped stops, and what runs side by side does not mix.

AWS: when a branch of a Parallel fails, its siblings are stopped; StopExecution and the state
machine's TimeoutSeconds (status TIMED_OUT) stop whatever runs; Parallel takes Arguments, Output and
Assign in JSONata; each branch has its own context object and scope of variables (Amazon States
Language, "Parallel"; developer guide, "Passing data between states with variables").

MiniStack: lets siblings run to their ends and waits for them, ignores TimeoutSeconds of the state
machine and the JSONata fields of Parallel, and shares one context object among branches, so that
two of them may wait for each other's token.

Mend: every execution and branch is a scope that can be stopped; states and waits look at it.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import contextvars
import copy
import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

_HANDLERS = ("pass", "task", "choice", "wait", "parallel", "map")


class Stopped(Exception):  # noqa: N818 - no error: the scope's work is no longer wanted
    """The scope was stopped; the state that finds out ends."""


class Scope:
    """The states of an execution or branch, which can be stopped together."""

    def __init__(self, parent: "Scope | None" = None) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._reactions: list[Callable[[], object]] = []
        if parent is not None:
            parent.when_stopped(self.stop)

    def stop(self) -> None:
        """Stop the scope and all within it."""
        with self._lock:
            reactions, self._reactions = self._reactions, []
            self._stopped.set()
        for reaction in reactions:
            reaction()

    def when_stopped(self, reaction: Callable[[], object]) -> None:
        """Have something done on a stop, at once if it was stopped already."""
        with self._lock:
            if not self._stopped.is_set():
                self._reactions.append(reaction)
                return
        reaction()

    def check(self) -> None:
        """Raise `Stopped` if the scope was stopped."""
        if self._stopped.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Sleep unless stopped."""
        self._stopped.wait(seconds)
        self.check()


_scope: ContextVar[Scope | None] = ContextVar("embedded_scope", default=None)
_executions: dict[str, Scope] = {}


def current() -> Scope | None:
    """The scope of the state that runs, None outside executions."""
    return _scope.get()


def apply() -> None:
    """Give executions and branches their scopes."""
    from ministack.services import stepfunctions

    stepfunctions._run_execution = _running(stepfunctions, stepfunctions._run_execution)
    stepfunctions._stop_execution = _stopping(stepfunctions._stop_execution)
    stepfunctions._run_parallel_branches = _branching(stepfunctions)
    stepfunctions._scaled_sleep = _sleeping(stepfunctions, stepfunctions._scaled_sleep)
    for name in _HANDLERS:
        handler = getattr(stepfunctions, f"_execute_{name}")
        setattr(stepfunctions, f"_execute_{name}", _checked(handler))


def _checked(handler: Callable[..., Any]) -> Callable[..., Any]:
    def execute(*arguments: Any) -> Any:
        scope = _scope.get()
        if scope is not None:
            scope.check()
        return handler(*arguments)

    return execute


def _sleeping(stepfunctions: Any, sleep: Callable[[float], None]) -> Callable[[float], None]:
    def scaled_sleep(seconds: float) -> None:
        scope = _scope.get()
        if scope is None:
            sleep(seconds)
        else:
            scope.sleep(max(0.0, seconds * stepfunctions._SFN_WAIT_SCALE))

    return scaled_sleep


def _running(stepfunctions: Any, run: Callable[[str], None]) -> Callable[[str], None]:
    def run_execution(execution_arn: str) -> None:
        scope = Scope()
        _executions[execution_arn] = scope
        _scope.set(scope)
        timer = _timer(stepfunctions, execution_arn, scope)
        try:
            run(execution_arn)
        finally:
            _executions.pop(execution_arn, None)
            if timer is not None:
                timer.cancel()

    return run_execution


def _timer(stepfunctions: Any, execution_arn: str, scope: Scope) -> threading.Timer | None:
    execution = stepfunctions._executions[execution_arn]
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    try:
        seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
    except ValueError:
        return None  # MiniStack fails the execution for its definition.
    if seconds is None:
        return None

    def expire() -> None:
        if execution["status"] != "RUNNING":
            return
        execution.update(
            status="TIMED_OUT", error="States.Timeout", stopDate=stepfunctions.now_iso()
        )
        stepfunctions._add_event(execution, "ExecutionTimedOut", {})
        stepfunctions._emit_execution_status_event(execution)
        scope.stop()

    context = contextvars.copy_context()
    timer = threading.Timer(seconds, lambda: context.run(expire))
    timer.daemon = True
    timer.start()
    return timer


def _stopping(stop: Callable[..., Any]) -> Callable[..., Any]:
    def stop_execution(request: dict[str, Any]) -> Any:
        answer = stop(request)
        scope = _executions.get(request.get("executionArn", ""))
        if scope is not None and answer[0] == 200:
            scope.stop()
        return answer

    return stop_execution


def _branching(stepfunctions: Any) -> Callable[..., Any]:
    def run_branches(state: dict[str, Any], raw_input: Any, execution: Any, context: Any) -> Any:
        jsonata = stepfunctions._state_query_language(state, context) == "JSONata"
        if jsonata:
            value = stepfunctions._apply_jsonata_arguments(state, raw_input, context)
        else:
            value = stepfunctions._apply_input_path(state, raw_input, context)
            value = stepfunctions._apply_parameters(state, value, context)
        results = _Branches(stepfunctions, execution, context).run(state["Branches"], value)
        if jsonata:
            output = stepfunctions._apply_jsonata_output(
                state, raw_input, context, result=results, default=results
            )
            stepfunctions._apply_state_assign(state, raw_input, context, result=results)
        else:
            selected = stepfunctions._apply_result_selector(state, results)
            output = stepfunctions._apply_result_path(state, raw_input, selected)
            output = stepfunctions._apply_output_path(state, output, context)
        return output, stepfunctions._next_or_end(state)

    return run_branches


class _Branches:
    """The branches of one Parallel, of which the first failure stops the others."""

    def __init__(self, stepfunctions: Any, execution: Any, context: dict[str, Any]) -> None:
        self._stepfunctions = stepfunctions
        self._execution = execution
        self._context = context
        self._scope = Scope(current())
        self._lock = threading.Lock()
        self._failure: Exception | None = None

    def run(self, branches: list[dict[str, Any]], value: Any) -> list[Any]:
        """The branches' results, in their order; the first failure is raised."""
        results: list[Any] = [None] * len(branches)
        threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._run_one, number, branch, value, results),
                daemon=True,
            )
            for number, branch in enumerate(branches)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure
        return results

    def _run_one(self, number: int, branch: dict[str, Any], value: Any, results: list[Any]) -> None:
        _scope.set(self._scope)
        own = {**self._context, "variables": copy.deepcopy(self._context.get("variables", {}))}
        try:
            results[number] = self._stepfunctions._run_sub_machine(
                branch["States"], branch["StartAt"], value, self._execution, own
            )
        except Exception as problem:  # noqa: BLE001 - handed on to the thread that waits
            self._fail(problem)

    def _fail(self, problem: Exception) -> None:
        with self._lock:
            if self._failure is None:
                error = self._stepfunctions._ExecutionError
                known = isinstance(problem, error | Stopped)
                self._failure = problem if known else error("States.BranchFailed", str(problem))
        self._scope.stop()
