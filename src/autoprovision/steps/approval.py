"""ExpireApproval and AuthorizeLaunch: what a launch may rest on.

The answer to the task token only says that there is something to read; the approval itself is
read here, strongly consistent, and every signature is verified before anything is built.
"""

from typing import Any

from autoprovision.domain.approval import Approval, ApprovalStatus, delivered, void
from autoprovision.domain.approval_authority import authorize_launch as rests_on
from autoprovision.domain.approval_errors import (
    ApprovalClosedError,
    NotAuthorizedToLaunchError,
    NotDueError,
)
from autoprovision.domain.blueprint import PublishedBlueprint, PublishMethod
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.launch import launch as create_stack_arguments
from autoprovision.domain.plan import Plan
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.steps.errors import StepRefusedError
from autoprovision.steps.failure import explain
from autoprovision.steps.operation import begin_operation
from autoprovision.steps.plan import is_current
from autoprovision.steps.request import application_of
from autoprovision.steps.update import begin_change
from autoprovision.usecases import approvals

# A rollback takes as long as the create did, and CloudFormation may be late by some minutes.
_ROLLBACK_SHARE, _LATE_SECONDS = 2, 600
# What exists already is changed by states of its own; here it only begins.
_BEGINS = {"update": begin_change, "operate": begin_operation}
_ENDS = {
    ApprovalStatus.REJECTED: "Rejected",
    ApprovalStatus.EXPIRED: "Expired",
    ApprovalStatus.CANCELLED: "Cancelled",
}


def expire_approval(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Close the question as expired; a decision that came first wins."""
    try:
        approval = approvals.expire(event["requestId"], platform)
    except (ApprovalClosedError, NotDueError) as error:
        return {"message": error.message}
    if approval is None:
        return {"message": "The question was never opened."}
    return {"message": approval.closed_because or "The question is closed."}


def authorize_launch(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Decide whether exactly the request's plan is launched now.

    Args:
        event: `requestId` and `execution`, the workflow's execution that would launch.

    Returns:
        `decision`: LAUNCH, REASK or UNDO; `launch`: what LaunchStack and the states after it need;
        with UNDO also `failure`, as a caught error would be.

    Raises:
        StepRefusedError: a signature does not hold, the approval was used before, or the blueprint
            cannot be launched as planned.
    """
    request = platform.records.request(event["requestId"])
    if request.cancel_requested_by:
        return _undo("Cancelled")
    plan = _unaltered(request)
    platform.catalog.refresh()
    published = _published(plan, platform)
    if plan.approval.approvers_needed:
        refusal = _not_approved(request, plan, event["execution"], platform)
        if refusal is not None:
            return refusal
    if request.kind in _BEGINS:
        _BEGINS[request.kind](request, platform)
        return {"decision": "LAUNCH", "launch": {}}
    platform.records.move_request(
        request.id, RequestStatus.PROVISIONING, reason="LAUNCHING",
        message=_going_on(request, plan, platform), at=iso(platform.now()),
        expected={RequestStatus.SUBMITTED, RequestStatus.AWAITING_APPROVAL,
                  RequestStatus.PROVISIONING},
    )  # fmt: skip
    return {"decision": "LAUNCH", "launch": _launch(request, published, platform)}


def _unaltered(request: Request) -> Plan:
    """The plan, as it was sealed, over the changes that are kept with the request."""
    plan = request.plan
    if plan is None or plan.computed_digest() != plan.digest:
        raise StepRefusedError("The plan was altered.", code="PLAN_ALTERED")
    shown = request.preview.changes_digest if request.preview else None
    if plan.changes != shown:
        raise StepRefusedError("What the plan changes was altered.", code="PLAN_ALTERED")
    return plan


def _going_on(request: Request, plan: Plan, platform: Platform) -> str:
    """What the requester reads: who said yes, and what happens now."""
    approval = platform.approvals.get(request.id) if plan.approval.approvers_needed else None
    said = f"{approval.answer} " if approval else ""
    return f"{said}It is being provisioned; the timeline says how far it is."


def _undo(error: str) -> dict[str, Any]:
    """Back, without a word of why: who decided and what they said stays out of the history."""
    return {
        "decision": "UNDO",
        "launch": {},
        "failure": {"Error": error, "Cause": ""},
        "message": f"It is not launched: {error.lower()}.",
    }


def _ended(approval: Approval, platform: Platform) -> dict[str, Any]:
    """The question ended otherwise: keep with the request how, in the words of whoever ended it."""
    error = _ENDS[approval.status]
    why = explain({"Error": error, "Cause": approval.answer or approval.status.value})
    platform.records.patch_request(approval.request_id, failure=why.kept())
    return _undo(error)


def _reask(message: str) -> dict[str, Any]:
    return {"decision": "REASK", "launch": {}, "message": message}


def _not_approved(
    request: Request, plan: Plan, execution: str, platform: Platform
) -> dict[str, Any] | None:
    """Why the approval does not allow the launch; None when it does, and is used up then."""
    approval = platform.approvals.get(request.id)
    if approval is None:
        return _reask("Nobody was asked yet.")
    if approval.status in _ENDS:
        _mark_delivered(approval, platform)
        return _ended(approval, platform)
    if approval.status is not ApprovalStatus.APPROVED:
        return _reask("The question has not been decided.")
    if approval.used_at is None and not is_current(request, platform):
        return _ask_anew(approval, "What was approved is not what would be built today.", platform)
    return _use(approval, plan, execution, platform)


def _use(
    approval: Approval, plan: Plan, execution: str, platform: Platform
) -> dict[str, Any] | None:
    try:
        used, statements = rests_on(
            approval, plan_digest=plan.digest, execution=execution, now=platform.now()
        )
    except NotAuthorizedToLaunchError as error:
        if approval.used_at is not None:
            raise StepRefusedError(error.message, code="APPROVAL_USED") from error
        return _ask_anew(approval, error.message, platform)
    if not statements or not all(
        platform.signer.verify(one.payload, one.signature, one.key_id) for one in statements
    ):
        raise StepRefusedError(
            "The signature of a decision does not hold; nothing was launched.",
            code="SIGNATURE_INVALID",
        )
    used = delivered(used, platform.now())
    if used.version != approval.version:
        platform.approvals.save(used, expected_version=approval.version)
    return None


def _ask_anew(approval: Approval, because: str, platform: Platform) -> dict[str, Any]:
    voided = void(approval, because, platform.now())
    platform.approvals.save(voided, expected_version=approval.version)
    approvals.tell_void(voided, platform)
    return _reask(because)


def _mark_delivered(approval: Approval, platform: Platform) -> None:
    noted = delivered(approval, platform.now())
    if noted.version != approval.version:
        platform.approvals.save(noted, expected_version=approval.version)


def _published(plan: Plan, platform: Platform) -> PublishedBlueprint:
    """The blueprint version that was planned, as it was planned."""
    try:
        published = platform.catalog.version(plan.blueprint, plan.version)
    except NotFoundError as error:
        raise StepRefusedError(error.message, code="BLUEPRINT_WITHDRAWN") from error
    if published.digest != plan.blueprint_digest:
        raise StepRefusedError(
            f"{plan.blueprint} {plan.version} is not what was planned.", code="BLUEPRINT_ALTERED"
        )
    return published


def _launch(request: Request, published: PublishedBlueprint, platform: Platform) -> dict[str, Any]:
    manifest = published.manifest
    arguments = create_stack_arguments(
        request, application_of(request, platform), minutes=manifest.minutes_to_create
    )
    seconds = manifest.minutes_to_create * 60 * _ROLLBACK_SHARE + _LATE_SECONDS
    # Where nothing of it can run there is nothing to put code on.
    is_bare = request.plan is not None and request.plan.control_plane_only
    method = PublishMethod.NONE if is_bare else manifest.publish.method
    return {**arguments, "awaitSeconds": seconds, "publishMethod": method.value}
