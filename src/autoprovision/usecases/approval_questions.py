"""The platform's side of an approval: open the question, tell the approvers, remind, escalate.

A message of the approval queue may come twice and late, and a request may be cancelled or planned
anew while it is under way; each of these ends in a question that is right or in a woken workflow.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, Literal

from autoprovision.domain import approval as rules
from autoprovision.domain.actor import Role
from autoprovision.domain.approval import Approval, ApprovalStatus
from autoprovision.domain.approval_times import Escalate, Expire, Reminder, due, escalated, reminded
from autoprovision.domain.clock import iso, moment
from autoprovision.domain.counted import counted
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.events import EventName
from autoprovision.domain.plan import Plan
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.user import User
from autoprovision.mails import render
from autoprovision.ports import Platform
from autoprovision.usecases.approvals import cancel, deliver, expire, tell_void
from autoprovision.usecases.plans import current_basis
from autoprovision.usecases.timeline import note

logger = logging.getLogger(__name__)

_WAKE: dict[str, Any] = {"status": "NOTHING_TO_ASK"}
_SOONEST = timedelta(seconds=1)


def open_question(
    request_id: str, plan_digest: str, token: str, platform: Platform, *, expires_at: str
) -> None:
    """Open the question that a workflow asks, and tell the approvers.

    Args:
        plan_digest: the plan that is asked about.
        token: wakes the workflow; whoever closes the question answers it.
        expires_at: when the question expires, as the workflow reckons it.

    Raises:
        UnavailableError, BusyError: to be tried again; everything here is safe to repeat.
    """
    request = platform.records.request(request_id)
    if not _is_asked(request, plan_digest):
        platform.workflows.answer(token, _WAKE)
        return
    existing = platform.approvals.get(request_id)
    if existing is not None and _is_answer(existing, plan_digest):
        platform.workflows.answer(token, {"status": existing.status.value})
        return
    approval = _question(request, existing, moment(expires_at), platform)
    opened = platform.approvals.open(approval, token)
    _tell(opened, request, platform)
    # A cancel that came while it was not open yet found nothing to close.
    request = platform.records.request(request_id)
    if request.cancel_requested_by:
        cancel(request, platform, by=request.cancel_requested_by)


def _is_asked(request: Request, plan_digest: str) -> bool:
    return (
        request.status is RequestStatus.AWAITING_APPROVAL
        and request.plan is not None
        and request.plan.digest == plan_digest
        and not request.cancel_requested_by
    )


def _is_answer(existing: Approval, plan_digest: str) -> bool:
    """Whether the question is closed already, about this plan: only the wake-up was lost."""
    closed = {
        ApprovalStatus.APPROVED, ApprovalStatus.REJECTED, ApprovalStatus.EXPIRED,
        ApprovalStatus.CANCELLED,
    }  # fmt: skip
    return existing.status in closed and existing.plan_digest == plan_digest


def _question(
    request: Request, existing: Approval | None, expires_at: datetime, platform: Platform
) -> Approval:
    plan = request.plan
    assert plan is not None, "checked before"  # noqa: S101
    now = platform.now()
    expires_at = max(expires_at, now + _SOONEST)
    needed: Literal[1, 2] = 2 if plan.approval.approvers_needed > 1 else 1
    asked = question_text(request, plan)
    if existing is not None and existing.is_open and existing.plan_digest == plan.digest:
        return existing
    if existing is not None:
        if existing.status is not ApprovalStatus.VOID:
            existing = rules.void(existing, "The plan was made anew.", now)
        return rules.ask_anew(
            existing, plan_digest=plan.digest, question=asked, approvers_needed=needed, now=now,
            expires_at=expires_at,
        )  # fmt: skip
    return Approval(
        request_id=request.id, plan_digest=plan.digest, approvers_needed=needed, question=asked,
        opened_at=now, expires_at=expires_at, submitted_by=request.submitted_by_id,
        submitted_by_email=request.submitted_by, business_unit=request.business_unit or "",
    )  # fmt: skip


def question_text(request: Request, plan: Plan) -> str:
    """The question in one sentence, with what it costs and why it is asked."""
    cost = f"${plan.monthly_credits / 100:,.2f}"
    why = " ".join(plan.approval.reasons)
    if request.kind == "operate":
        where = f"{request.application_name} in {request.target_environment}"
        machines = f"{counted(len(request.instances), 'machine')} of {where}"
        return f"May {request.submitted_by} do {request.operation} on {machines}? {why}".strip()
    if request.kind == "update":
        where = f"{plan.blueprint} {plan.version} in {request.target_environment}"
        return (
            f"May {request.submitted_by} update {request.application_name} ({where}), then for "
            f"{cost} a month, paid by {request.business_unit}? {why}"
        ).strip()
    return (
        f"May {request.submitted_by} have {request.application_name} ({plan.blueprint} in "
        f"{request.target_environment}) for {cost} a month, paid by {request.business_unit}? {why}"
    ).strip()


def _tell(approval: Approval, request: Request, platform: Platform) -> None:
    people = approvers_for(approval, platform)
    for person in people:
        _mail(person, approval, request, platform, about=f"{approval.round}#{person.id}")
    if not people:
        _nobody(approval, platform)
    platform.events.publish(
        EventName.APPROVAL_REQUESTED,
        {
            "requestId": request.id, "applicationId": request.application_id,
            "applicationName": request.application_name,
            "targetEnvironment": request.target_environment,
            "businessUnit": request.business_unit, "status": request.status.value,
            "reason": request.reason, "planDigest": approval.plan_digest,
            "question": approval.round, "approversNeeded": approval.approvers_needed,
            "blueprint": request.plan.blueprint if request.plan else None,
            "monthlyCredits": request.plan.monthly_credits if request.plan else None,
            "expiresAt": iso(approval.expires_at),
            "at": iso(platform.now()),
        },
    )  # fmt: skip


def _nobody(approval: Approval, platform: Platform) -> None:
    message = f"Nobody can approve for {approval.business_unit}; an admin has to name somebody."
    note(platform, approval.request_id, "AskApproval", message)
    platform.operators.tell(f"Nobody can approve {approval.request_id}", message)


def approvers_for(
    approval: Approval, platform: Platform, *, escalated_too: bool = False
) -> list[User]:
    """Who is told: the unit's approvers, and admins when there are none or it escalated."""
    own = approval.submitted_by_email.casefold()
    people = [
        one
        for one in platform.users.approvers(approval.business_unit)
        if one.id != approval.submitted_by and one.email.casefold() != own
    ]
    nearest = [one for one in people if one.role is not Role.ADMIN]
    told = people if escalated_too or not nearest else nearest
    return _with_stand_ins(told, approval, platform)


def _with_stand_ins(people: list[User], approval: Approval, platform: Platform) -> list[User]:
    """Whoever is away still gets the mail, and so does who decides for them meanwhile."""
    given = platform.delegations.given_by([one.id for one in people])
    holding = (one.to_user for one in given if one.holds(platform.now()))
    others = {one.id: one for one in people}
    for user_id in holding:
        person = others.get(user_id) or platform.users.get(user_id)
        if person and person.status == "ACTIVE" and person.id != approval.submitted_by:
            others[person.id] = person
    return list(others.values())


def _mail(
    person: User, approval: Approval, request: Request, platform: Platform, *, about: str
) -> None:
    values: dict[str, Any] = {"request": request, "approval": approval, "plan": request.plan}
    values |= _link(platform)
    if request.operation:
        values["plan_cost"] = ""  # of the application, which goes on costing what it does
    if request.preview:
        values["preview"] = request.preview
    platform.mailer.send(
        render("approval-requested", values, to=person.email, request_id=request.id, about=about)
    )


def _link(platform: Platform) -> dict[str, str]:
    portal = platform.settings.portal_url.rstrip("/")
    return {"portal": portal} if portal else {}


def _is_stale(approval: Approval, platform: Platform) -> bool:
    """Whether what the question asks about is not what would be built today."""
    if not approval.is_open or platform.now() >= approval.expires_at:
        return False
    request = platform.records.request(approval.request_id)
    return request.plan is not None and current_basis(request, platform) != request.plan.basis


def withdraw(approval: Approval, platform: Platform) -> None:
    """Take a question back whose plan has moved; the workflow makes the plan anew and asks again.

    A decision that comes first stands: it is looked at before anything is launched.
    """
    try:
        because = "The catalog, the prices or the policy changed."
        voided = rules.void(approval, because, platform.now())
        voided = platform.approvals.save(voided, expected_version=approval.version)
    except ConflictError as error:
        logger.info("not taken back", extra={"requestId": approval.request_id, "why": error.reason})
        return
    tell_void(voided, platform)
    deliver(voided, platform)


def tend(approval: Approval, platform: Platform) -> None:
    """Do what is due on an open question: a reminder, the next group, or its end.

    Mails go out before they are noted: a crash in between repeats a mail that is sent once only.
    """
    if _is_stale(approval, platform):
        withdraw(approval, platform)
        return
    for task in due(approval, platform.now(), platform.settings.calendar):
        try:
            approval = _do(task, approval, platform)
        except ConflictError as error:
            # Somebody decided meanwhile; then nothing is due any more.
            logger.info(
                "nothing due any more",
                extra={"requestId": approval.request_id, "why": error.reason},
            )
            return


def _do(task: Reminder | Escalate | Expire, approval: Approval, platform: Platform) -> Approval:
    if isinstance(task, Expire):
        return expire(approval.request_id, platform) or approval
    request = platform.records.request(approval.request_id)
    escalates = isinstance(task, Escalate)
    for person in approvers_for(approval, platform, escalated_too=escalates):
        kind = "escalation" if isinstance(task, Escalate) else f"reminder-{task.number}"
        about = f"{approval.round}#{kind}#{person.id}"
        _mail(person, approval, request, platform, about=about)
    changed = (
        escalated(approval, platform.now())
        if isinstance(task, Escalate)
        else reminded(approval, task)
    )
    if changed.version == approval.version:
        return approval
    return platform.approvals.save(changed, expected_version=approval.version)


def redeliver(platform: Platform, *, limit: int) -> int:
    """Tell workflows of closed questions whose answer they have not taken.

    Returns:
        How many there were.
    """
    waiting = platform.approvals.undelivered(limit=limit)
    for approval in waiting:
        deliver(approval, platform)
    return len(waiting)
