"""The stack: adopt it, wait for its end, and whoever learns of its end answers the wait.

No wake-up is lost: AwaitStack stores its token first and looks at the stack afterwards; StackEvents
looks for the token after each event; Sweep looks at both. Events are hints, so all of them come
here, to `settle`, which reads the stack itself.
"""

from dataclasses import dataclass
from typing import Any

from autoprovision.domain.clock import iso
from autoprovision.domain.events import EventName
from autoprovision.domain.request import Request
from autoprovision.domain.stack import Stack, StackOutcome, StackResource, outcome
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.steps import timeline
from autoprovision.steps.errors import CancelledError, StepRefusedError
from autoprovision.steps.plan import event_detail
from autoprovision.steps.update import adopt_execution
from autoprovision.usecases.timeline import note

REQUEST_TAG = "autoprovision:request"
CREATE, UPDATE, DELETE, SETTLE = "CREATE", "UPDATE", "DELETE", "SETTLE"
STOP = "STOP"  # of a runbook
# The state that waits, by what for.
STATES = {
    CREATE: "AwaitStack", UPDATE: "AwaitStack", DELETE: "AwaitStackDeletion",
    SETTLE: "AwaitStackRestored", STOP: "AwaitRunbookStopped",
}  # fmt: skip
_ERROR = {
    CREATE: "StackFailed", UPDATE: "StackFailed", DELETE: "StackDeletionFailed",
    SETTLE: "StackFailed",
}  # fmt: skip
_FORWARD = frozenset({CREATE, UPDATE})
_MOST_RESOURCES = 5
_MOST_REASON = 400
_MOST_CAUSE = 4000


@dataclass(frozen=True)
class Wait:
    """Who waits for a stack.

    Attributes:
        purpose: CREATE, UPDATE, DELETE, or SETTLE (to be at rest, whatever came of it).
    """

    token: str
    purpose: str
    request_id: str

    def stored_purpose(self) -> str:
        """Purpose and request in one text: the port keeps one, and the timeline needs both."""
        return f"{self.purpose} {self.request_id}"


def adopt_stack(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Take the stack that has the name already, if this request made it.

    Returns:
        `stackId`.

    Raises:
        StepRefusedError: it is somebody else's, or is gone by now.
    """
    if "changeSetName" in event:
        return adopt_execution(event, platform)
    stack = platform.stacks.find(event["stackName"])
    if stack is None or stack.tags.get(REQUEST_TAG) != event["requestId"]:
        raise StepRefusedError(
            f"There is a stack {event['stackName']} that this request did not make.",
            code="STACK_NAME_TAKEN",
        )
    return {"stackId": stack.id}


def await_stack(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Store the token that waits for a stack's end, then look whether it has come already.

    Args:
        event: `requestId`, `stackId`, `purpose` and `taskToken`.

    Raises:
        CancelledError: somebody has asked to cancel, and the stack was to be made or updated.
    """
    stack_id, purpose = event["stackId"], event["purpose"]
    wait = Wait(event["taskToken"], purpose, event["requestId"])
    platform.waits.put(
        stack_id, wait.token, request_id=wait.request_id, purpose=wait.stored_purpose(),
        at=iso(platform.now()),
    )  # fmt: skip
    # Read after the token is stored: whoever cancels marks the request before looking for a token.
    request = platform.records.request(wait.request_id)
    _tell_waiting(request, stack_id, purpose, platform)
    if purpose in _FORWARD and request.cancel_requested_by:
        raise CancelledError("The request was cancelled.")
    settle(stack_id, platform)
    return {}


def _tell_waiting(request: Request, stack_id: str, purpose: str, platform: Platform) -> None:
    name = stack_id.split("/")[1] if "/" in stack_id else stack_id
    if purpose == CREATE:
        if request.stack_id != stack_id:
            request = platform.records.patch_request(request.id, stack_id=stack_id)
            if request.application_id:
                platform.records.patch_application(
                    request.application_id, stack_id=stack_id, stack_name=name
                )
            platform.events.publish(EventName.STACK_LAUNCHED, event_detail(request, platform))
            message = f"Stack {name} launched."
            note(platform, request.id, "LaunchStack", message, StepStatus.SUCCEEDED)
        doing = "CloudFormation is creating the stack."
    else:
        doing = f"CloudFormation is {_DOES[purpose]} the stack {name}."
    step = STATES[purpose]
    timeline.waiting(platform, request.id, step, doing, timeline.STEPS[step].seconds)


_DOES = {UPDATE: "updating", DELETE: "deleting", SETTLE: "bringing to rest"}


def wait_for(stack_id: str, platform: Platform) -> Wait | None:
    """Who waits for a stack, if anybody does."""
    found = platform.waits.get(stack_id)
    if found is None:
        return None
    purpose, _, request_id = found[1].partition(" ")
    return Wait(found[0], purpose, request_id)


def settle(stack_id: str, platform: Platform) -> bool:
    """Answer whoever waits for a stack, if it is at an end.

    Called after storing a token, after every event and by the sweep, in any order and any number
    of times: a token is answered once, and only by what the stack itself says.

    Returns:
        Whether this call ended the wait.
    """
    wait = wait_for(stack_id, platform)
    if wait is None:
        return False
    stack = platform.stacks.find(stack_id)
    if wait.purpose == UPDATE and not _has_begun(wait, stack, platform):
        return False
    failure = _failed(wait, stack)
    if failure is None and not _arrived(wait, stack):
        return False
    step = STATES[wait.purpose]
    if failure is None:
        ended = platform.workflows.answer(wait.token, {"stackId": stack_id})
        status, message = StepStatus.SUCCEEDED, timeline.STEPS[step].done
    else:
        message = _why(stack_id, failure, wait.purpose, platform)
        ended = platform.workflows.fail(wait.token, _ERROR[wait.purpose], message[:_MOST_CAUSE])
        status = StepStatus.FAILED
    platform.waits.remove(stack_id, wait.token)
    if ended:
        note(platform, wait.request_id, step, _sentence(message), status)
    return ended


def _has_begun(wait: Wait, stack: Stack | None, platform: Platform) -> bool:
    """Whether the stack's status is of this update, not of what came before it."""
    good = platform.records.request(wait.request_id).last_good
    return stack is None or good is None or stack.changed_at != good.changed_at


def _arrived(wait: Wait, stack: Stack | None) -> bool:
    if wait.purpose == DELETE:
        return stack is None or outcome(stack.status) is StackOutcome.GONE
    if wait.purpose == SETTLE:
        return stack is None or outcome(stack.status) is not StackOutcome.IN_PROGRESS
    return stack is not None and outcome(stack.status) is StackOutcome.DONE


def _failed(wait: Wait, stack: Stack | None) -> str | None:
    """How a wait has failed; a delete only when CloudFormation says so, whatever came before."""
    if wait.purpose == DELETE:
        return stack.status if stack and stack.status == "DELETE_FAILED" else None
    if wait.purpose == SETTLE:
        return None
    if stack is None:
        return "gone"
    ended_badly = {StackOutcome.ROLLED_BACK, StackOutcome.FAILED, StackOutcome.GONE}
    return stack.status if outcome(stack.status) in ended_badly else None


def _why(stack_id: str, status: str, purpose: str, platform: Platform) -> str:
    """A code and a sentence that names the resources that failed first."""
    failures = platform.stacks.failures(stack_id)[:_MOST_RESOURCES]
    named = "; ".join(_resource(one) for one in failures)
    verb = {DELETE: "deleted", UPDATE: "updated"}.get(purpose, "created")
    code = "STACK_DELETION_FAILED" if status == "DELETE_FAILED" else "STACK_FAILED"
    return f"{code}: The stack could not be {verb} ({status}). {named}".rstrip()


def _resource(one: StackResource) -> str:
    return f"{one.logical_id} ({one.type}): {one.reason[:_MOST_REASON] or one.status}"


def _sentence(message: str) -> str:
    return message.partition(": ")[2] if message.startswith("STACK_") else message


def left_over(request: Request, name: str, platform: Platform) -> str:
    """The id of the stack that a request has left, by id or by the name it would have.

    Args:
        name: the name that the request's stack has; asked for when no id was recorded, because
            the answer to the create may have been lost.

    Returns:
        The stack's id, or nothing when there is none or it is verified gone.
    """
    stack = platform.stacks.find(request.stack_id or name)
    if stack is None or outcome(stack.status) is StackOutcome.GONE:
        return ""
    if request.stack_id is None and stack.tags.get(REQUEST_TAG) != request.id:
        return ""
    return stack.id
