"""What an approval policy says of a request: automatic, one person, two people, or refused.

Rules only ever add weight, so adding a rule never makes a request pass more easily.
"""

from collections.abc import Iterable
from enum import StrEnum

from autoprovision.domain.plan import ApprovalVerdict
from autoprovision.domain.policy_change import EasiestChange, find_easiest_change
from autoprovision.domain.policy_document import (
    Policy,
    ReadyRule,
    Thresholds,
    parse_policy,
    policy_schema,
)
from autoprovision.domain.policy_facts import Offer, Operation, PolicyFacts
from autoprovision.domain.resource import Resource

__all__ = [
    "EasiestChange",
    "Offer",
    "Operation",
    "Policy",
    "PolicyFacts",
    "Reason",
    "Verdict",
    "VerdictKind",
    "easiest_change",
    "evaluate",
    "parse_policy",
    "policy_schema",
    "weigh",
]


class VerdictKind(StrEnum):
    """What the policy asks for, the mildest first."""

    AUTOMATIC = "AUTOMATIC"
    ONE_APPROVER = "ONE_APPROVER"
    TWO_APPROVERS = "TWO_APPROVERS"
    REFUSED = "REFUSED"

    @property
    def severity(self) -> int:
        """0 for AUTOMATIC up to 3 for REFUSED."""
        return list(type(self)).index(self)


class Reason(Resource):
    """A rule that fired.

    Attributes:
        rule: its id.
        reason: its sentence, with the request's values.
    """

    rule: str
    weight: int
    reason: str


class Verdict(Resource):
    """What a policy says of one request.

    Attributes:
        weight: the sum over the rules that fired.
        reasons: every rule that fired, in the policy's order.
        easiest_change: the smallest change that would make it automatic, as a phrase that goes on
            from "if you …"; None when it is automatic, or when no change was found.
    """

    verdict: VerdictKind
    weight: int
    reasons: tuple[Reason, ...]
    policy_version: str
    policy_digest: str
    easiest_change: str | None = None

    @property
    def approvers_needed(self) -> int:
        """How many people must approve: 0, 1 or 2; 0 for REFUSED, which nobody can approve."""
        return {VerdictKind.ONE_APPROVER: 1, VerdictKind.TWO_APPROVERS: 2}.get(self.verdict, 0)

    def for_plan(self) -> ApprovalVerdict:
        """The verdict as a plan carries it."""
        return ApprovalVerdict(
            verdict=self.verdict.value,
            reasons=tuple(one.reason for one in self.reasons),
            weight=self.weight,
            easiest_change=self.easiest_change,
            policy_version=self.policy_version,
            policy_digest=self.policy_digest,
        )


def evaluate(policy: Policy, facts: PolicyFacts) -> Verdict:
    """The verdict on a request, with the easiest change when it is not automatic."""
    verdict = weigh(policy, facts)
    change = easiest_change(policy, facts, verdict)
    return verdict.with_(easiest_change=change.phrase) if change else verdict


def weigh(policy: Policy, facts: PolicyFacts) -> Verdict:
    """The verdict without looking for the easiest change, for whoever weighs many requests."""
    seen = facts.seen()
    fired = [one for one in policy.ready_for(facts.business_unit) if one.holds(seen)]
    weight = sum(one.rule.weight for one in fired)
    return Verdict.model_construct(
        verdict=_kind(weight, policy.thresholds_for(facts.business_unit)),
        weight=weight,
        reasons=_reasons(fired, facts),
        policy_version=policy.version,
        policy_digest=policy.digest,
        easiest_change=None,
    )


def easiest_change(
    policy: Policy, facts: PolicyFacts, verdict: Verdict | None = None
) -> EasiestChange | None:
    """The smallest change that makes a request automatic, and the facts it would have then.

    Args:
        policy: the policy that decides.
        facts: the request as it is.
        verdict: what `weigh` says of these facts, when it is known already.
    """
    if (verdict or weigh(policy, facts)).verdict is VerdictKind.AUTOMATIC:
        return None
    return find_easiest_change(policy, facts)


def _kind(weight: int, levels: Thresholds) -> VerdictKind:
    if weight >= levels.refuse:
        return VerdictKind.REFUSED
    if weight >= levels.two_approvers:
        return VerdictKind.TWO_APPROVERS
    if weight >= levels.one_approver:
        return VerdictKind.ONE_APPROVER
    return VerdictKind.AUTOMATIC


def _reasons(fired: Iterable[ReadyRule], facts: PolicyFacts) -> tuple[Reason, ...]:
    values = facts.named_values()
    return tuple(
        Reason.model_construct(
            rule=one.rule.id,
            weight=one.rule.weight,
            reason=one.rule.reason.format_map(values),
        )
        for one in fired
    )
