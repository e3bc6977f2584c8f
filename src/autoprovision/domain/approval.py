"""The approval: the open question of a request, and every way it can end. A total state machine.

    OPEN ──decide──► OPEN (one of two) | APPROVED | REJECTED
    OPEN ──expire──► EXPIRED      OPEN ──cancel──► CANCELLED      OPEN, APPROVED ──void──► VOID
    VOID ──ask_anew──► OPEN (another plan)        any other move: a typed error, nothing changed

Every move raises `version` by one, and a store writes only over the version that was read:
so of several moves at the same instant exactly one wins, and the others are told which.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from autoprovision.domain.approval_errors import (
    ApprovalClosedError,
    ApprovalExpiredError,
    NotDueError,
    OwnRequestError,
    SamePersonError,
    StaleDecisionError,
)
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.moment import Moment, to_moment
from autoprovision.domain.resource import Resource

MOST_COMMENT = 2000


class ApprovalStatus(StrEnum):
    """Where an approval stands; only OPEN takes decisions."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    VOID = "VOID"


class DecisionKind(StrEnum):
    """What a person decided."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Decision(Resource):
    """What one person decided, about which plan.

    Attributes:
        by: id of the person who was signed in.
        on_behalf_of: id of the person whose authority they used, when it was delegated.
        plan_digest: digest of the plan that they saw.
        signature: base64, over `signing_payload`.
        key_id: the key that signed.
    """

    decision: DecisionKind
    by: str
    by_email: str
    at: Moment
    plan_digest: str
    comment: str = ""
    on_behalf_of: str | None = None
    signature: str | None = None
    key_id: str | None = None

    @property
    def people(self) -> frozenset[str]:
        """Everybody whose say this was."""
        return frozenset({self.by} | ({self.on_behalf_of} if self.on_behalf_of else set()))


class Approval(Resource):
    """The question whether a request's plan may be launched.

    Attributes:
        question: what is asked, as a sentence.
        decisions: in the order they came; never more than `approvers_needed`.
        delivered_at: when the workflow was told the outcome.
        closed_at: when it left OPEN; None while it is open.
        closed_by: e-mail address, or what closed it (`expiry`); None while it is open.
        closed_because: the comment, or why it was cancelled or became void.
        used_at: when its launch was authorized.
        used_by: the workflow's execution that launched on it.
        round: 1, and one more each time the question is asked anew.
        version: one more with every change.
    """

    request_id: str
    status: ApprovalStatus = ApprovalStatus.OPEN
    plan_digest: str
    approvers_needed: Literal[1, 2]
    question: str
    decisions: tuple[Decision, ...] = ()
    opened_at: Moment
    expires_at: Moment
    submitted_by: str
    submitted_by_email: str
    business_unit: str
    delivered_at: Moment | None = None
    reminders_sent: Annotated[int, Field(ge=0)] = 0
    escalated_at: Moment | None = None
    closed_at: Moment | None = None
    closed_by: str | None = None
    closed_because: str | None = None
    used_at: Moment | None = None
    used_by: str | None = None
    round: Annotated[int, Field(ge=1)] = 1
    version: Annotated[int, Field(ge=1)] = 1

    @property
    def is_open(self) -> bool:
        """Whether it takes decisions."""
        return self.status is ApprovalStatus.OPEN

    @property
    def approvers_missing(self) -> int:
        """How many more people must approve."""
        return self.approvers_needed - len(self.decisions) if self.is_open else 0

    @property
    def answer(self) -> str:
        """Who decided, when and why, as sentences for the person who asked; empty while open."""
        if self.is_open or self.closed_at is None:
            return ""
        why = (self.closed_because or "").strip()
        if self.status not in {ApprovalStatus.APPROVED, ApprovalStatus.REJECTED}:
            return why
        said = (one for one in self.decisions if one.decision.value == self.status.value)
        people = " and ".join(one.by_email for one in said)
        verb = "approved" if self.status is ApprovalStatus.APPROVED else "rejected"
        at = iso(self.closed_at)[:16].replace("T", " ")
        return f"{people} {verb} it on {at} UTC{f': {why}' if why else '.'}"

    def next_version(self, **changes: Any) -> "Approval":
        """A copy with changes, one version on."""
        return self.model_copy(update={**changes, "version": self.version + 1})


def decide(approval: Approval, decision: Decision, now: datetime) -> Approval:
    """Take one person's decision. Whether they may decide for the unit is the caller's to know.

    Raises:
        ApprovalClosedError: another move won; the error says which, whose and when.
        ApprovalExpiredError: its time is over.
        StaleDecisionError: the person saw another plan, or decided in an earlier round.
        OwnRequestError: the requester decides, or somebody in their name.
        SamePersonError: the person, or whom they stand in for, has decided already.
        InvalidInputError: a rejection without a comment, or a comment that is too long.
    """
    _must_be_open(approval, now)
    if decision.plan_digest != approval.plan_digest:
        raise StaleDecisionError(
            "The plan has changed since you looked at it. Look at it again, then decide.",
            planDigest=approval.plan_digest,
        )
    if not approval.opened_at <= decision.at < approval.expires_at:
        raise StaleDecisionError(
            "The decision was not made while this question was open. Look at it again, then decide."
        )
    refuse_own_request(approval, decision.people, decision.by_email)
    refuse_same_person(approval, decision.people, decision.by_email)
    _check_comment(decision)
    decisions = (*approval.decisions, decision)
    if decision.decision is DecisionKind.REJECTED:
        status = ApprovalStatus.REJECTED
    elif len(decisions) >= approval.approvers_needed:
        status = ApprovalStatus.APPROVED
    else:
        return approval.next_version(decisions=decisions)
    return _close(approval, status, now, decision.by_email, decision.comment, decisions=decisions)


def expire(approval: Approval, now: datetime) -> Approval:
    """End it because nobody decided in time.

    Raises:
        ApprovalClosedError: another move won.
        NotDueError: its time is not over yet.
    """
    if not approval.is_open:
        raise closed_error(approval)
    if now < approval.expires_at:
        raise NotDueError(
            f"The approval of {approval.request_id} is open until {iso(approval.expires_at)}."
        )
    why = f"Nobody decided until {iso(approval.expires_at)}."
    return _close(approval, ApprovalStatus.EXPIRED, now, "expiry", why)


def cancel(approval: Approval, by_email: str, now: datetime) -> Approval:
    """End it because the request was cancelled, also when its time is over but nobody noted it.

    Raises:
        ApprovalClosedError: another move won.
    """
    if not approval.is_open:
        raise closed_error(approval)
    why = "The request was cancelled."
    return _close(approval, ApprovalStatus.CANCELLED, now, by_email, why)


def void(approval: Approval, because: str, now: datetime) -> Approval:
    """Take the question back because what it asks about has changed. `ask_anew` goes on from here.

    An approval that was given but not yet used can become void too: nothing was built on it.

    Args:
        approval: open, or approved and not used.
        because: what has changed, as a sentence.
        now: the moment.

    Raises:
        ApprovalClosedError: it ended otherwise, or a launch was authorized on it.
    """
    given = approval.status is ApprovalStatus.APPROVED and approval.used_at is None
    if not approval.is_open and not given:
        raise closed_error(approval)
    return _close(approval, ApprovalStatus.VOID, now, "platform", because)


def ask_anew(
    approval: Approval,
    *,
    plan_digest: str,
    question: str,
    approvers_needed: Literal[1, 2],
    now: datetime,
    expires_at: datetime,
) -> Approval:
    """The next round of a void approval: open, about another plan, without any decision.

    Raises:
        ApprovalClosedError: it is not void.
    """
    if approval.status is not ApprovalStatus.VOID:
        raise closed_error(approval)
    return Approval(
        request_id=approval.request_id,
        plan_digest=plan_digest,
        approvers_needed=approvers_needed,
        question=question,
        opened_at=now,
        expires_at=expires_at,
        submitted_by=approval.submitted_by,
        submitted_by_email=approval.submitted_by_email,
        business_unit=approval.business_unit,
        round=approval.round + 1,
        version=approval.version + 1,
    )


def delivered(approval: Approval, now: datetime) -> Approval:
    """Note that the workflow was told the outcome; telling it again changes nothing."""
    if approval.delivered_at is not None:
        return approval
    return approval.next_version(delivered_at=to_moment(now))


def closed_error(approval: Approval) -> ApprovalClosedError:
    """The error for a move on an approval that no longer takes it: which move won, whose, when."""
    if approval.is_open or approval.closed_at is None:
        return ApprovalClosedError(
            f"The approval of {approval.request_id} is {approval.status.value}.",
            status=approval.status.value,
        )
    return ApprovalClosedError(
        f"The approval of {approval.request_id} is closed: {approval.status.value} by "
        f"{approval.closed_by} at {iso(approval.closed_at)}.",
        status=approval.status.value,
        closedBy=approval.closed_by,
        closedAt=iso(approval.closed_at),
    )


def refuse_own_request(approval: Approval, people: frozenset[str], email: str | None) -> None:
    """Refuse the requester, under any account with their address, and who stands in for them.

    Args:
        approval: what is decided on.
        people: ids of who decides and of whom they stand in for.
        email: address of who decides, where it is known.

    Raises:
        OwnRequestError: it is their own request.
    """
    if approval.submitted_by in people or _same_address(email, approval.submitted_by_email):
        raise OwnRequestError(
            f"{approval.request_id} is your own request, or that of the person you stand in for; "
            "somebody else must decide on it."
        )


def refuse_same_person(approval: Approval, people: frozenset[str], email: str | None) -> None:
    """Refuse a second say of the same person, whoever spoke for whom.

    Args:
        approval: what is decided on.
        people: ids of who decides and of whom they stand in for.
        email: address of who decides, where it is known.

    Raises:
        SamePersonError: they have decided already.
    """
    for earlier in approval.decisions:
        if earlier.people & people or _same_address(email, earlier.by_email):
            raise SamePersonError(
                f"{earlier.by_email} has decided already; a second approver must be another "
                "person, and neither may stand in for the other."
            )


def _same_address(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()


def _must_be_open(approval: Approval, now: datetime) -> None:
    if not approval.is_open:
        raise closed_error(approval)
    if now >= approval.expires_at:
        raise ApprovalExpiredError(
            f"The approval of {approval.request_id} expired at {iso(approval.expires_at)}."
        )


def _check_comment(decision: Decision) -> None:
    if decision.decision is DecisionKind.REJECTED and not decision.comment.strip():
        raise InvalidInputError(
            [Fault("/comment", "Say why, so that the requester can go on.", "MISSING")]
        )
    if len(decision.comment) > MOST_COMMENT:
        raise InvalidInputError(
            [Fault("/comment", f"Write at most {MOST_COMMENT} characters.", "TOO_LARGE")]
        )


def _close(
    approval: Approval, status: ApprovalStatus, now: datetime, by: str, because: str, **more: Any
) -> Approval:
    return approval.next_version(
        status=status, closed_at=to_moment(now), closed_by=by, closed_because=because, **more
    )
