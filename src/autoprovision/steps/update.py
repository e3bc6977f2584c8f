"""An update's own steps: prepare it, await its change set, commit it, and take it back.

Forward: the change set is made first, what it does is kept with the request for whoever approves,
and exactly it is executed. Back: CloudFormation takes a failed update back by itself; one that
failed afterwards (the code, the URL) is taken back by an update to how the stack stood before.
"""

from typing import Any

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.blueprint import PublishMethod
from autoprovision.domain.change import (
    ChangeSet,
    LastGood,
    cloudformation_parameters,
)
from autoprovision.domain.clock import iso
from autoprovision.domain.plan import Plan
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.stack import Stack, StackOutcome, outcome
from autoprovision.ports import Platform
from autoprovision.steps.errors import ChangeSetPendingError, StepRefusedError
from autoprovision.steps.request import application_of, wanted
from autoprovision.steps.url import without_url
from autoprovision.usecases.timeline import note
from autoprovision.usecases.updates import (
    LIVE_PATH,
    arguments_for,
    live_parameters,
    preview_of,
    standing,
)

_S = RequestStatus
_BACK = frozenset({_S.COMPENSATING, _S.NEEDS_OPERATOR})
_FORWARD = frozenset({_S.SUBMITTED, _S.AWAITING_APPROVAL, _S.PROVISIONING})
# A rollback takes as long as the update did, and CloudFormation may be late by some minutes.
_ROLLBACK_SHARE, _LATE_SECONDS = 2, 600
_EXECUTING = "EXECUTE_IN_PROGRESS"


def prepare_update(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Note how the stack stands, and say what CreateChangeSet is called with.

    Returns:
        `verdict`: CHANGE, PUBLISH (only the code), ENDED or UNDO; `change`: the change set's
        arguments, and what the states after it need.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        StepRefusedError: the plan was altered, or another request has the application.
    """
    seen = platform.records.request(event["requestId"])
    if seen.is_final:
        return {"verdict": "ENDED", "message": seen.message}
    if seen.status in _BACK or seen.execution > 0:
        return {"verdict": "UNDO", "message": "This request is on its way back."}
    request = wanted(event, platform)
    application = application_of(request, platform)
    if application.operation != request.id:
        raise StepRefusedError("Another request changes the application.", code="NOT_OURS")
    stack = standing(application, platform)
    if request.last_good is None:
        last_good = _last_good(application, stack, platform)
        request = platform.records.patch_request(request.id, last_good=last_good)
    if request.publishes_only:
        begin_change(request, platform)
        version = platform.catalog.version(application.blueprint, application.version)
        method = version.manifest.publish.method.value
        return {"verdict": "PUBLISH", "change": {"stackId": stack.id, "publishMethod": method}}
    return {"verdict": "CHANGE", "change": _change(request, application, stack, platform)}


def _last_good(application: Application, stack: Stack, platform: Platform) -> LastGood:
    version = platform.catalog.version(application.blueprint, application.version)
    publish = version.manifest.publish
    live = live_parameters(publish, stack, platform)
    return LastGood(
        changed_at=stack.changed_at, template_url=version.template_url,
        capabilities=version.manifest.capabilities, parameters={**stack.parameters, **live},
        target="" if publish.method is PublishMethod.NONE else publish.target,
        live_path=live.get(LIVE_PATH, ""), release=application.release,
    )  # fmt: skip


def _change(
    request: Request, application: Application, stack: Stack, platform: Platform
) -> dict[str, Any]:
    plan = _intact(request)
    manifest = platform.catalog.version(plan.blueprint, plan.version).manifest
    becoming = application.with_(secret_arn=request.secret_arn or application.secret_arn)
    seconds = manifest.minutes_to_create * 60 * _ROLLBACK_SHARE + _LATE_SECONDS
    method = PublishMethod.NONE if plan.control_plane_only else manifest.publish.method
    return {
        **arguments_for(plan, becoming, stack, platform),
        "awaitSeconds": seconds,
        "publishMethod": method.value,
        "clientRequestToken": request.id.replace("_", "-"),
    }


def _intact(request: Request) -> Plan:
    plan = request.plan
    if plan is None or plan.computed_digest() != plan.digest:
        raise StepRefusedError("The plan was altered.", code="PLAN_ALTERED")
    return plan


def await_change_set(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Keep what the change set does with the request and its plan, once CloudFormation knows it.

    Args:
        event: `requestId`, `stackId` and `changeSetName`.

    Returns:
        `empty`: whether the stack stays as it is.

    Raises:
        ChangeSetPendingError: CloudFormation is still at it; the state asks again.
        StepRefusedError: CloudFormation refuses the change, or it is not the one that was shown.
    """
    request = wanted(event, platform)
    found = platform.change_sets.find(event["stackId"], event["changeSetName"])
    if found is None or not (found.is_ready or found.has_failed):
        raise ChangeSetPendingError("CloudFormation is working out what the change does.")
    if found.has_failed:
        said = f"CloudFormation does not take the change: {found.reason}"
        raise StepRefusedError(said, code="CHANGE_REFUSED")
    application = application_of(request, platform)
    now = preview_of(_intact(request), found, application, platform)
    if request.preview is not None and request.preview.change_set != now.change_set:
        raise StepRefusedError(
            "The stack has changed since the preview; look at a new one.", code="STALE_PREVIEW"
        )
    # Whoever says yes says it to this digest, so that what they saw is what is executed.
    plan = _intact(request).changing(now.changes_digest)
    platform.records.patch_request(
        request.id, plan=plan, preview=now.with_(plan_digest=plan.digest)
    )
    effects = [f"{one.logical_id} {one.effect}" for one in now.changes]
    message = ", ".join(effects) + "." if effects else "The stack stays as it is."
    if now.loses_data:
        message += f" It loses {', '.join(now.loses_data)}."
    return {"empty": not now.change_set, "message": message}


def adopt_execution(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """The change set cannot be executed any more: because it was, and only the answer was lost?

    Raises:
        StepRefusedError: it was not; the stack moved since it was made.
    """
    found = platform.change_sets.find(event["stackId"], event["changeSetName"])
    if found is None or not found.was_executed:
        raise StepRefusedError(
            "The stack has changed since the preview; ask for the update again.",
            code="STALE_CHANGE_SET",
        )
    return {"stackId": event["stackId"]}


def begin_change(request: Request, platform: Platform) -> None:
    """From here on the application is being changed."""
    doing = f"{request.application_name} is being updated."
    platform.records.move_request(
        request.id, _S.PROVISIONING, reason="UPDATING", message=doing, at=iso(platform.now()),
        expected=_FORWARD,
    )  # fmt: skip
    platform.records.patch_application(
        request.application_id or "", status=ApplicationStatus.UPDATING, reason="UPDATING",
        message=doing,
    )  # fmt: skip


def commit(request: Request, stack: Stack, url: str, platform: Platform) -> str:
    """Make the application what the update asked for; what it held more is committed."""
    application = application_of(request, platform)
    at = iso(platform.now())
    what = "has its newest code" if request.publishes_only else "is updated"
    message = f"{application.application_name} {what} and answers at {url}."
    changes: dict[str, Any] = {
        "status": ApplicationStatus.AVAILABLE, "reason": "UPDATED", "url": url,
        "outputs": stack.outputs,
    }  # fmt: skip
    plan = request.plan
    if plan is not None:
        changes |= {
            "version": plan.version, "blueprint_digest": plan.blueprint_digest,
            "parameters": plan.parameters, "template": request.template,
            "tech_stack": request.tech_stack, "project_email": request.project_email or "",
            "project_url": str(request.template.get("ProjectURL") or "") or None,
            "secret_arn": request.secret_arn or application.secret_arn,
        }  # fmt: skip
    changes |= {"message": message, **(without_url(request, stack) or {})}
    platform.records.succeed(request.id, at=at, **changes)
    return str(changes["message"])


def begin_restoring(request: Request, platform: Platform) -> dict[str, Any]:
    """What it takes to bring the stack back to how it stood.

    Returns:
        `verdict` UNDO, `stackId`, and `action`: NONE, SETTLE (CloudFormation is at it), CONTINUE
        (its own way back got stuck) or RESTORE with `restore`, the arguments of UpdateStack.
    """
    good = request.last_good
    stack = platform.stacks.find(request.stack_id) if request.stack_id else None
    answer: dict[str, Any] = {"verdict": "UNDO", "stackId": request.stack_id or "",
                              "action": "NONE", "restore": {}}  # fmt: skip
    if good is None or stack is None:
        return answer
    if outcome(stack.status) is StackOutcome.IN_PROGRESS:
        return {**answer, "action": "SETTLE"}
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return {**answer, "action": "CONTINUE"}
    found = _executed(request, stack, platform)
    if found is None:
        return answer
    if found.execution == _EXECUTING and stack.changed_at == good.changed_at:
        return {**answer, "action": "SETTLE"}
    return {**answer, **_restoring(request, good, stack, platform)}


def _executed(request: Request, stack: Stack, platform: Platform) -> ChangeSet | None:
    """The request's change set, if it was executed, however that went."""
    name = request.preview.change_set if request.preview else ""
    found = platform.change_sets.find(stack.id, name) if name else None
    return found if found is not None and found.was_executed else None


def _restoring(
    request: Request, good: LastGood, stack: Stack, platform: Platform
) -> dict[str, Any]:
    if not _needs_restoring(request, good, stack):
        return {}
    patched = good.with_(restored_from=stack.changed_at)
    platform.records.patch_request(request.id, last_good=patched)
    return {"action": "RESTORE", "restore": {
        "templateUrl": good.template_url, "capabilities": list(good.capabilities),
        "parameters": cloudformation_parameters(good.parameters),
    }}  # fmt: skip


def _needs_restoring(request: Request, good: LastGood, stack: Stack) -> bool:
    """Whether the stack is as the update left it; only our own update back ends otherwise.

    An update that only told the stack which release is live has left nothing to take back, and
    CloudFormation would refuse to do nothing.
    """
    if good.restored_from:
        came_back = stack.changed_at != good.restored_from and stack.status == "UPDATE_COMPLETE"
        return not came_back
    if stack.changed_at == good.changed_at or outcome(stack.status) is not StackOutcome.DONE:
        return False
    became = request.plan.template_url if request.plan else good.template_url
    return became != good.template_url or stack.parameters != good.parameters


def restored(request: Request, platform: Platform, *, code: str) -> dict[str, Any]:
    """How the application stands after its update was taken back.

    Raises:
        StepRefusedError: the stack is not as it was: an operator is needed.
    """
    application = application_of(request, platform)
    good = request.last_good
    stack = platform.stacks.find(request.stack_id) if request.stack_id else None
    if good is not None and stack is not None and good.restored_from:
        wanted_ = {key: value for key, value in good.parameters.items() if key != LIVE_PATH}
        differing = sorted(k for k, v in wanted_.items() if stack.parameters.get(k) != v)
        if differing:
            raise StepRefusedError(
                f"The stack was not taken back: {', '.join(differing)} differ.",
                code="NOT_RESTORED",
            )
    changes: dict[str, Any] = {"release": good.release} if good else {}
    if application.status in {ApplicationStatus.UPDATING, ApplicationStatus.ERROR}:
        tainted = code != "CANCELLED"
        status = ApplicationStatus.TAINTED if tainted else ApplicationStatus.AVAILABLE
        changes["status"] = status
    note(platform, request.id, "CloseRequest", "The application is as it was.")
    return changes
