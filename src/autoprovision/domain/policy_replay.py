"""What a proposed policy would have said of past requests, before anybody publishes it."""

from collections.abc import Iterable

from autoprovision.domain.policy import (
    Policy,
    PolicyFacts,
    Reason,
    Verdict,
    VerdictKind,
    weigh,
)
from autoprovision.domain.resource import Resource

_WORDS = {
    VerdictKind.AUTOMATIC: "automatic",
    VerdictKind.ONE_APPROVER: "by one approver",
    VerdictKind.TWO_APPROVERS: "by two approvers",
    VerdictKind.REFUSED: "refused",
}


class PastRequest(Resource):
    """A request of the past, with the facts as they were when it was asked."""

    request_id: str
    facts: PolicyFacts


class VerdictChange(Resource):
    """A past request on which the two policies differ.

    Attributes:
        before: what the current policy says.
        after: what the proposed policy says.
        gained: reasons that only the proposed policy gives.
        lost: reasons that only the current policy gives.
        why: all of it as one sentence.
    """

    request_id: str
    before: VerdictKind
    after: VerdictKind
    weight_before: int
    weight_after: int
    gained: tuple[Reason, ...]
    lost: tuple[Reason, ...]
    why: str


class Replay(Resource):
    """What would have changed.

    Attributes:
        total: how many past requests were weighed.
        gained: how many requests each verdict would have got from other verdicts.
        summary: for example `+14 automatic, +1 refused`.
        changes: the requests whose verdict differs, in the order they were given.
    """

    total: int
    gained: dict[VerdictKind, int]
    summary: str
    changes: tuple[VerdictChange, ...]


def replay(proposed: Policy, current: Policy, past: Iterable[PastRequest]) -> Replay:
    """Compare two policies over past requests.

    Returns:
        The differences. The past is weighed with both policies, so what people decided since
        and policies of older days play no part.
    """
    total, changes = 0, []
    for request in past:
        total += 1
        before, after = weigh(current, request.facts), weigh(proposed, request.facts)
        if before.verdict is not after.verdict:
            changes.append(_change(request.request_id, before, after))
    gained = {
        kind: number
        for kind in VerdictKind
        if (number := sum(change.after is kind for change in changes))
    }
    return Replay(
        total=total, gained=gained, summary=_summary(total, gained), changes=tuple(changes)
    )


def _summary(total: int, gained: dict[VerdictKind, int]) -> str:
    if gained:
        return ", ".join(f"+{number} {_WORDS[kind]}" for kind, number in gained.items())
    return f"no change in {total} past request{'' if total == 1 else 's'}"


def _change(request_id: str, before: Verdict, after: Verdict) -> VerdictChange:
    gained = _only_in(after.reasons, before.reasons)
    lost = _only_in(before.reasons, after.reasons)
    return VerdictChange(
        request_id=request_id,
        before=before.verdict,
        after=after.verdict,
        weight_before=before.weight,
        weight_after=after.weight,
        gained=gained,
        lost=lost,
        why=_why(before, after, gained, lost),
    )


def _only_in(these: tuple[Reason, ...], those: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Reasons whose rule the other side lacks, or has with another weight."""
    known = {(one.rule, one.weight) for one in those}
    return tuple(one for one in these if (one.rule, one.weight) not in known)


def _why(
    before: Verdict, after: Verdict, gained: tuple[Reason, ...], lost: tuple[Reason, ...]
) -> str:
    parts = [f"{one.rule} adds {one.weight}" for one in gained]
    parts += [f"{one.rule} no longer adds {one.weight}" for one in lost]
    if not parts:
        parts = [f"the thresholds differ at weight {after.weight}"]
    return f"{_WORDS[before.verdict]} → {_WORDS[after.verdict]}: {'; '.join(parts)}."
