"""The actions of steps: what each calls, with the role that the runbook assumes.

Those that the platform's runbooks use are here. Another one of AWS's fails its step by name, as a
step of an unknown kind would, so that nothing is taken for done that was not.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.runbooks.values import Unresolved, selected

_POLL_SECONDS = 0.2
_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$")
# How long a second of aws:sleep lasts; the tests' is shorter.
SCALE_VARIABLE = "AUTOMATION_SLEEP_SCALE"
_ENDED_WELL = frozenset({"Success", "CompletedWithSuccess"})
_ENDED = _ENDED_WELL | {"Failed", "TimedOut", "Cancelled", "CompletedWithFailure"}


class StepFailed(Exception):  # noqa: N818
    """The step did not do what it is for."""


class StepCancelled(Exception):  # noqa: N818
    """The execution was stopped while the step ran."""


@dataclass
class Call:
    """What an action works with.

    Attributes:
        stop: set when the execution is to be cancelled.
        outputs: what the step gives to those after it.
    """

    inputs: Mapping[str, Any]
    session: roles.RoleSession
    stop: threading.Event
    deadline: float
    outputs: dict[str, list[str]] = field(default_factory=dict)

    def check(self) -> None:
        """Give up when the execution is stopped or the step's time is over."""
        if self.stop.is_set():
            raise StepCancelled
        if time.monotonic() > self.deadline:
            raise StepFailed("Step timed out")

    def client(self, service: str) -> Any:
        """A client that signs as the role of the current `acting_as`."""
        return roles.client(service, os.environ["AWS_REGION"])


def perform(action: str, call: Call) -> None:
    """Do what an action does.

    Raises:
        StepFailed: with the reason.
        StepCancelled: the execution was stopped.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    known = _ACTIONS.get(action)
    if known is None:
        raise StepFailed(f"The embedded AWS does not know the action {action}")
    try:
        with roles.acting_as(call.session):
            known(call)
    except ClientError as problem:
        raise StepFailed(str(problem)) from problem
    except (BotoCoreError, Unresolved, KeyError, TypeError, ValueError) as problem:
        raise StepFailed(f"{type(problem).__name__}: {problem}") from problem


def _execute_api(call: Call) -> None:
    _answer_of(call)


def _answer_of(call: Call) -> Any:
    names = {"stepfunctions": "stepfunctions", "ssm": "ssm"}
    given = dict(call.inputs)
    service, operation = str(given.pop("Service")), str(given.pop("Api"))
    client = call.client(names.get(service, service))
    method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
    return getattr(client, method)(**given)


def _sleep(call: Call) -> None:
    found = _DURATION.match(str(call.inputs["Duration"]))
    if found is None:
        raise StepFailed(f"{call.inputs['Duration']} is no duration")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    length = hours * 3600 + minutes * 60 + seconds
    until = time.monotonic() + length * float(os.environ.get(SCALE_VARIABLE) or 1)
    while time.monotonic() < until:
        call.check()
        time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))


def _await_property(call: Call) -> None:
    own = {"PropertySelector", "DesiredValues"}
    asked = Call(
        {name: value for name, value in call.inputs.items() if name not in own},
        call.session, call.stop, call.deadline,
    )  # fmt: skip
    wanted = [str(one) for one in call.inputs["DesiredValues"]]
    while True:
        try:
            found = str(selected(_answer_of(asked), str(call.inputs["PropertySelector"])))
        except Unresolved:
            found = ""
        if found in wanted:
            return
        call.check()
        time.sleep(_POLL_SECONDS)


def _run_command(call: Call) -> None:
    ssm = call.client("ssm")
    given = {name: value for name, value in call.inputs.items() if value not in (None, "")}
    given["Parameters"] = {
        name: value if isinstance(value, list) else [str(value)]
        for name, value in dict(given.get("Parameters", {})).items()
    }
    command = ssm.send_command(**given)["Command"]["CommandId"]
    call.outputs["CommandId"] = [command]
    while True:
        (found,) = ssm.list_commands(CommandId=command)["Commands"]
        if found["Status"] not in {"Pending", "InProgress", "Cancelling"}:
            break
        try:
            call.check()
        except StepCancelled:
            ssm.cancel_command(CommandId=command)
            raise
        time.sleep(_POLL_SECONDS)
    call.outputs["Status"] = [found["Status"]]
    if found["Status"] != "Success":
        seen = ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
        bad = [one for one in seen if one["Status"] != "Success"]
        where = ", ".join(f"{one['InstanceId']}: {one['Status']}" for one in bad)
        raise StepFailed(f"Command {command} returns unexpected invocation result: {where}")


def _execute_automation(call: Call) -> None:
    """The runbook once for each target, so many at once; here one after the other."""
    ssm = call.client("ssm")
    given = dict(call.inputs)
    name = given.get("TargetParameterName")
    values = [value for one in given.get("Targets", []) for value in one["Values"]]
    runs = [{str(name): [value]} for value in values] if name else [{}]
    started: list[str] = []
    for target in runs:
        answer = ssm.start_automation_execution(
            DocumentName=given["DocumentName"],
            Parameters={**given.get("RuntimeParameters", {}), **target},
        )
        started.append(answer["AutomationExecutionId"])
        call.outputs["ExecutionId"] = started
        _await_automation(ssm, started[-1], call)


def _await_automation(ssm: Any, execution: str, call: Call) -> None:
    while True:
        found = ssm.get_automation_execution(AutomationExecutionId=execution)
        seen = found["AutomationExecution"]
        if seen["AutomationExecutionStatus"] in _ENDED:
            break
        try:
            call.check()
        except StepCancelled:
            ssm.stop_automation_execution(AutomationExecutionId=execution, Type="Cancel")
            raise
        time.sleep(_POLL_SECONDS)
    if seen["AutomationExecutionStatus"] not in _ENDED_WELL:
        raise StepFailed(f"{execution} failed: {seen.get('FailureMessage', '')}")


_ACTIONS: dict[str, Callable[[Call], None]] = {
    "aws:executeAwsApi": _execute_api,
    "aws:executeAutomation": _execute_automation,
    "aws:runCommand": _run_command,
    "aws:sleep": _sleep,
    "aws:waitForAwsResourceProperty": _await_property,
}
KNOWN = frozenset(_ACTIONS)
