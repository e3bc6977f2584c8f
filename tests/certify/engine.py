"""The real state machines around a world, with a fault in them.

MiniStack's Step Functions engine runs in this process, as in tests/workflow; here everything that a
state touches goes through an `Injector`, workflows start one another, and events may be lost.
"""

import contextlib
import contextvars
import json
import threading
import time
import types
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from tests.certify.faults import Fault, Faulty, Hung, Injector, Killed, Place, ignoring_refusals
from tests.certify.world import CertifiedWorld
from tests.workflow.cloudformation import CloudFormationError
from tests.workflow.definitions import PLACEHOLDER, text_of
from tests.workflow.engine import Engine, engine_of, name_of
from tests.workflow.world import ADA, World

from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.operation import Automation
from autoprovision.embedded.mends import execution_scopes, task_tokens
from autoprovision.steps.build import note_phase, settle_build
from autoprovision.steps.operation import settle_automation
from autoprovision.steps.stack import settle
from autoprovision.usecases import cancellation
from autoprovision.usecases.approval_questions import open_question

F = Fault
_MOMENT = timedelta(milliseconds=1)
_ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
_PATIENCE = 60.0
# Lambda and SQS deliver again what failed; three times, then a dead-letter queue has it.
_DELIVERIES = 3
_PUBLISH = "sns.publish"
# What the mend of stopping replaces; it is put back when the certificate is done.
_SCOPED = (
    "_run_execution", "_stop_execution", "_run_parallel_branches", "_scaled_sleep",
    "_execute_pass", "_execute_choice", "_execute_wait", "_execute_parallel", "_execute_map",
)  # fmt: skip


class FaultyEngine(Engine):
    """A world's workflows with one fault.

    Attributes:
        runs: executions by (workflow, request, number).
        activity: counts everything that happens, so that standing still is seen.
        expires: the questions that nobody answers before the state's own limit.
    """

    machines: ClassVar[dict[str, str]] = {}

    def __init__(self, world: CertifiedWorld, states: Any, injector: Injector) -> None:
        super().__init__(world, states)
        self.injector = injector
        self.platform = Faulty(world, injector)
        self.runs: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.activity, self.busy = 0, 0
        self.tokens: dict[str, str] = {}
        self.questions_end = False
        self.redriven: list[Callable[[], Any]] = []
        self._lock = threading.Lock()
        world.outside.on_deed = self._mail_is_under_way
        world.engine = self
        world.workflows._send = self._answer
        world.workflows.start = self._start_workflow
        world.workflows.state = self._state_of
        world.stacks.changed = self._stack_changed
        world.code_build.changed = self._build_changed

    def _mail_is_under_way(self, deed: str) -> None:
        """Within a mail the process may end too: before SES has it, or before that is noted."""
        if deed in {"mail", "mail.sent"} and self.injector.state:
            self.injector.call(f"ses:{deed}", lambda: None)

    # Workflows, started as the product starts them.

    def _start_workflow(self, kind: str, request_id: str, *, execution: int = 0) -> None:
        key = (kind, request_id, execution)
        with self._lock:
            if key in self.runs:
                return
            more = {"resume": "compensate"} if execution else {}
            self.runs[key] = self.start(kind, request_id, **more)

    def _state_of(self, kind: str, request_id: str, *, execution: int = 0) -> str | None:
        found = self.runs.get((kind, request_id, execution))
        return None if found is None else str(found["status"])

    def _create(self, workflow: str) -> str:
        if workflow not in self.machines:
            definition = PLACEHOLDER.sub(lambda found: _ARN + found[1], text_of(workflow))
            made = self._call(
                "_create_state_machine", name=f"certify-{workflow}", definition=definition,
                roleArn="arn:aws:iam::000000000000:role/r",
            )  # fmt: skip
            self.machines[workflow] = made["stateMachineArn"]
        return self.machines[workflow]

    @contextlib.contextmanager
    def _in(self, state: str) -> Iterator[None]:
        before = self.injector.state
        self.injector.enter(state)
        with self._lock:
            self.activity += 1
            self.busy += 1
            self.world.outside.pass_time(_MOMENT)
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1
            self.injector.enter(before)

    # What a state calls.

    def function(self, reference: str, event: dict[str, Any]) -> Any:
        step = reference.rpartition(":")[2].removesuffix("FunctionArn")
        state = name_of(step, event)
        self.arrive_late(besides=state)
        with self._in(state):
            twice = self._disturb(state, event)
            result = self._invoke(step, state, event)
            if twice:
                result = self._invoke(step, state, event)
        if state in {"AwaitStack", "AwaitStackDeletion", "AwaitStackRestored"}:
            self.world.stacks.go_on()
        if state == "AwaitBuild":
            self.world.code_build.go_on()
        return result

    def _invoke(self, step: str, state: str, event: dict[str, Any]) -> Any:
        failed = self.states._ExecutionError
        self.injector.enter(state)
        try:
            result = self._steps.run(step, self._action(step), dict(event), self.platform)
        except self._steps.StepError as error:
            name = type(error).__name__
            said = {"errorType": name, "errorMessage": str(error), "stackTrace": []}
            raise failed(name, json.dumps(said)) from None
        except Killed:
            raise failed("Lambda.Unknown", "the process was killed") from None
        except Hung:
            raise failed("States.Timeout", "") from None
        return json.loads(json.dumps(result))

    def _disturb(self, state: str, event: dict[str, Any]) -> bool:
        """What may happen to a whole state. Gives whether it is invoked twice."""
        fault = self.injector.strikes(Place(state), F.INVOKED_TWICE, F.STOPPED, F.CANCELLED)
        if fault is F.STOPPED:
            for run in self.runs.values():
                if run["status"] == "RUNNING":
                    self.states._stop_execution({"executionArn": run["executionArn"]})
            raise self.states._ExecutionError("Stopped", "")
        if fault is F.CANCELLED:
            self.injector.enter(None)
            with contextlib.suppress(AutoprovisionError):
                actor = self.world.users.by_email(ADA).actor()
                cancellation.cancel(actor, event["requestId"], self.world)
            self.injector.enter(state)
        return fault is F.INVOKED_TWICE

    def sdk(self, resource: str, arguments: dict[str, Any]) -> Any:
        action = resource.rpartition(":")[2].split(".")[0]
        service = resource.split(":")[-2]
        if service == "ssm":
            return self._runbook(action, arguments)
        stacks = self.world.stacks
        state, call = {
            "createStack": ("LaunchStack", stacks.create),
            "deleteStack": ("DeleteStack", stacks.delete),
            "createChangeSet": ("CreateChangeSet", stacks.create_change_set),
            "executeChangeSet": ("ExecuteChangeSet", stacks.execute_change_set),
            "updateStack": ("RestoreStack", stacks.update),
            "continueUpdateRollback": ("ContinueRollback", stacks.continue_rollback),
        }[action]
        return self._aws(state, f"{service}.{action}", lambda: call(arguments), "CloudFormation")

    def start_build(self, resource: str, arguments: dict[str, Any]) -> Any:
        start = self.world.code_build.start
        return self._aws(
            "BuildProject", "codebuild.startBuild", lambda: start(arguments), "CodeBuild"
        )

    def _runbook(self, action: str, arguments: dict[str, Any]) -> Any:
        manager = self.systems_manager
        state, call = {
            "startAutomationExecution": ("RunRunbook", manager.start),
            "stopAutomationExecution": ("StopRunbook", manager.stop),
        }[action]
        return self._aws(state, f"ssm.{action}", lambda: call(arguments), "Ssm")

    def runbook_changed(self, automation_id: str, status: str) -> None:
        """EventBridge tells of an execution."""
        self._deliver(
            "AutomationEvents", f"event:runbook {status}",
            lambda: settle_automation(automation_id, self.platform),
        )  # fmt: skip

    def runbook_answers(self, automation: Automation) -> None:
        """A runbook's last step answers its token: like an event, this may be lost or doubled."""
        workflows = self.world.workflows

        def answer() -> None:
            if automation.succeeded:
                workflows.answer(automation.token, {})
            else:
                workflows.fail(automation.token, "RunbookFailed", "RUNBOOK_FAILED: It failed.")

        self._deliver("Runbook", "event:answer", answer)

    def limit_passes(self, token: str) -> None:
        """The state that waits by a token has waited as long as it may."""
        self.states._send_task_failure({"taskToken": token, "error": "States.Timeout", "cause": ""})

    def _aws(self, state: str, name: str, call: Callable[[], Any], service: str) -> Any:
        failed = self.states._ExecutionError
        self.arrive_late(besides=state)
        with self._in(state):
            place = Place(state, f"aws:{name}")
            fault = self.injector.strikes(place, *place.faults())
            try:
                if fault in {F.ERROR_AFTER, F.ANSWERS_LOST, F.HUNG_AFTER} or fault is None:
                    answer = call()
                    if fault is None:
                        return answer
            except CloudFormationError as error:
                raise failed(error.name, error.cause) from None
            except ConnectionResetError:
                raise failed(f"{service}.SdkClientException", "it was reset") from None
            if fault in {F.HUNG_BEFORE, F.HUNG_AFTER, F.HUNG_ALWAYS}:
                raise failed("States.Timeout", "")
            if fault is F.THROTTLED:
                raise failed(f"{service}.{service}Exception", "Rate exceeded (Service: x)")
            raise failed(f"{service}.SdkClientException", "the connection was reset")

    def publish(self, resource: str, arguments: dict[str, Any]) -> Any:
        state = "CallOperators" if "taken back" in arguments["Subject"] else "TellOperators"
        return self._aws(
            state, _PUBLISH, lambda: Engine.publish(self, resource, arguments), "Sns"
        )  # fmt: skip

    # Events and messages: hints that come late, twice, in any order, or not at all.

    def send_message(self, resource: str, arguments: dict[str, Any]) -> Any:
        body = json.loads(json.dumps(arguments["MessageBody"]))
        self.tokens[body["requestId"]] = body["taskToken"]

        def opened() -> None:
            open_question(
                body["requestId"], body["planDigest"], body["taskToken"], self.platform,
                expires_at=body["expiresAt"],
            )  # fmt: skip

        def send() -> dict[str, str]:
            self._deliver("ApprovalDesk", "event:question", opened, then=self._asked)
            return {"MessageId": "1"}

        return self._aws("AskApproval", "sqs.sendMessage", send, "Sqs")

    def _asked(self) -> None:
        self.injector.enter(None)
        with contextlib.suppress(AutoprovisionError):
            self.on_question()

    def _stack_changed(self, stack_id: str) -> None:
        status = self.world.stacks.stacks[stack_id].status
        self._deliver("StackEvents", f"event:{status}", lambda: settle(stack_id, self.platform))

    def _build_changed(self, build_id: str, what: str) -> None:
        def told() -> None:
            note_phase(build_id, what, self.platform)
            settle_build(build_id, self.platform)

        self._deliver("BuildEvents", f"event:build {what}", told)

    def _deliver(
        self, consumer: str, what: str, consume: Callable[[], Any],
        then: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        place = Place(consumer, what)
        fault = self.injector.strikes(place, *place.faults())

        def arrive() -> None:
            if self._consumed(consumer, consume):
                then()

        if fault is F.EVENT_LOST:
            return
        if fault is F.EVENT_DELAYED:
            self.injector.late.append((consumer, arrive))
            return
        arrive()
        if fault is F.EVENT_DOUBLED:
            arrive()
        if fault is F.EVENT_EARLY:  # and once more behind everything that follows
            self.injector.late.append((consumer, arrive))

    def _consumed(self, consumer: str, consume: Callable[[], Any]) -> bool:
        for _ in range(_DELIVERIES):
            with self._in(consumer):
                try:
                    consume()
                except (AutoprovisionError, Killed, Hung):
                    continue
                return True
        if consumer == "ApprovalDesk":
            # A dead-letter queue has it, and somebody sends it on when the trouble is over.
            self.redriven.append(consume)
        return False

    # Time.

    def rests(self) -> bool:
        """Wait until nothing moves. Gives whether every execution has ended."""
        deadline, seen = time.monotonic() + _PATIENCE, -1
        while time.monotonic() < deadline:
            running = {r["executionArn"] for r in self.runs.values() if r["status"] == "RUNNING"}
            if not running and not self.busy:
                # What an execution that was stopped had sent by then still arrives.
                if seen == self.activity:
                    return True
                seen = self.activity
                time.sleep(0.001)
                continue
            parked = {w.execution_arn for w in task_tokens._waits.values() if w.outcome is None}
            stands = bool(running) and not self.busy and running <= parked
            if stands and seen == self.activity:
                return False
            seen = self.activity if stands else -1
            time.sleep(0.001)
        raise AssertionError(f"it never rests: {[self.path(one) for one in self.runs.values()]}")

    def arrive_late(self, besides: str = "") -> None:
        """Whatever was under way arrives now, unless the state that sent it is still at it."""
        late, self.injector.late = self.injector.late, []
        for state, arrives in late:
            if state == besides:
                self.injector.late.append((state, arrives))
            else:
                ignoring_refusals(arrives)

    def redrive(self) -> None:
        """The trouble is over: what lies in the dead-letter queue is sent on."""
        messages, self.redriven = self.redriven, []
        if messages:
            self.injector.healed = True
        for message in messages:
            if self._consumed("ApprovalDesk", message):
                self._asked()

    def time_out_questions(self) -> None:
        """The state's own limit passes for every question that still waits."""
        for token in self.tokens.values():
            data = {"taskToken": token, "error": "States.Timeout", "cause": ""}
            self.states._send_task_failure(data)
        self.tokens.clear()


@contextlib.contextmanager
def engines() -> Iterator[Callable[[CertifiedWorld, Injector], FaultyEngine]]:
    """Gives a maker of engines; the one made last is the one that runs."""
    from ministack.services import stepfunctions

    current: list[FaultyEngine] = []
    # Of an execution: whatever still runs of an earlier one must not reach a later one's world.
    own: contextvars.ContextVar[FaultyEngine] = contextvars.ContextVar("engine")

    def make(world: CertifiedWorld, injector: Injector) -> FaultyEngine:
        task_tokens._waits.clear()
        current[:] = [FaultyEngine(world, stepfunctions, injector)]
        return current[0]

    with pytest.MonkeyPatch.context() as patch, engine_of(World(), patch):
        for name in _SCOPED:
            patch.setattr(stepfunctions, name, getattr(stepfunctions, name))
        execution_scopes.apply()
        run = stepfunctions._run_execution

        def run_in_own(execution_arn: str) -> None:
            own.set(current[0])
            run(execution_arn)

        patch.setattr(stepfunctions, "_run_execution", run_in_own)
        # The engine waits a little before each execution; here nothing takes time.
        quick = {**vars(time), "sleep": lambda seconds: None}
        patch.setattr(stepfunctions, "time", types.SimpleNamespace(**quick))
        patch.setattr(
            stepfunctions, "_call_lambda", lambda name, event: own.get().function(name, event)
        )
        patch.setattr(
            stepfunctions, "_invoke_aws_sdk_integration",
            lambda resource, arguments: own.get().sdk(resource, arguments),
        )  # fmt: skip
        members = {
            "sqs:sendMessage": "send_message",
            "sns:publish": "publish",
            "codebuild:startBuild": "start_build",
        }
        for service, member in members.items():
            patch.setitem(
                stepfunctions._SERVICE_DISPATCH, f"arn:aws:states:::{service}",
                lambda resource, arguments, member=member: getattr(own.get(), member)(
                    resource, arguments
                ),
            )  # fmt: skip
        FaultyEngine.machines = {}
        yield make
