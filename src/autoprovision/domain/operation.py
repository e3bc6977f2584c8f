"""Operations: what can be done with the machines behind an application, and what came of it.

The blueprint's manifest says what is offered, a runbook of Systems Manager does it.
"""

import uuid
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from pydantic import Field

from autoprovision.domain.declared_operation import DeclaredOperation
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.resource import Resource
from autoprovision.domain.said import shown

REQUEST_PARAMETER = "RequestId"
# A task token has up to 2048 characters, a value of an execution's parameter at most 512.
MOST_TOKEN, MOST_VALUE = 2048, 512
TOKEN_PARAMETERS = tuple(f"TaskToken{number + 1}" for number in range(MOST_TOKEN // MOST_VALUE))
APPLICATION_TAG = "autoprovision:application"
# One call of Run Command takes no more instances by their ids.
MOST_MACHINES = 50
MOST_LINES, MOST_CHARACTERS = 40, 500
# What a group does not do while a runbook works on its machines; tests hold runbooks/ to it.
SUSPENDED_BY_RUNBOOKS = frozenset({"HealthCheck", "ReplaceUnhealthy"})
SUSPENDING, RESUMING = "SuspendReplacing", frozenset({"ResumeReplacing", "ResumeAfterFailure"})
_SECOND = len("2026-11-26T22:10:11")
_NAMESPACE = uuid.UUID("5f1d3f2e-6c1b-4a56-9a0e-6f2f6f0a7c11")


class Machine(Resource):
    """An instance that Systems Manager knows.

    Attributes:
        online: whether its agent answers.
    """

    id: str
    online: bool


class MachineGroup(Resource):
    """An auto scaling group of an application's machines.

    Attributes:
        suspended: what it does not do by itself at present, by AWS's names.
        since: when each of these was suspended, to the second, where AWS says so.
    """

    name: str
    application_id: str
    suspended: tuple[str, ...] = ()
    since: Mapping[str, str] = Field(default_factory=dict)


class AutomationStatus(StrEnum):
    """How an execution or one of its steps stands: the main ones of Systems Manager's words."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"


class AutomationStep(Resource):
    """One step of a runbook as it went.

    Attributes:
        command_id: of the command that it ran on the machines, if it ran one.
        failure: Systems Manager's words.
    """

    name: str
    action: str
    status: AutomationStatus
    command_id: str = ""
    failure: str = ""


class Automation(Resource):
    """A runbook's execution.

    Attributes:
        token: the task token that it was started with.
        began_at, ended_at: empty where it has not.
    """

    id: str
    request_id: str
    status: AutomationStatus
    token: str = ""
    steps: tuple[AutomationStep, ...] = ()
    failure: str = ""
    began_at: str = ""
    ended_at: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self.status is not AutomationStatus.RUNNING

    @property
    def succeeded(self) -> bool:
        """Whether it came to a good end."""
        return self.status is AutomationStatus.SUCCEEDED

    def was_under_way(self, at: str) -> bool:
        """Whether something that happened at this second happened while it ran."""
        began, second, ended = (one[:_SECOND] for one in (self.began_at, at, self.ended_at))
        return bool(began and ended) and began <= second <= ended

    @property
    def has_suspended(self) -> bool:
        """Whether it came as far as suspending what its group does."""
        return any(
            one.name == SUSPENDING and one.status is not AutomationStatus.RUNNING
            for one in self.steps
        )

    @property
    def has_resumed(self) -> bool:
        """Whether it has resumed that."""
        return not RESUMING.isdisjoint(self.done())

    def failed_step(self) -> AutomationStep | None:
        """The first step that did not go well."""
        bad = {AutomationStatus.FAILED, AutomationStatus.TIMED_OUT, AutomationStatus.CANCELLED}
        return next((one for one in self.steps if one.status in bad), None)

    def done(self) -> tuple[str, ...]:
        """Names of the steps that went well."""
        return tuple(one.name for one in self.steps if one.status is AutomationStatus.SUCCEEDED)


class CommandOutput(Resource):
    """What a command said on one machine.

    Attributes:
        status: Systems Manager's word for how it went there.
        exit_code: None when it did not come that far.
    """

    instance_id: str
    status: str
    exit_code: int | None = None
    output: str = ""
    errors: str = ""


class DiagnosticFile(Resource):
    """A file of diagnostics and where to fetch it for a short while."""

    instance_id: str
    size: int
    url: str
    expires_in: int


def joined_token(given: Mapping[str, Sequence[str]]) -> str:
    """The task token that an execution was started with, of its pieces; empty without one."""
    return "".join(piece for name in TOKEN_PARAMETERS for piece in given.get(name, ()))


def client_token(request_id: str) -> str:
    """The token by which Systems Manager starts a request's runbook once: it has to be a UUID."""
    return str(uuid.uuid5(_NAMESPACE, request_id))


def checked(declared: DeclaredOperation, given: dict[str, Any]) -> dict[str, str]:
    """What an operation is given, as text, with what was left out at its default.

    Raises:
        InvalidInputError: with a fault for everything that is wrong.
    """
    known = {name.lower(): name for name in declared.parameters}
    faults, values = [], {}
    for key, value in given.items():
        name = known.get(key.lower())
        if name is None:
            offered = ", ".join(declared.parameters) or "none"
            sentence = f"There is no parameter {key!r}; there are: {offered}."
            faults.append(Fault(pointer("parameters", key), sentence, "UNKNOWN_PARAMETER"))
        elif name in values:
            sentence = f"{name} stands twice."
            faults.append(Fault(pointer("parameters", key), sentence, "DUPLICATE_KEY"))
        else:
            values[name] = value
    texts: dict[str, str] = {}
    for name, one in declared.parameters.items():
        value = values.get(name, one.default)
        if value is None:
            sentence = f"{name} is needed: {one.description}"
            faults.append(Fault(pointer("parameters", name), sentence, "MISSING"))
            continue
        try:
            texts[name] = _fitting(one.text_of(value), script=one.type == "script")
        except ValueError as error:
            faults.append(Fault(pointer("parameters", name), f"{name} {error}", "INVALID_VALUE"))
    if faults:
        raise InvalidInputError(faults)
    return texts


def _fitting(text: str, *, script: bool) -> str:
    """A value that Systems Manager takes; scripts go by reference."""
    if not script and not 1 <= len(text) <= MOST_VALUE:
        raise ValueError(f"must have 1 to {MOST_VALUE} characters.")
    return text


def why(automation: Automation) -> str:
    """In a sentence why a runbook did not come to a good end."""
    step = automation.failed_step()
    if automation.status is AutomationStatus.CANCELLED:
        return f"The runbook was stopped{f' at its step {step.name}' if step else ''}."
    said = cleaned(step.failure if step else automation.failure, most=3)
    where = f" at its step {step.name}" if step else ""
    return f"The runbook failed{where}: {' | '.join(said) or 'Systems Manager gives no reason.'}"


def cleaned(text: str, *, most: int = MOST_LINES) -> list[str]:
    """The last lines of what a machine said, short, without control characters and secrets."""
    lines = [line.rstrip() for line in shown(text.split("\n"))]
    return [
        line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"
        for line in [line for line in lines if line][-most:]
    ]


def without_secrets(text: str) -> str:
    """All that a machine brought, as people may have it."""
    return "\n".join(shown(text.split("\n")))


def told(output: CommandOutput) -> str:
    """What a machine said, as an entry of the timeline."""
    code = "" if output.exit_code is None else f", exit code {output.exit_code}"
    head = f"{output.instance_id}: {output.status}{code}"
    said = [*cleaned(output.output), *(f"stderr: {line}" for line in cleaned(output.errors))]
    return "\n".join([head, *said])
