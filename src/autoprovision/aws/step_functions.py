"""The port `Workflows` on Step Functions."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.request import RequestKind

_SERVICE = "Step Functions"
# Answered before, timed out, or never given out: for the one who answers it is the same.
_DEAD_TOKEN = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_MOST_ERROR, _MOST_CAUSE = 256, 32_768


class StepFunctions:
    """Executions named after the request they are for, so that each begins once."""

    def __init__(self, client: Any, *, machines: Mapping[RequestKind, str]) -> None:
        self._client = client
        self._machines = machines

    def start(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> None:
        """Start the workflow under the request's id; running or done already is fine.

        A later execution (`execution` above 0) goes on with the way back.
        """
        given = {"requestId": request_id}
        if execution:
            given["resume"] = "compensate"
        with answering(_SERVICE):
            try:
                self._client.start_execution(
                    stateMachineArn=self._machines[kind], name=_name(request_id, execution),
                    input=json.dumps(given),
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise

    def state(self, kind: RequestKind, request_id: str, *, execution: int = 0) -> str | None:
        """Status of the execution, None if it never began."""
        machine = self._machines[kind].replace(":stateMachine:", ":execution:")
        arn = f"{machine}:{_name(request_id, execution)}"
        with answering(_SERVICE):
            try:
                answer = self._client.describe_execution(executionArn=arn)
            except ClientError as error:
                if code_of(error) != "ExecutionDoesNotExist":
                    raise
                return None
        return str(answer["status"])

    def answer(self, token: str, output: Mapping[str, Any]) -> bool:
        """Answer a task token. False: it was answered before, timed out or is unknown."""
        return self._send("send_task_success", taskToken=token, output=json.dumps(dict(output)))

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail a task token; the same."""
        return self._send(
            "send_task_failure", taskToken=token, error=error[:_MOST_ERROR],
            cause=cause[:_MOST_CAUSE],
        )  # fmt: skip

    def _send(self, call: str, **arguments: str) -> bool:
        with answering(_SERVICE):
            try:
                getattr(self._client, call)(**arguments)
            except ClientError as error:
                if code_of(error) not in _DEAD_TOKEN:
                    raise
                return False
        return True


def _name(request_id: str, execution: int) -> str:
    return f"{request_id}-{execution}" if execution else request_id
