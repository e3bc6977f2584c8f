"""Carries out one runbook, step by step (Systems Manager user guide, "Automation runbook schemas").

A step that fails goes where its `onFailure` says, Abort by default; one that is running when the
execution is stopped goes where its `onCancel` says. An execution fails when a critical step has.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.runbooks import actions
from autoprovision.embedded.runbooks.actions import Call, StepCancelled, StepFailed
from autoprovision.embedded.runbooks.values import Unresolved, filled

SERVICE = "ssm.amazonaws.com"
_DEFAULT_SECONDS = 3600.0
OVER = frozenset({"Success", "Failed", "Cancelled", "TimedOut"})


@dataclass
class Execution:
    """One execution of a runbook, as GetAutomationExecution tells of it.

    Attributes:
        given: the parameters as they were given.
        values: parameters with their defaults, and system variables.
    """

    id: str
    document: str
    version: str
    content: dict[str, Any]
    given: dict[str, list[str]]
    values: dict[str, Any]
    started_by: str
    started_at: float
    status: str = "Pending"
    failure: str = ""
    ended_at: float = 0.0
    steps: list[dict[str, Any]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self.status in OVER


class Runner:
    """Takes an execution to its end.

    Args:
        changed: told whenever the execution's status has changed.
    """

    def __init__(self, execution: Execution, changed: Callable[[Execution], None]) -> None:
        self._execution, self._changed = execution, changed
        self._failed = False

    def run(self) -> None:
        """Run it, whatever comes of it."""
        execution = self._execution
        self._becomes("InProgress")
        try:
            role = filled(execution.content.get("assumeRole", ""), execution.values)
            session = roles.assume(str(role), SERVICE, f"Automation-{execution.id[:36]}")
            self._steps(session)
        except (roles.RoleNotAssumable, Unresolved) as problem:
            self._ends("Failed", str(problem))
        except Exception as problem:  # noqa: BLE001 - an execution must end
            self._ends("Failed", f"The embedded AWS failed here: {problem!r}")
        else:
            if execution.stop.is_set():
                self._ends("Cancelled")
            else:
                self._ends("Failed" if self._failed else "Success", execution.failure)

    def _becomes(self, status: str) -> None:
        self._execution.status = status
        self._changed(self._execution)

    def _ends(self, status: str, failure: str = "") -> None:
        self._execution.failure = failure
        self._execution.ended_at = time.time()
        self._becomes(status)

    def _steps(self, session: roles.RoleSession) -> None:
        steps = self._execution.content["mainSteps"]
        names = [step["name"] for step in steps]
        # What the way of a stopped execution leads through is not stopped again.
        stop = self._execution.stop
        name: str | None = names[0]
        while name is not None:
            step = steps[names.index(name)]
            if stop.is_set() and stop is self._execution.stop:
                return
            status = self._one(step, session, stop)
            if status == "Cancelled":
                stop = threading.Event()
            name = self._after(step, status, names)

    def _one(self, step: dict[str, Any], session: roles.RoleSession, stop: threading.Event) -> str:
        record: dict[str, Any] = {
            "StepName": step["name"], "Action": step["action"], "StepStatus": "InProgress",
            "ExecutionStartTime": time.time(), "Inputs": {}, "Outputs": {},
            "OnFailure": step.get("onFailure", "Abort"), "IsEnd": bool(step.get("isEnd")),
            "IsCritical": step.get("isCritical", True), "StepExecutionId": step["name"],
        }  # fmt: skip
        self._execution.steps.append(record)
        status, failure = self._attempts(step, session, stop, record)
        record |= {"ExecutionEndTime": time.time(), "StepStatus": status}
        if failure:
            record["FailureMessage"] = f"Step fails when it is Execute/Cancelling action. {failure}"
        if status == "Failed" and record["IsCritical"]:
            self._failed = True
            self._execution.failure = f"Step {step['name']} failed: {failure}"
        return status

    def _attempts(
        self, step: dict[str, Any], session: roles.RoleSession, stop: threading.Event,
        record: dict[str, Any],
    ) -> tuple[str, str]:  # fmt: skip
        failure = ""
        for _ in range(int(step.get("maxAttempts", 1))):
            seconds = float(step.get("timeoutSeconds", _DEFAULT_SECONDS))
            call = Call({}, session, stop, time.monotonic() + seconds)
            try:
                call.inputs = filled(step.get("inputs", {}), self._execution.values)
                record["Inputs"] = {name: str(value) for name, value in call.inputs.items()}
                record["Outputs"] = call.outputs
                actions.perform(step["action"], call)
            except StepCancelled:
                return "Cancelled", ""
            except (StepFailed, Unresolved) as problem:
                failure = str(problem)
                continue
            for name, value in call.outputs.items():
                shown = value[0] if len(value) == 1 else value
                self._execution.values[f"{step['name']}.{name}"] = shown
            return "Success", ""
        return "Failed", failure

    @staticmethod
    def _after(step: dict[str, Any], status: str, names: list[str]) -> str | None:
        """The step after this one."""
        way = str(step.get("onCancel" if status == "Cancelled" else "onFailure", "Abort"))
        if status != "Success" and way.startswith("step:"):
            return way.removeprefix("step:")
        if status != "Success" and way != "Continue":
            return None
        if step.get("isEnd"):
            return None
        following = names[names.index(step["name"]) + 1 :]
        return step.get("nextStep") or (following[0] if following else None)
