"""Approvals: list, show, decide; and how a question closes without anybody deciding.

Whatever closes a question goes the same way: move it by the rules of `domain.approval`, write it
over the version that was read, then tell the workflow that there is an answer. When telling fails,
the sweep tells it again.
"""

import logging
from collections.abc import Callable
from typing import Any

from autoprovision.domain import approval as rules
from autoprovision.domain.actor import Actor, units_within
from autoprovision.domain.approval import Approval, ApprovalStatus, Decision, DecisionKind
from autoprovision.domain.approval_authority import check_may_decide, signing_payload
from autoprovision.domain.approval_errors import ApprovalClosedError, NoDelegationError
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import (
    AutoprovisionError,
    BusyError,
    ConflictError,
    NotFoundError,
)
from autoprovision.domain.events import EventName
from autoprovision.domain.moment import to_moment
from autoprovision.domain.request import Request
from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Page, Platform
from autoprovision.usecases.delegations import away_for
from autoprovision.usecases.timeline import note

logger = logging.getLogger(__name__)

_STEP = "AskApproval"
_REREADS = 5
_MOST_REDRIVEN = 200
# A page of open approvals is filtered by unit; so many stored pages are read to fill it.
_STORED_PAGES = 10


def list_approvals(
    actor: Actor, platform: Platform, *, limit: int, after: str | None
) -> Page[dict[str, Any]]:
    """Open approvals that this person may look at, oldest first.

    A page may be short although there are more: `next` says so.
    """
    units = _reach(actor, "approval.list", platform)
    found: list[Approval] = []
    for _ in range(_STORED_PAGES):
        page = platform.approvals.list_open(limit=limit - len(found), after=after)
        found += [one for one in page.items if units is None or one.business_unit in units]
        after = page.next
        if after is None or len(found) >= limit:
            break
    shown = (_shown(one, platform.records.request(one.request_id)) for one in found)
    return Page(tuple(shown), after)


def show(actor: Actor, request_id: str, platform: Platform) -> dict[str, Any]:
    """An approval with the plan that it is about. Raises NotFoundError."""
    approval = _within_reach(actor, "approval.show", request_id, platform)
    return _shown(approval, platform.records.request(request_id))


def decide(
    actor: Actor,
    request_id: str,
    platform: Platform,
    *,
    decision: str,
    comment: str,
    plan_digest: str,
    on_behalf_of: str | None = None,
) -> dict[str, Any]:
    """Take a person's signed decision about the plan that they saw.

    Args:
        on_behalf_of: e-mail address of the person who is away and delegated to this one; None for
            their own authority, or where that does not reach for whoever's does.

    Raises:
        ForbiddenError: the role may not decide, or it is their own request.
        NotFoundError: there is no such approval, or its unit is out of reach.
        ConflictError: closed, expired, another plan, or decided by this person already.
        InvalidInputError: a rejection without a comment.
        BusyError: others always came first; nothing was decided.
    """
    away = _authority(actor, request_id, on_behalf_of, platform)

    def move(approval: Approval) -> Approval:
        if not approval.is_open:
            raise rules.closed_error(approval)
        known = platform.delegations.given_by(_concerned(approval, actor, away))
        check_may_decide(actor.id, approval, known, platform.now(), on_behalf_of=away)
        said = Decision(
            decision=DecisionKind(decision), by=actor.id, by_email=actor.email,
            at=to_moment(platform.now()), plan_digest=plan_digest, comment=comment,
            on_behalf_of=away,
        )  # fmt: skip
        # The rules first: nothing that is refused gets a signature.
        rules.decide(approval, said, platform.now())
        signature, key_id = platform.signer.sign(signing_payload(approval, said))
        signed = said.with_(signature=signature, key_id=key_id)
        return rules.decide(approval, signed, platform.now())

    approval = _change(request_id, move, platform)
    _tell_decision(approval, actor, platform)
    request = platform.records.request(request_id)
    if not approval.is_open:
        deliver(approval, platform)
    if approval.status is ApprovalStatus.APPROVED:
        platform.events.publish(EventName.REQUEST_APPROVED, _event(approval, request, platform))
    return _shown(approval, request)


def _authority(
    actor: Actor, request_id: str, on_behalf_of: str | None, platform: Platform
) -> str | None:
    """Id of the person in whose name it is decided; None for the actor's own authority.

    Raises:
        NoDelegationError: the person who is named has not delegated, or does not decide here.
        NotFoundError: there is no such approval, or nobody's authority reaches it.
    """
    approval = _within_reach(actor, "approval.decide", request_id, platform)
    own = units_within(actor, "approval.decide")
    if on_behalf_of is None and (own is None or approval.business_unit in own):
        return None
    wanted = None if on_behalf_of is None else on_behalf_of.casefold()
    for person in away_for(actor, platform):
        if wanted in (None, person.email.casefold()) and person.decides_for(approval.business_unit):
            return person.id
    raise NoDelegationError(
        f"{on_behalf_of} has not delegated to you, no longer does, or does not decide for "
        f"{approval.business_unit}."
    )


def _concerned(approval: Approval, actor: Actor, away: str | None) -> set[str]:
    """Everybody whose delegations could make one person of two."""
    people = {actor.id, *(one for said in approval.decisions for one in said.people)}
    return people | ({away} if away else set())


def _tell_decision(approval: Approval, actor: Actor, platform: Platform) -> None:
    said = approval.decisions[-1]
    missing = " One more person must approve." if approval.is_open else ""
    why = f" {said.comment}" if said.comment else ""
    message = f"{said.decision} by {actor.email}.{why}{missing}"
    status = StepStatus.INFO if approval.is_open else StepStatus.SUCCEEDED
    note(platform, approval.request_id, _STEP, message, status)


def redrive(actor: Actor, platform: Platform) -> dict[str, Any]:
    """Put the questions that could not be opened back on the queue, up to a bound.

    Returns:
        `moved`, how many there were; there may be more when it is the bound.

    Raises:
        ForbiddenError: only an admin may.
    """
    units_within(actor, "approval.redrive")
    moved = platform.dead_letters.redrive(limit=_MOST_REDRIVEN)
    logger.info("redriven", extra={"moved": moved, "by": actor.id})
    return {"moved": moved, "mayBeMore": moved == _MOST_REDRIVEN}


def tell_void(approval: Approval, platform: Platform) -> None:
    """Publish that an approval counts no more."""
    request = platform.records.request(approval.request_id)
    platform.events.publish(EventName.APPROVAL_VOIDED, _event(approval, request, platform))


def cancel(request: Request, platform: Platform, *, by: str) -> None:
    """Close the question because the request was cancelled; whoever closed it first wins.

    Args:
        by: e-mail address of who cancelled.
    """
    if platform.approvals.get(request.id) is None:
        return  # Not asked yet: who opens it reads the request's mark and cancels it then.
    try:
        closed = _change(request.id, lambda one: rules.cancel(one, by, platform.now()), platform)
    except ApprovalClosedError:
        return
    deliver(closed, platform)


def expire(request_id: str, platform: Platform) -> Approval | None:
    """Close the question because its time is over.

    Returns:
        The closed approval; None when nobody was ever asked.

    Raises:
        ApprovalClosedError: a decision came first.
        NotDueError: its time is not over.
    """
    if platform.approvals.get(request_id) is None:
        return None
    closed = _change(request_id, lambda one: rules.expire(one, platform.now()), platform)
    deliver(closed, platform)
    return closed


def deliver(approval: Approval, platform: Platform) -> None:
    """Tell the workflow that the question is closed, and note that; again is harmless.

    What fails here is logged and told again by the sweep: the decision itself stands.
    """
    try:
        token = platform.approvals.token(approval.request_id)
        if token is not None:
            platform.workflows.answer(token, {"status": approval.status.value})
        noted = rules.delivered(approval, platform.now())
        if noted.version != approval.version:
            platform.approvals.save(noted, expected_version=approval.version)
    except ConflictError:
        # Somebody wrote meanwhile: the workflow itself, or another delivery.
        logger.info("delivered by another", extra={"requestId": approval.request_id})
    except AutoprovisionError as error:
        logger.warning(
            "answer not delivered, the sweep will",
            extra={"requestId": approval.request_id, "why": error.reason},
        )


def _change(request_id: str, move: Callable[[Approval], Approval], platform: Platform) -> Approval:
    """Make a move; when another came first, look again, so that the rules say who won.

    Raises:
        BusyError: others always came first.
    """
    for _ in range(_REREADS):
        approval = platform.approvals.get(request_id)
        if approval is None:
            raise NotFoundError(f"There is no approval {request_id}.")
        moved = move(approval)
        try:
            return platform.approvals.save(moved, expected_version=approval.version)
        except ConflictError as error:
            if error.reason != "CHANGED_MEANWHILE":
                raise
    raise BusyError("Many are at this approval at once; nothing was decided. Try again.")


def _within_reach(actor: Actor, operation: str, request_id: str, platform: Platform) -> Approval:
    units = _reach(actor, operation, platform)
    approval = platform.approvals.get(request_id)
    if approval is None or (units is not None and approval.business_unit not in units):
        raise NotFoundError(f"There is no approval {request_id}.")
    return approval


def _reach(actor: Actor, operation: str, platform: Platform) -> frozenset[str] | None:
    """The units within reach, those of the people included for whom this person stands in."""
    units = units_within(actor, operation)  # a role that may not do this at all is told so first
    if units is None:
        return None
    for person in away_for(actor, platform):
        theirs = units_within(person.actor(), operation)
        if theirs is None:
            return None
        units |= theirs
    return units


def _event(approval: Approval, request: Request, platform: Platform) -> dict[str, Any]:
    return {
        "requestId": approval.request_id,
        "applicationId": request.application_id,
        "applicationName": request.application_name,
        "targetEnvironment": request.target_environment,
        "businessUnit": approval.business_unit,
        "status": approval.status.value,
        "reason": approval.status.value,
        "at": iso(platform.now()),
    }


def _shown(approval: Approval, request: Request) -> dict[str, Any]:
    """The approval as its readers see it: people by their addresses, with the plan."""
    document = approval.document()
    hidden = {"submittedByEmail", "usedBy", "usedAt", "deliveredAt", "version"}
    return {
        **{key: value for key, value in document.items() if key not in hidden},
        "submittedBy": approval.submitted_by_email,
        "submittedAt": request.submitted_at,
        "approversMissing": approval.approvers_missing,
        "applicationName": request.application_name,
        "targetEnvironment": request.target_environment,
        "projectType": request.project_type,
        "techStack": request.tech_stack,
        "projectUrl": request.template.get("ProjectURL"),
        # The plan has a script by its digest only; whoever approves has to see it.
        "operation": request.operation,
        "operationParameters": request.template.get("parameters") if request.operation else None,
        "decisions": [_decision_shown(one) for one in approval.decisions],
        "plan": request.plan.shown() if request.plan else None,
        # Of an update: what becomes of the stack. The plan's digest is over it too.
        "preview": request.preview.document() if request.preview else None,
    }


def _decision_shown(decision: Decision) -> dict[str, Any]:
    document = decision.document()
    return {
        **{key: value for key, value in document.items() if key != "byEmail"},
        "by": decision.by_email,
    }
