"""PreparePlan: the plan that goes on is intact and is still today's plan.

An approval is of one plan. When catalog, price or policy moved since, the plan is made anew and
the question is asked anew; nothing stale is ever launched.
"""

from datetime import timedelta
from typing import Any

from autoprovision.domain.approval import ApprovalStatus, void
from autoprovision.domain.clock import iso
from autoprovision.domain.events import EventName
from autoprovision.domain.plan import Plan
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.steps import timeline
from autoprovision.steps.errors import StepRefusedError
from autoprovision.steps.request import application_of, wanted
from autoprovision.usecases import plans, updates
from autoprovision.usecases.timeline import note

_FORWARD = frozenset(
    {RequestStatus.SUBMITTED, RequestStatus.AWAITING_APPROVAL, RequestStatus.PROVISIONING}
)
_BACK = frozenset({RequestStatus.COMPENSATING, RequestStatus.NEEDS_OPERATOR})
# The state's own limit lies a little behind the question's: whoever comes first, ExpireApproval
# looks whether a decision was made in time, and the question is over only then.
_MARGIN = timedelta(seconds=2)


def prepare_plan(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Check the plan, and make it anew when it is not today's.

    Returns:
        `verdict`: READY, ASK, ENDED or UNDO; with ASK also `planDigest`, `expiresAt` and
        `approvalSeconds`.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        StepRefusedError: the plan was altered, or is refused by today's policy.
        InvalidInputError: it is not offered any more.
        OverQuotaError: it costs more today than the unit has left.
    """
    standing = platform.records.request(event["requestId"])
    if standing.is_final:
        return {"verdict": "ENDED", "message": standing.message}
    if standing.status in _BACK or standing.execution > 0:
        # A second execution only ever takes back what the first one left.
        return {"verdict": "UNDO", "message": "This request is on its way back."}
    request = wanted(event, platform)
    # Another function may have seen a newer catalog or policy than this one keeps.
    platform.catalog.refresh()
    plan = _intact(request)
    if not is_current(request, platform):
        plan = _replace(request, platform)
    if request.preview is not None and request.preview.loses_data:
        plan = _judge_losses(request, platform)
    if plan.approval.verdict == "REFUSED":
        raise StepRefusedError(
            "The approval policy refuses this now: " + " ".join(plan.approval.reasons),
            code="REFUSED_BY_POLICY",
        )
    if plan.approval.approvers_needed == 0:
        return {"verdict": "READY", "planDigest": plan.digest}
    return _ask(request, plan, platform)


def is_current(request: Request, platform: Platform) -> bool:
    """Whether what an approval of the plan rests on is the same today."""
    assert request.plan is not None, "checked before"  # noqa: S101
    return plans.current_basis(request, platform) == request.plan.basis


def _intact(request: Request) -> Plan:
    plan = request.plan
    if plan is None or plan.computed_digest() != plan.digest:
        raise StepRefusedError(
            "The plan is not what it was when it was made; submit the request again.",
            code="PLAN_ALTERED",
        )
    return plan


def _replace(request: Request, platform: Platform) -> Plan:
    if request.kind != "provision":
        raise StepRefusedError(
            f"The prices or the policy changed since the {request.kind} was asked for; ask again.",
            code="PLAN_OUTDATED",
        )
    new = plans.replan(request, platform)
    application = application_of(request, platform)
    platform.records.patch_application(
        application.id,
        version=new.version,
        blueprint_digest=new.blueprint_digest,
        parameters=new.parameters,
        monthly_credits=new.monthly_credits,
    )
    _void_approval(request, platform)
    # Last, because it is what makes the plan current: whatever fails before is done again.
    platform.records.replace_plan(request.id, new, at=iso(platform.now()))
    return new


def _judge_losses(request: Request, platform: Platform) -> Plan:
    """Let the policy judge that the update loses data, which only its change set could tell."""
    judged = updates.judged_with_losses(request, platform)
    plan = judged.plan
    if request.preview is not None and plan.digest != request.preview.plan_digest:
        shown = request.preview.with_(plan_digest=plan.digest, approval=plan.approval)
        platform.records.patch_request(
            request.id, plan=plan, preview=shown, facts=judged.facts.document()
        )
    return plan


def _void_approval(request: Request, platform: Platform) -> None:
    """Take the question back that was about the plan before."""
    because = "The catalog, the prices or the policy changed, so the plan was made anew."
    approval = platform.approvals.get(request.id)
    open_or_given = {ApprovalStatus.OPEN, ApprovalStatus.APPROVED}
    if approval is not None and approval.status in open_or_given and approval.used_at is None:
        voided = void(approval, because, platform.now())
        platform.approvals.save(voided, expected_version=approval.version)
        platform.events.publish(EventName.APPROVAL_VOIDED, event_detail(request, platform))
    note(platform, request.id, "PreparePlan", because)


def _ask(request: Request, plan: Plan, platform: Platform) -> dict[str, Any]:
    people = "Two people" if plan.approval.approvers_needed > 1 else "A person"
    message = f"{people} must approve this: " + " ".join(plan.approval.reasons)
    now = platform.now()
    platform.records.move_request(
        request.id, RequestStatus.AWAITING_APPROVAL, reason=plan.approval.verdict,
        message=message, at=iso(now), expected=_FORWARD,
    )  # fmt: skip
    expires_at = platform.settings.calendar.expiry(now, request.target_environment)
    timeline.waiting(
        platform, request.id, "AskApproval", message, int((expires_at - now).total_seconds())
    )
    return {
        "verdict": "ASK",
        "planDigest": plan.digest,
        "expiresAt": iso(expires_at),
        "approvalSeconds": int((expires_at - now + _MARGIN).total_seconds()),
        "message": message,
    }


def event_detail(request: Request, platform: Platform, **more: Any) -> dict[str, Any]:
    """What an event says of a request: ids and states, no address and no secret."""
    detail = {
        "requestId": request.id,
        "applicationId": request.application_id,
        "applicationName": request.application_name,
        "targetEnvironment": request.target_environment,
        "businessUnit": request.business_unit,
        "status": request.status.value,
        "reason": request.reason,
        "url": request.url,
        "at": iso(platform.now()),
        **more,
    }
    return {key: value for key, value in detail.items() if value is not None}
