"""Who may decide while others are away, and what a launch may rest on.

Delegation is not handed on, and never makes two people of one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from pydantic import model_validator

from autoprovision.domain.approval import (
    Approval,
    ApprovalStatus,
    Decision,
    DecisionKind,
    closed_error,
    refuse_own_request,
    refuse_same_person,
)
from autoprovision.domain.approval_errors import (
    NoDelegationError,
    NotAuthorizedToLaunchError,
    SamePersonError,
)
from autoprovision.domain.canonical import canonical_json
from autoprovision.domain.clock import iso
from autoprovision.domain.errors import ConflictError, ForbiddenError
from autoprovision.domain.moment import Moment, to_moment
from autoprovision.domain.resource import Resource

# A launch follows its decision within seconds; a day lets an operator repair what held it up.
FRESH_FOR = timedelta(hours=24)
# The clocks of two functions differ a little.
CLOCK_SKEW = timedelta(minutes=1)


class Delegation(Resource):
    """One person lets another decide for them, for a while.

    Attributes:
        from_user: id of the person who is away.
        to_user: id of the person who stands in.
        until: the first moment at which it no longer holds.
    """

    from_user: str
    to_user: str
    from_at: Moment
    until: Moment

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.from_user == self.to_user:
            raise ValueError("Delegate to somebody else.")
        if self.from_at >= self.until:
            raise ValueError("A delegation ends after it begins.")
        return self

    def ended(self, at: datetime) -> "Delegation | None":
        """As it is when its giver takes it back: over, or never begun and then None.

        What once held is kept, because who stood in for whom counts for two approvers.
        """
        if at >= self.until:
            return self
        return None if at <= self.from_at else self.with_(until=to_moment(at))

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.from_at <= at < self.until


class SignedStatement(NamedTuple):
    """What a decision's signature must be verified against."""

    payload: bytes
    signature: str
    key_id: str


def delegators_of(
    actor_id: str, delegations: Iterable[Delegation], now: datetime
) -> tuple[str, ...]:
    """Ids of the people whose authority this person may use now, in the order given."""
    found = [one.from_user for one in delegations if one.to_user == actor_id and one.holds(now)]
    return tuple(dict.fromkeys(found))


def check_may_decide(
    actor_id: str,
    approval: Approval,
    delegations: Iterable[Delegation],
    now: datetime,
    *,
    on_behalf_of: str | None = None,
) -> None:
    """Refuse a person who may not decide on this approval, whatever they would say.

    Whether they, or the person they stand in for, decide for the business unit is not known here;
    addresses are compared by `decide`.

    Args:
        actor_id: who is signed in.
        approval: what they would decide on.
        delegations: those that name any of the people concerned; more do no harm.
        now: the moment.
        on_behalf_of: whose authority they use; None for their own.

    Raises:
        NoDelegationError: they name somebody who has not delegated to them.
        OwnRequestError: the requester decides, or somebody in their name.
        SamePersonError: with an earlier decision it would be one person twice, or a person and
            their stand-in.
    """
    every = tuple(delegations)
    people = frozenset({actor_id} if on_behalf_of is None else {actor_id, on_behalf_of})
    if on_behalf_of is not None and on_behalf_of not in delegators_of(actor_id, every, now):
        raise NoDelegationError("That person has not delegated to you, or no longer does.")
    refuse_own_request(approval, people, None)
    refuse_same_person(approval, people, None)
    for earlier in approval.decisions:
        if any(_joins(one, earlier, people, now) for one in every):
            raise SamePersonError(
                f"{earlier.by_email} has decided already, and one of you stands in for the other; "
                "a second approver must be another person."
            )


def may_decide(
    actor_id: str,
    approval: Approval,
    delegations: Iterable[Delegation],
    now: datetime,
    *,
    on_behalf_of: str | None = None,
) -> bool:
    """Whether a person may decide on an approval now; `check_may_decide` says why not."""
    if not approval.is_open or now >= approval.expires_at:
        return False
    try:
        check_may_decide(actor_id, approval, delegations, now, on_behalf_of=on_behalf_of)
    except (ConflictError, ForbiddenError):
        return False
    return True


def signing_payload(approval: Approval, decision: Decision) -> bytes:
    """What a decision's signature covers: canonical JSON, the same bytes for the same decision.

    The comment stands in as its digest, so that the payload stays below what a key signs at once.
    """
    return canonical_json(
        {
            "purpose": "autoprovision/decision/1",
            "requestId": approval.request_id,
            "round": approval.round,
            "approversNeeded": approval.approvers_needed,
            "planDigest": decision.plan_digest,
            "decision": decision.decision.value,
            "by": decision.by,
            "onBehalfOf": decision.on_behalf_of,
            "at": iso(decision.at),
            "comment": "sha256:" + hashlib.sha256(decision.comment.encode()).hexdigest(),
        }
    )


def authorize_launch(
    approval: Approval, *, plan_digest: str, execution: str, now: datetime
) -> tuple[Approval, tuple[SignedStatement, ...]]:
    """Check everything but the signatures before a launch, and mark the approval as used.

    The caller verifies every statement and stores the approval, both before anything is launched.
    The same execution may come again; another one may not.

    Returns:
        The approval as used, and what must be verified.

    Raises:
        ApprovalClosedError: it is not approved.
        NotAuthorizedToLaunchError: another plan, too few or the same people, not fresh, not
            signed, or used by another execution.
    """
    if approval.status is not ApprovalStatus.APPROVED:
        raise closed_error(approval)
    fault = next(_launch_faults(approval, plan_digest, execution, now), None)
    if fault:
        raise NotAuthorizedToLaunchError(f"{approval.request_id} may not be launched: {fault}")
    statements = tuple(
        SignedStatement(signing_payload(approval, one), one.signature, one.key_id)
        for one in approval.decisions
        if one.signature and one.key_id
    )
    if approval.used_by == execution:
        return approval, statements
    return approval.next_version(used_at=to_moment(now), used_by=execution), statements


def is_fresh(approval: Approval, decision: Decision, now: datetime) -> bool:
    """Whether a decision was made in this round's open time, and does not lie in the future.

    A decision replayed from an earlier round lies before the round was opened.
    """
    return (
        approval.opened_at <= decision.at < approval.expires_at and decision.at <= now + CLOCK_SKEW
    )


def _launch_faults(
    approval: Approval, plan_digest: str, execution: str, now: datetime
) -> Iterator[str]:
    decisions = approval.decisions
    if {approval.plan_digest, *(one.plan_digest for one in decisions)} != {plan_digest}:
        yield "another plan was approved."
    if any(one.decision is not DecisionKind.APPROVED for one in decisions):
        yield "somebody rejected it."
    if approval.used_by not in (None, execution):
        yield "the approval was used already."
    if not _enough_people(approval):
        yield "too few people approved it."
    if not all(one.signature and one.key_id for one in decisions):
        yield "a decision is not signed."
    if not all(is_fresh(approval, one, now) for one in decisions):
        yield "a decision was not made while the question was open."
    last = max((one.at for one in decisions), default=now)
    if approval.used_by is None and now - last > FRESH_FOR:
        yield "the decision is too old."


def _enough_people(approval: Approval) -> bool:
    people = [one.people for one in approval.decisions]
    apart = len(frozenset().union(*people)) == sum(len(one) for one in people)
    addresses = {one.by_email.casefold() for one in approval.decisions}
    own = any(approval.submitted_by in one for one in people)
    enough = len(people) == len(addresses) >= approval.approvers_needed
    return apart and enough and not own and approval.submitted_by_email.casefold() not in addresses


def _joins(one: Delegation, earlier: Decision, people: frozenset[str], now: datetime) -> bool:
    """Whether a delegation makes one of two deciders the other's stand-in."""
    between = (one.from_user in earlier.people and one.to_user in people) or (
        one.from_user in people and one.to_user in earlier.people
    )
    return between and (one.holds(now) or one.holds(earlier.at))
