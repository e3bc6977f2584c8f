"""The port `Automations` on Systems Manager."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.clock import iso
from autoprovision.domain.operation import (
    REQUEST_PARAMETER,
    Automation,
    AutomationStatus,
    AutomationStep,
    CommandOutput,
    joined_token,
)

_SERVICE = "Systems Manager"
_S = AutomationStatus
# Whatever is not named here is under way: waiting for somebody, something or its turn.
_STATUS = {
    "Success": _S.SUCCEEDED, "CompletedWithSuccess": _S.SUCCEEDED,
    "Failed": _S.FAILED, "CompletedWithFailure": _S.FAILED, "Rejected": _S.FAILED,
    "ChangeCalendarOverrideRejected": _S.FAILED, "Exited": _S.FAILED,
    "TimedOut": _S.TIMED_OUT, "Cancelled": _S.CANCELLED,
}  # fmt: skip
_GONE = "AutomationExecutionNotFoundException"
_MOST_LOOKED_AT = 200
_PAGE = 50


class SsmAutomations:
    """Executions of the platform's runbooks.

    Args:
        prefix: what the names of the platform's documents begin with.
    """

    def __init__(self, ssm: Any, *, prefix: str) -> None:
        self._ssm = ssm
        self._prefix = prefix

    def read(self, automation_id: str) -> Automation | None:
        """The execution as it is now. None: there is none, or it was long ago."""
        with answering(_SERVICE):
            try:
                answer = self._ssm.get_automation_execution(AutomationExecutionId=automation_id)
            except ClientError as error:
                if code_of(error) != _GONE:
                    raise
                return None
        return _automation(answer["AutomationExecution"])

    def find(self, request_id: str, *, runbook: str, since: str) -> Automation | None:
        """The execution that a request has started, when the answer to the start was lost.

        Systems Manager's filters know neither a parameter nor a client token, so those that run
        the same runbook since then are looked at one by one.
        """
        for automation_id in self._since(f"{self._prefix}{runbook}", since):
            found = self.read(automation_id)
            if found is not None and found.request_id == request_id:
                return found
        return None

    def _since(self, document: str, moment: str) -> Iterator[str]:
        # It takes whole seconds; the fraction would be refused.
        after = f"{moment[:19]}Z"
        filters = [
            {"Key": "DocumentNamePrefix", "Values": [document]},
            {"Key": "StartTimeAfter", "Values": [after]},
        ]
        token: dict[str, str] = {}
        for _ in range(_MOST_LOOKED_AT // _PAGE):
            with answering(_SERVICE):
                page = self._ssm.describe_automation_executions(
                    Filters=filters, MaxResults=_PAGE, **token
                )
            for one in page["AutomationExecutionMetadataList"]:
                if one["DocumentName"] == document:
                    yield one["AutomationExecutionId"]
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}

    def outputs(self, command_id: str) -> list[CommandOutput]:
        """What a command of a runbook said on each machine; none when it is not known any more."""
        with answering(_SERVICE):
            answer = self._ssm.list_command_invocations(CommandId=command_id, MaxResults=_PAGE)
        return [self._output(command_id, one) for one in answer["CommandInvocations"]]

    def _output(self, command_id: str, one: dict[str, Any]) -> CommandOutput:
        with answering(_SERVICE):
            try:
                said = self._ssm.get_command_invocation(
                    CommandId=command_id, InstanceId=one["InstanceId"]
                )
            except ClientError as error:
                # Several plugins make it ask for one by name; what is known already is enough.
                if code_of(error) not in {"InvocationDoesNotExist", "InvalidPluginName"}:
                    raise
                said = {}
        code = said.get("ResponseCode", -1)
        return CommandOutput(
            instance_id=one["InstanceId"], status=one.get("StatusDetails") or one["Status"],
            exit_code=code if code >= 0 else None,
            output=said.get("StandardOutputContent", ""),
            errors=said.get("StandardErrorContent", ""),
        )  # fmt: skip


def _automation(found: dict[str, Any]) -> Automation:
    given = found.get("Parameters", {})
    return Automation(
        id=found["AutomationExecutionId"],
        request_id=next(iter(given.get(REQUEST_PARAMETER, [])), ""),
        status=_STATUS.get(found["AutomationExecutionStatus"], _S.RUNNING),
        token=joined_token(given),
        steps=tuple(_step(one) for one in found.get("StepExecutions", [])),
        failure=found.get("FailureMessage", ""),
        began_at=_told(found.get("ExecutionStartTime")),
        ended_at=_told(found.get("ExecutionEndTime")),
    )


def _told(at: datetime | None) -> str:
    return iso(at) if at else ""


def _step(one: dict[str, Any]) -> AutomationStep:
    command = one.get("Outputs", {}).get("CommandId", [])
    return AutomationStep(
        name=one["StepName"], action=one["Action"],
        status=_STATUS.get(one.get("StepStatus", ""), _S.RUNNING),
        command_id=next(iter(command), ""), failure=one.get("FailureMessage", ""),
    )  # fmt: skip
