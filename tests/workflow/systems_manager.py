"""Systems Manager as the workflows see it: runbooks that end as a test tells them, when it tells them."""

from collections.abc import Callable
from typing import Any

from tests.workflow.cloudformation import CloudFormationError
from tests.workflow.world import ADA, World, catalog, manifest, published

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.operation import (
    Automation,
    AutomationStatus,
    AutomationStep,
    CommandOutput,
    Machine,
    joined_token,
)
from autoprovision.domain.request import Request
from autoprovision.embedded.runbooks.documents import OutOfBounds, check_bounds
from autoprovision.usecases import operations

A = AutomationStatus
MACHINE = "i-0123456789abcdef0"
OPERATION_ID = "req_01jg0000000000000000000000"
OPERATIONS = {
    "restart": {"title": "Restart", "description": "Restarts.", "warning": "It is away meanwhile.", "runbook": "restart-instances", "runbookParameters": {"Site": "resource.Site"}},
    "run-command": {
        "title": "Run", "description": "Runs.", "runbook": "run-command",
        "parameters": {"command": {"type": "script", "description": "The script."}, "times": {"type": "integer", "description": "How often.", "default": 1, "minimum": 1, "maximum": 3}},
        "runbookParameters": {"Source": "script.command", "Times": "parameters.times", "Bucket": "files.bucket", "Folder": "files.folder", "Other": "runbook.restart-instance"},
    },
}  # fmt: skip


class SystemsManager:
    """The two calls of the states, around the world's own port `Automations`.

    Attributes:
        ends: how a runbook ends; None leaves it running.
        answers: whether it answers its task token itself.
        lose_answers: how many starts run the runbook and fail to say so.
        start_fails: errors of starts that run nothing.
        says: what a machine says.
        failure: Systems Manager's words about the step that failed.
        changed: told of every execution that has moved, as EventBridge would.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.ends: A | None = A.SUCCEEDED
        self.answers = True
        self.lose_answers = 0
        self.start_fails: list[str] = []
        self.stops = True
        self.says, self.failure = "it said this", "the disk is full"
        self.changed: Callable[[str], None] = lambda automation_id: None
        self.started: list[dict[str, Any]] = []
        self._tokens: dict[str, str] = {}

    def start(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.start_fails:
            raise CloudFormationError(
                self.start_fails.pop(0), "no (Service: Ssm, Status Code: 400)"
            )
        if arguments["ClientToken"] in self._tokens:
            raise CloudFormationError(
                "Ssm.IdempotentParameterMismatchException", "It was used with others"
            )
        given = arguments["Parameters"]
        try:
            check_bounds(given)
        except OutOfBounds as problem:
            raise CloudFormationError("Ssm.ValidationException", str(problem)) from None
        self.started.append(arguments)
        automation_id = f"a{len(self.started)}"
        self._tokens[arguments["ClientToken"]] = automation_id
        self.world.automations.known[automation_id] = Automation(
            id=automation_id, request_id=given["RequestId"][0], status=A.RUNNING,
            token=joined_token(given),
        )  # fmt: skip
        name = arguments["DocumentName"].partition("RunbookPrefix")[2]
        self.world.automations.runbooks[automation_id] = name
        if self.ends:
            self.becomes(automation_id, self.ends)
        if self.lose_answers:
            self.lose_answers -= 1
            raise CloudFormationError("Ssm.SdkClientException", "the connection was reset")
        return {"AutomationExecutionId": automation_id}

    def becomes(self, automation_id: str, status: A) -> None:
        """Bring an execution to an end: its steps, its answer, its event."""
        known = self.world.automations.known
        command = f"command-{automation_id}"
        self.world.automations.said[command] = [
            CommandOutput(instance_id=MACHINE, status=status.value.title(), exit_code=0, output=self.says)
        ]  # fmt: skip
        step = AutomationStep(
            name="Work", action="aws:runCommand", status=status, command_id=command,
            failure="" if status is A.SUCCEEDED else self.failure,
        )  # fmt: skip
        known[automation_id] = known[automation_id].with_(status=status, steps=(step,))
        token = known[automation_id].token
        if self.answers and status is A.SUCCEEDED:
            self.world.workflows.answer(token, {})
        elif self.answers:
            self.world.workflows.fail(token, "RunbookFailed", "RUNBOOK_FAILED: It failed.")
        self.changed(automation_id)

    def stop(self, arguments: dict[str, Any]) -> dict[str, Any]:
        automation_id = arguments["AutomationExecutionId"]
        found = self.world.automations.known.get(automation_id)
        if found is None or found.is_over:
            raise CloudFormationError("Ssm.InvalidAutomationStatusUpdateException", "It has ended")
        if self.stops:
            self.becomes(automation_id, A.CANCELLED)
        return {}


def with_machines(world: World) -> None:
    """A catalog whose blueprint offers operations."""
    world.catalog.publish(catalog(published(manifest(operations=OPERATIONS))))


def machine_of(world: World) -> str:
    """An available application with one machine, by its id."""
    from autoprovision.steps import approval, quota, stack

    request = world.submit()
    event: dict[str, Any] = {"requestId": request.id, "execution": request.id}
    made = approval.authorize_launch(event, world)["launch"]
    created = world.stacks.create({"StackName": made["stackName"], "Tags": made["tags"]})
    event |= {"stackId": created["StackId"], "taskToken": "token", "purpose": "CREATE"}
    stack.await_stack(event, world)
    quota.commit_quota(event, world)
    application = world.application(request)
    assert application.status is ApplicationStatus.AVAILABLE
    world.machines.known[application.id] = (Machine(id=MACHINE, online=True),)
    return application.id


def operate(world: World, application_id: str, name: str = "restart", **parameters: Any) -> Request:
    """An operation, admitted by the product's own admission."""
    return operations.operate(
        world.users.by_email(ADA).actor(), application_id, name, parameters, world,
        request_id=OPERATION_ID,
    )  # fmt: skip
