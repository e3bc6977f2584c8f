"""Runs the real state machines: MiniStack's Step Functions engine in this process, the product's real
handlers behind it, and a world without AWS around them. Waits and retries take no time.
"""

import contextlib
import contextvars
import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.workflow.cloudformation import CloudFormationError
from tests.workflow.definitions import PLACEHOLDER, text_of
from tests.workflow.world import World

from autoprovision.domain.build import Build, BuildStatus
from autoprovision.domain.errors import UnavailableError
from autoprovision.steps.stack import settle
from autoprovision.usecases.approval_questions import open_question

_PATIENCE = 30.0
_ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class Engine:
    """One world and its workflows.

    Attributes:
        on_question: called when a question was opened; answers it, or not.
        before, after: called around each function with its state's name; either may raise what a caller of
            the function would meet. `after` raising is an answer that was lost.
    """

    def __init__(self, world: World, stepfunctions: Any) -> None:
        self.world, self.states = world, stepfunctions
        self.on_question: Callable[[], None] = lambda: None
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None
        self.told_operators: list[str] = []
        self.builds: list[dict[str, Any]] = []
        self.build: Callable[[dict[str, Any]], Build] = succeeded
        self.systems_manager: Any = None
        self._machines: dict[str, str] = {}
        self._steps = importlib.import_module("autoprovision.functions.steps")
        world.workflows._send = self._answer
        world.stacks.changed = lambda stack_id: settle(stack_id, world) and None

    def run(self, workflow: str, request_id: str, **more: Any) -> dict[str, Any]:
        """Run an execution to its end and give it back."""
        return self.finished(self.start(workflow, request_id, **more))

    def start(self, workflow: str, request_id: str, **more: Any) -> dict[str, Any]:
        arn = self._machines.get(workflow) or self._create(workflow)
        body = self._call(
            "_start_execution",
            stateMachineArn=arn,
            input=json.dumps({"requestId": request_id, **more}),
        )
        return self.states._executions[body["executionArn"]]

    def finished(self, execution: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while execution["status"] == "RUNNING":
            assert time.monotonic() < deadline, self.path(execution)
            time.sleep(0.005)
        return execution

    @staticmethod
    def path(execution: dict[str, Any]) -> list[str]:
        """The states that were entered, in order."""
        entered = (one.get("stateEnteredEventDetails") for one in execution["events"])
        return [one["name"] for one in entered if one]

    def _create(self, workflow: str) -> str:
        definition = PLACEHOLDER.sub(lambda found: _ARN + found[1], text_of(workflow))
        name = f"{workflow}-{id(self)}"
        self._machines[workflow] = self._call(
            "_create_state_machine",
            name=name,
            definition=definition,
            roleArn="arn:aws:iam::000000000000:role/r",
        )["stateMachineArn"]
        return self._machines[workflow]

    def _call(self, operation: str, **data: Any) -> dict[str, Any]:
        status, _, body = getattr(self.states, operation)(data)
        assert status == 200, body
        return json.loads(body)

    def _answer(self, how: str, token: str, what: Any) -> bool:
        self.world.outside.does(how, token)
        data = (
            {"output": json.dumps(what)}
            if how == "answer"
            else {"error": what[0], "cause": what[1]}
        )
        operation = "_send_task_success" if how == "answer" else "_send_task_failure"
        status, _, _ = getattr(self.states, operation)({"taskToken": token, **data})
        return status == 200

    # What the engine calls instead of AWS.

    def function(self, reference: str, event: dict[str, Any]) -> Any:
        step = reference.rpartition(":")[2].removesuffix("FunctionArn")
        failed = self.states._ExecutionError
        action = self._action(step)
        try:
            self.before(name_of(step, event))
            result = self._steps.run(step, action, event, self.world)
            self.after(name_of(step, event))
        except self._steps.StepError as error:
            name = type(error).__name__
            raise failed(
                name, json.dumps({"errorType": name, "errorMessage": str(error), "stackTrace": []})
            ) from None
        except CloudFormationError as error:
            raise failed(
                error.name, json.dumps({"errorType": error.name, "errorMessage": error.cause})
            ) from None
        return json.loads(json.dumps(result))

    def _action(self, step: str) -> Any:
        handler = getattr(self._steps, _snake(step))
        cells = dict(zip(handler.__code__.co_freevars, handler.__closure__, strict=True))
        assert cells["step"].cell_contents == step
        return cells["action"].cell_contents

    def sdk(self, resource: str, arguments: dict[str, Any]) -> Any:
        call = {"createStack": self.world.stacks.create, "deleteStack": self.world.stacks.delete}
        if self.systems_manager is not None:
            call["startAutomationExecution"] = self.systems_manager.start
            call["stopAutomationExecution"] = self.systems_manager.stop
        try:
            return call[resource.rpartition(":")[2].split(".")[0]](arguments)
        except CloudFormationError as error:
            raise self.states._ExecutionError(error.name, error.cause) from None

    def send_message(self, resource: str, arguments: dict[str, Any]) -> Any:
        body = json.loads(json.dumps(arguments["MessageBody"]))
        context = contextvars.copy_context()

        def deliver() -> None:
            open_question(
                body["requestId"],
                body["planDigest"],
                body["taskToken"],
                self.world,
                expires_at=body["expiresAt"],
            )
            self.on_question()

        threading.Thread(target=context.run, args=(deliver,), daemon=True).start()
        return {"MessageId": "1"}

    def start_build(self, resource: str, arguments: dict[str, Any]) -> Any:
        """CodeBuild, whose build is at its end at once; the same token is the same build."""
        try:
            self.world.outside.does("startBuild", arguments["IdempotencyToken"])
        except UnavailableError as error:
            raise self.states._ExecutionError(
                "CodeBuild.SdkClientException", error.message
            ) from None
        build = self.build(arguments)
        if build.id not in self.world.builds.known:
            self.builds.append(arguments)
            self.world.builds.known[build.id] = build
        return {"Build": {"Id": build.id}}

    def publish(self, resource: str, arguments: dict[str, Any]) -> Any:
        self.world.outside.does("sns")
        self.told_operators.append(arguments["Subject"])
        return {"MessageId": "1"}


def succeeded(arguments: dict[str, Any]) -> Build:
    """The build that a start asks for, with a good end."""
    request_id = arguments["IdempotencyToken"]
    return Build(id=f"build:{request_id}", status=BuildStatus.SUCCEEDED, request_id=request_id)


def name_of(step: str, event: dict[str, Any]) -> str:
    """The state that called: some of them share a function."""
    shared = {
        "DELETE": "AwaitStackDeletion", "SETTLE": "AwaitStackRestored",
        "STOP": "AwaitRunbookStopped",
    }  # fmt: skip
    return shared.get(event.get("purpose", ""), step)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip(
        "_"
    )


@contextlib.contextmanager
def engine_of(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine around a world, with MiniStack as the embedded AWS mends it."""
    from ministack.services import stepfunctions

    from autoprovision.embedded.mends import task_tokens

    # The mend replaces these; they are put back so that other tests meet the module as it was.
    for name in (
        "_execute_task",
        "_apply_jsonata_arguments",
        "_apply_parameters",
        "_invoke_with_callback",
        "_stop_execution",
        "_fail_execution",
        "_send_task_success",
        "_send_task_failure",
        "_send_task_heartbeat",
    ):
        monkeypatch.setattr(stepfunctions, name, getattr(stepfunctions, name))
    task_tokens.apply()
    engine = Engine(world, stepfunctions)
    monkeypatch.setattr(stepfunctions, "_SFN_WAIT_SCALE", 0.0)
    monkeypatch.setattr(stepfunctions, "_call_lambda", engine.function)
    monkeypatch.setattr(stepfunctions, "_invoke_aws_sdk_integration", engine.sdk)
    monkeypatch.setitem(
        stepfunctions._SERVICE_DISPATCH, "arn:aws:states:::sqs:sendMessage", engine.send_message
    )
    monkeypatch.setitem(
        stepfunctions._SERVICE_DISPATCH, "arn:aws:states:::sns:publish", engine.publish
    )
    monkeypatch.setitem(
        stepfunctions._SERVICE_DISPATCH,
        "arn:aws:states:::codebuild:startBuild",
        engine.start_build,
    )
    yield engine
