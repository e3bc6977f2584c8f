"""An operation's own steps: prepare its runbook, wait for it, keep what came of it, and stop it.

The state RunRunbook starts the runbook by itself, with a task token that the runbook answers as its
last step. No wake-up is lost: the token is in parameters of the execution, so whoever reads an
execution that has ended (AutomationEvents, Sweep) can answer in its place. A start whose answer was
lost is found by the request that it carries; AwaitRunbook then waits by a token of its own, since
the runbook's is dead. What a runbook did is not taken back: the way back stops it and says what it
had done by then.
"""

import logging
from typing import Any

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.counted import counted
from autoprovision.domain.declared_operation import DeclaredOperation
from autoprovision.domain.errors import AutoprovisionError, ConflictError, UnavailableError
from autoprovision.domain.operation import (
    REQUEST_PARAMETER,
    Automation,
    client_token,
    told,
    why,
    without_secrets,
)
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.stack import StackResource
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.steps import timeline
from autoprovision.steps.errors import CancelledError, StepRefusedError
from autoprovision.steps.failure import MOST_MESSAGE, Failure
from autoprovision.steps.request import application_of, wanted
from autoprovision.steps.stack import STOP, Wait, wait_for
from autoprovision.usecases.operations import folder_of, planned_parameters, reachable
from autoprovision.usecases.runbooks import started
from autoprovision.usecases.timeline import note

logger = logging.getLogger(__name__)

RUN, STEP = "RUN", "AwaitRunbook"
FAILED = "RUNBOOK_FAILED"
_FORWARD = frozenset(
    {RequestStatus.SUBMITTED, RequestStatus.AWAITING_APPROVAL, RequestStatus.PROVISIONING}
)
# An automation waits for its turn when many run, and its last steps take a while too.
_LATE_SECONDS = 600
_USUAL_SECONDS = 120
_ANSWERS = "Answer"


def begin_operation(request: Request, platform: Platform) -> None:
    """From here on the operation is carried out; the application itself stays as it is."""
    doing = f"{request.operation} is under way on {request.application_name}."
    platform.records.move_request(
        request.id, RequestStatus.PROVISIONING, reason="OPERATING", message=doing,
        at=iso(platform.now()), expected=_FORWARD,
    )  # fmt: skip


def prepare_runbook(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """See which machines there are now, put a script where they read it, and say what to call.

    Returns:
        `run`: what RunRunbook calls Systems Manager with.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        StepRefusedError: no machine answers any more, another request has the application, or what
            would be run is not what the plan says.
    """
    request = wanted(event, platform)
    application = application_of(request, platform)
    if application.operation != request.id:
        raise StepRefusedError("Another request changes the application.", code="NOT_OURS")
    declared = declared_of(request, platform)
    try:
        machines = reachable(application, platform)
    except ConflictError as error:
        raise StepRefusedError(error.message, code=error.reason) from error
    ids = tuple(one.id for one in machines)
    if request.instances != ids:
        request = platform.records.patch_request(request.id, instances=ids)
    given = _parameters(request, application, declared, platform)
    return {
        "run": {
            "runbook": declared.runbook,
            "clientToken": client_token(request.id),
            "parameters": {name: [value] for name, value in given.items()}
            | {"InstanceIds": list(ids), REQUEST_PARAMETER: [request.id]},
            "awaitSeconds": declared.minutes * 60 + _LATE_SECONDS,
        },
        "message": f"{declared.title} on {', '.join(ids)}.",
    }


def declared_of(request: Request, platform: Platform) -> DeclaredOperation:
    """What the blueprint says of a request's operation."""
    plan = request.plan
    if plan is None or request.operation is None:
        raise StepRefusedError("The request is no operation.", code="NO_OPERATION")
    return platform.catalog.version(plan.blueprint, plan.version).manifest.operations[
        request.operation
    ]


def _parameters(
    request: Request, application: Application, declared: DeclaredOperation, platform: Platform
) -> dict[str, str]:
    values = _as_planned(request, declared)
    resources = _resources(application, declared, platform)
    filled = {}
    for name, source in declared.runbook_parameters.items():
        kind, _, what = source.partition(".")
        if kind == "parameters":
            filled[name] = values[what]
        elif kind == "script":
            files = platform.operation_files
            filled[name] = files.put_script(folder_of(request), _script_name(what), values[what])
        elif kind == "resource":
            filled[name] = _physical(resources, what)
        elif kind == "runbook":
            filled[name] = f"{platform.settings.name}-{what}"
        elif source == "files.bucket":
            filled[name] = platform.operation_files.bucket()
        else:
            filled[name] = f"{folder_of(request)}/diagnostics"
    return filled


def _as_planned(request: Request, declared: DeclaredOperation) -> dict[str, str]:
    """What the operation was given, which stands beside the plan that was judged and approved."""
    values: dict[str, str] = dict(request.template.get("parameters", {}))
    planned = request.plan.parameters if request.plan is not None else {}
    same_names = set(values) == set(declared.parameters)
    name = request.operation or ""
    if not same_names or planned_parameters(name, declared, values) != planned:
        sentence = "What would be run is not what the plan says; ask for the operation again."
        raise StepRefusedError(sentence, code="PLAN_ALTERED")
    return values


def _resources(
    application: Application, declared: DeclaredOperation, platform: Platform
) -> list[StackResource]:
    asks = any(one.startswith("resource.") for one in declared.runbook_parameters.values())
    return platform.stacks.resources(application.stack_id or "") if asks else []


def _physical(resources: list[StackResource], logical_id: str) -> str:
    found = next((one.physical_id for one in resources if one.logical_id == logical_id), None)
    if not found:
        raise StepRefusedError(f"The stack has no {logical_id}.", code="RESOURCE_GONE")
    return found


def _script_name(parameter: str) -> str:
    return f"{parameter}.sh"


def _forget_scripts(request: Request, platform: Platform) -> None:
    """What the user sent for the machines is not kept in their reach."""
    for source in declared_of(request, platform).runbook_parameters.values():
        kind, _, what = source.partition(".")
        if kind == "script":
            platform.operation_files.discard_script(folder_of(request), _script_name(what))


def await_runbook(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Store a token that waits for a runbook's end, then look whether it has come already.

    Args:
        event: `requestId`, `taskToken` and `purpose`: RUN, for one whose start was not answered, or
            STOP with `automationId`.

    Raises:
        CancelledError: somebody has asked to cancel, and it was to be run.
        UnavailableError: Systems Manager does not show it yet.
    """
    purpose, token = event["purpose"], event["taskToken"]
    request = platform.records.request(event["requestId"])
    automation_id = event.get("automationId") or _started_id(request, platform)
    wait = Wait(token, purpose, request.id)
    platform.waits.put(
        automation_id, token, request_id=request.id, purpose=wait.stored_purpose(),
        at=iso(platform.now()),
    )  # fmt: skip
    # After the token: whoever cancels marks the request before looking for a token.
    request = platform.records.patch_request(request.id, automation_id=automation_id)
    step = "AwaitRunbookStopped" if purpose == STOP else STEP
    doing = "Waiting for the runbook's end."
    timeline.waiting(platform, request.id, step, doing, timeline.STEPS[step].seconds)
    if purpose == RUN and request.cancel_requested_by:
        raise CancelledError("The request was cancelled.")
    settle_automation(automation_id, platform)
    return {}


def _started_id(request: Request, platform: Platform) -> str:
    found = started(request, platform)
    if found is None:
        raise UnavailableError("Systems Manager does not show the runbook's execution yet.")
    return found.id


def settle_automation(automation_id: str, platform: Platform) -> bool:
    """Answer whoever waits for a runbook, if it is at an end or is to be stopped.

    Called after storing a token, after events and by the sweep, in any order and any number of
    times: a token is answered once, and most often the runbook itself was first.

    Returns:
        Whether this call ended the wait.
    """
    found = platform.automations.read(automation_id)
    wait = wait_for(automation_id, platform)
    if found is None:
        return _settle_gone(automation_id, wait, platform)
    if not found.request_id:
        return False
    request = platform.records.request(found.request_id)
    if request.automation_id is None and not request.is_final:
        request = platform.records.patch_request(request.id, automation_id=found.id)
        doing = f"Systems Manager runs it as {found.id}."
        timeline.waiting(platform, request.id, "RunRunbook", doing, _USUAL_SECONDS)
    wait = wait or Wait(found.token, RUN, request.id)
    ended = _answer(found, wait, request, platform)
    if found.is_over:
        platform.waits.remove(automation_id, wait.token)
    return ended


def _settle_gone(automation_id: str, wait: Wait | None, platform: Platform) -> bool:
    """Systems Manager forgets executions after a while; one that it does not know does not run."""
    if wait is None:
        return False
    ended = (
        platform.workflows.answer(wait.token, {})
        if wait.purpose == STOP
        else platform.workflows.fail(
            wait.token, "RunbookFailed", f"{FAILED}: Systems Manager does not know it any more."
        )
    )
    platform.waits.remove(automation_id, wait.token)
    return ended


def _answer(found: Automation, wait: Wait, request: Request, platform: Platform) -> bool:
    workflows = platform.workflows
    if not wait.token:
        return False
    if not found.is_over:
        if wait.purpose == RUN and request.cancel_requested_by and not request.is_final:
            return workflows.fail(wait.token, "Cancelled", "The request was cancelled.")
        return False
    if wait.purpose == STOP or found.succeeded:
        return workflows.answer(wait.token, {})
    # What went wrong is read where it is told; the history need not know it.
    return workflows.fail(wait.token, "RunbookFailed", f"{FAILED}: The runbook failed.")


def keep_outcome(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Tell in the timeline what the machines said.

    Raises:
        UnavailableError: Systems Manager does not show the execution.
    """
    request = platform.records.request(event["requestId"])
    found = started(request, platform)
    if found is None:
        raise UnavailableError("Systems Manager does not show the runbook's execution.")
    if request.automation_id is None:
        platform.records.patch_request(request.id, automation_id=found.id)
    done = f"The runbook did {', '.join(_work_of(found))}."
    note(platform, request.id, "RunRunbook", done, StepStatus.SUCCEEDED)
    _tell_outputs(request, found, platform)
    _keep_diagnostics(request, platform)
    files = platform.operation_files.diagnostics(folder_of(request))
    if files:
        size = sum(one.size for one in files)
        ready = f"{counted(len(files), 'file')} with {size} bytes of diagnostics"
        return {"message": f"{ready}: autoprovision request diagnostics {request.id}"}
    return {}


def _work_of(found: Automation) -> list[str]:
    """The steps that went well, but for those that only answer the workflow."""
    return [name for name in found.done() if not name.startswith(_ANSWERS)]


def _tell_outputs(request: Request, found: Automation, platform: Platform) -> None:
    """What the machines said, without what looks like a secret."""
    for step in found.steps:
        for output in platform.automations.outputs(step.command_id) if step.command_id else ():
            status = StepStatus.INFO if output.status == "Success" else StepStatus.FAILED
            note(platform, request.id, step.name, told(output), status)


def _keep_diagnostics(request: Request, platform: Platform) -> None:
    """What the machines brought, without what looks like a secret."""
    files = platform.operation_files
    files.keep_diagnostics(folder_of(request), request.instances, without_secrets)


def end_operation(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """The request is SUCCEEDED and the application can be changed again, or nothing is.

    Raises:
        CancelledError: somebody has asked to cancel, and it is not too late.
    """
    request = platform.records.request(event["requestId"])
    if request.status is RequestStatus.SUCCEEDED:
        return {"message": request.message}
    _forget_scripts(request, platform)
    where = ", ".join(request.instances)
    message = f"{request.operation} is done on {where} of {request.application_name}."
    try:
        platform.records.succeed(request.id, message=message, at=iso(platform.now()))
    except ConflictError as error:
        if error.reason != "CANCEL_REQUESTED":
            raise
        raise CancelledError("The request was cancelled.") from error
    return {"message": message}


def begin_stopping(request: Request, platform: Platform) -> dict[str, Any]:
    """Whether the runbook still runs.

    Returns:
        `verdict` UNDO, and `automationId`, empty when there is nothing to stop.
    """
    found = started(request, platform)
    running = found is not None and not found.is_over
    if found is not None and request.automation_id is None:
        platform.records.patch_request(request.id, automation_id=found.id)
    return {"verdict": "UNDO", "automationId": found.id if found and running else ""}


def reworded(failure: Failure, request: Request, platform: Platform) -> Failure:
    """Why a runbook failed, in the words of its step that did."""
    found = started(request, platform) if failure.code == FAILED else None
    return failure._replace(message=why(found)[:MOST_MESSAGE]) if found else failure


def _try_to_keep_diagnostics(request: Request, platform: Platform) -> None:
    """The application is free again even when what its machines brought is lost."""
    try:
        _keep_diagnostics(request, platform)
    except AutoprovisionError as error:
        logger.warning("diagnostics not kept", extra={"requestId": request.id, "why": error.reason})
        lost = f"What the machines brought is not kept: {error.message}"
        note(platform, request.id, "CloseRequest", lost)


def stood(request: Request, platform: Platform) -> dict[str, Any]:
    """How the application stands after an operation that was not carried out to its end.

    What the runbook had done by then is told, because nothing of it is taken back.
    """
    found = started(request, platform)
    if found is not None:
        _tell_outputs(request, found, platform)
        _try_to_keep_diagnostics(request, platform)
        done = ", ".join(_work_of(found)) or "nothing"
        note(platform, request.id, "CloseRequest", f"Done by then, and not taken back: {done}.")
        token = platform.waits.of_request(request.id, found.id)
        if token:
            platform.waits.remove(found.id, token)
    _forget_scripts(request, platform)
    application = application_of(request, platform)
    if application.status is ApplicationStatus.AVAILABLE:
        # Only so that its reason tells of it; one that is TAINTED has a reason of its own.
        return {"status": application.status}
    return {}
