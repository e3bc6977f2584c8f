"""Lambda entry points of the workflows: one handler a step, all alike.

The handler writes the timeline, logs, and gives errors the names that the state machines know
(docs/saga.md). An error's text is `CODE: sentence.`; of an unexpected error only the type is told,
because its text could hold anything, a secret too.
"""

import traceback
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.domain.errors import AutoprovisionError, BusyError, UnavailableError
from autoprovision.domain.git_source import SourceError
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.steps import (
    approval,
    build,
    names,
    needs_operator,
    operation,
    outcome,
    plan,
    project,
    quota,
    secrets,
    stack,
    timeline,
    update,
    url,
)
from autoprovision.steps import notify as notifying
from autoprovision.steps.errors import CancelledError, ChangeSetPendingError, UrlNotReadyError
from autoprovision.usecases.timeline import note

logger = Logger(service="autoprovision")

Step = Callable[[dict[str, Any], Platform], dict[str, Any]]
Handler = Callable[[dict[str, Any], object], dict[str, Any]]
# Python class: the error's name in the state machines. Whatever else is ours is `StepRefused`.
_NAMES: tuple[tuple[type[AutoprovisionError], str], ...] = (
    (CancelledError, "Cancelled"),
    (UrlNotReadyError, "UrlNotReady"),
    (ChangeSetPendingError, "ChangeSetPending"),
    (BusyError, "BusyError"),
    (UnavailableError, "UnavailableError"),
)
_REFUSED, _UNEXPECTED = "StepRefused", "UnexpectedError"
# Somebody wrote in between; reading anew is all it takes.
_TRANSIENT_REASONS = frozenset({"CHANGED_MEANWHILE", "TRY_AGAIN"})
_MOST_TEXT = 4000


class StepError(Exception):
    """Base of the errors that state machines see; the subclass's name is what they match."""


def error_name(error: AutoprovisionError) -> str:
    """The name by which state machines know an error."""
    if isinstance(error, SourceError) and error.retryable:
        return "UnavailableError"
    if error.reason in _TRANSIENT_REASONS:
        return "BusyError"
    return next((name for kind, name in _NAMES if isinstance(error, kind)), _REFUSED)


def _named(name: str, text: str) -> StepError:
    kind: type[StepError] = type(name, (StepError,), {})
    return kind(text[:_MOST_TEXT])


def run(step: str, action: Step, event: dict[str, Any], outside: Platform) -> dict[str, Any]:
    """Run a step with its timeline and its log lines.

    Returns:
        What the state machine goes on with: the step's result without its `message`.

    Raises:
        StepError: with the name and text for the state machine.
    """
    request_id = str(event.get("requestId", ""))
    told = stack.STATES.get(str(event.get("purpose")), step)
    words = timeline.STEPS[told]
    logger.info("step begins", extra={"requestId": request_id, "step": told})
    if words.doing:
        note(
            outside, request_id, told, words.doing, StepStatus.STARTED,
            expected_seconds=words.seconds,
        )  # fmt: skip
    try:
        result = action(event, outside)
    except AutoprovisionError as error:
        name, text = error_name(error), f"{error.reason}: {error.message}"
        _tell_failure(outside, request_id, told, name, error.message)
        raise _named(name, text) from None
    except Exception as error:  # noqa: BLE001 - its text must not reach the history
        _log_unexpected(error, request_id, told)
        kind = type(error).__name__
        _tell_failure(outside, request_id, told, _UNEXPECTED, "The platform failed here.")
        raise _named(_UNEXPECTED, f"INTERNAL: The platform failed at {told} ({kind}).") from None
    message = result.pop("message", words.done)
    if words.doing:
        note(outside, request_id, told, message, StepStatus.SUCCEEDED)
    logger.info("step done", extra={"requestId": request_id, "step": told})
    return result


def _tell_failure(outside: Platform, request_id: str, step: str, name: str, message: str) -> None:
    logger.warning("step failed", extra={"requestId": request_id, "step": step, "error": name})
    # The next try is seconds away: to people that is waiting.
    again = name in {
        "UrlNotReady",
        "ChangeSetPending",
        "BusyError",
        "UnavailableError",
        _UNEXPECTED,
    }
    status = StepStatus.WAITING if again else StepStatus.FAILED
    note(outside, request_id, step, message, status)


def _log_unexpected(error: Exception, request_id: str, step: str) -> None:
    frames = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    logger.error(
        "unexpected",
        extra={
            "requestId": request_id,
            "step": step,
            "type": type(error).__name__,
            "frames": frames,
        },
    )


def _handler(step: str, action: Step) -> Handler:
    def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
        return run(step, action, event, platform())

    handle.__name__ = action.__name__
    handle.__doc__ = f"Lambda entry point of the step {step}."
    return handle


prepare_plan = _handler("PreparePlan", plan.prepare_plan)
expire_approval = _handler("ExpireApproval", approval.expire_approval)
authorize_launch = _handler("AuthorizeLaunch", approval.authorize_launch)
adopt_stack = _handler("AdoptStack", stack.adopt_stack)
await_stack = _handler("AwaitStack", stack.await_stack)
stage_source = _handler("StageSource", build.stage_source)
await_build = _handler("AwaitBuild", build.await_build)
publish_project = _handler("PublishProject", project.publish_project)
check_url = _handler("CheckUrl", url.check_url)
commit_quota = _handler("CommitQuota", quota.commit_quota)
begin_compensation = _handler("BeginCompensation", outcome.begin_compensation)
withdraw_names = _handler("WithdrawNames", names.withdraw_names)
unpublish_project = _handler("UnpublishProject", project.unpublish_project)
forget_secrets = _handler("ForgetSecrets", secrets.forget_secrets)
close_request = _handler("CloseRequest", outcome.close_request)
mark_needs_operator = _handler("MarkNeedsOperator", needs_operator.mark_needs_operator)
notify = _handler("Notify", notifying.notify)
begin_termination = _handler("BeginTermination", outcome.begin_termination)
prepare_update = _handler("PrepareUpdate", update.prepare_update)
await_change_set = _handler("AwaitChangeSet", update.await_change_set)
restore_release = _handler("RestoreRelease", project.restore_release)
prepare_runbook = _handler("PrepareRunbook", operation.prepare_runbook)
await_runbook = _handler("AwaitRunbook", operation.await_runbook)
keep_outcome = _handler("KeepOutcome", operation.keep_outcome)
end_operation = _handler("EndOperation", operation.end_operation)
end_application = _handler("EndApplication", outcome.end_application)
