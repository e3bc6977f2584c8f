"""The approval as a state machine: every move from every state, and races between movers."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.domain.approval_cases import END, OPENED, OTHER_PLAN, PLAN, SOON, approval, no, yes

from autoprovision.domain.approval import (
    Approval,
    ApprovalStatus,
    ask_anew,
    cancel,
    decide,
    delivered,
    expire,
    void,
)
from autoprovision.domain.approval_authority import authorize_launch
from autoprovision.domain.approval_errors import (
    ApprovalClosedError,
    ApprovalExpiredError,
    NotDueError,
    OwnRequestError,
    SamePersonError,
    StaleDecisionError,
)
from autoprovision.domain.approval_times import Reminder, escalated, reminded
from autoprovision.domain.errors import ConflictError, ForbiddenError, InvalidInputError

LATE = END + timedelta(hours=1)
MOVES: dict[str, Callable[[Approval], Approval]] = {
    "approve": lambda one: decide(one, yes("zoe"), SOON),
    "reject": lambda one: decide(one, no("zoe"), SOON),
    "expire": lambda one: expire(one, END),
    "cancel": lambda one: cancel(one, "author@example.edu", SOON),
    "void": lambda one: void(one, "The price has changed.", SOON),
    "ask anew": lambda one: ask_anew(one, plan_digest=OTHER_PLAN, question="?", approvers_needed=2, now=SOON, expires_at=END),
    "remind": lambda one: reminded(one, Reminder(1)),
    "escalate": lambda one: escalated(one, SOON),
    "launch": lambda one: authorize_launch(one, plan_digest=PLAN, execution="req_01", now=SOON)[0],
}  # fmt: skip


def states() -> dict[str, Approval]:
    opened, given = approval(), decide(approval(), yes(), SOON)
    return {
        "OPEN": opened,
        "OPEN, one of two": decide(approval(approvers_needed=2), yes(), SOON),
        "APPROVED": given,
        "APPROVED, used": authorize_launch(given, plan_digest=PLAN, execution="req_01", now=SOON)[
            0
        ],
        "REJECTED": decide(opened, no(), SOON),
        "EXPIRED": expire(opened, END),
        "CANCELLED": cancel(opened, "author@example.edu", SOON),
        "VOID": void(opened, "The price has changed.", SOON),
    }


# Every state and every move: the status that follows, or None for a refusal.
_OPEN = {"approve": "APPROVED", "reject": "REJECTED", "expire": "EXPIRED", "cancel": "CANCELLED",
         "void": "VOID", "remind": "OPEN", "escalate": "OPEN"}  # fmt: skip
TABLE: dict[str, dict[str, str]] = {
    "OPEN": _OPEN,
    "OPEN, one of two": _OPEN,
    "APPROVED": {"void": "VOID", "launch": "APPROVED"},
    "APPROVED, used": {"launch": "APPROVED"},
    "REJECTED": {},
    "EXPIRED": {},
    "CANCELLED": {},
    "VOID": {"ask anew": "OPEN"},
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("state", TABLE)
def test_every_move_from_every_state(state: str, move: str):
    before = states()[state]
    following = TABLE[state].get(move)
    if following is None:
        with pytest.raises(ApprovalClosedError) as refused:
            MOVES[move](before)
        assert refused.value.extras["status"] == before.status
    else:
        after = MOVES[move](before)
        assert after.status == following
        assert after.version == before.version + (
            0 if (state, move) == ("APPROVED, used", "launch") else 1
        )


def test_the_loser_is_told_which_move_won_whose_and_when():
    with pytest.raises(ApprovalClosedError) as refused:
        decide(decide(approval(), no("ann"), SOON), yes("bob"), SOON)
    assert (
        refused.value.message
        == "The approval of req_01 is closed: REJECTED by ann@example.edu at 2026-11-20T08:00:00.000Z."
    )
    assert refused.value.extras == {
        "status": "REJECTED",
        "closedBy": "ann@example.edu",
        "closedAt": "2026-11-20T08:00:00.000Z",
    }
    assert isinstance(refused.value, ConflictError)


def test_two_approvers_means_two_people():
    first = decide(approval(approvers_needed=2), yes("ann"), SOON)
    assert (first.status, first.approvers_missing) == (ApprovalStatus.OPEN, 1)
    second = decide(first, yes("bob"), SOON)
    assert (second.status, [one.by for one in second.decisions]) == (
        ApprovalStatus.APPROVED,
        ["ann", "bob"],
    )
    same = (
        yes("ann"),
        no("ann"),
        yes("ann2", by_email="Ann@Example.edu"),
        yes("bob", on_behalf_of="ann"),
    )
    for again in same:
        with pytest.raises(SamePersonError):
            decide(first, again, SOON)


def test_one_rejection_of_two_ends_it():
    first = decide(approval(approvers_needed=2), yes("ann"), SOON)
    found = decide(first, no("bob"), SOON)
    assert (found.status, found.closed_by, found.closed_because) == (
        ApprovalStatus.REJECTED,
        "bob@example.edu",
        "Too big.",
    )


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (yes(plan_digest=OTHER_PLAN), StaleDecisionError),
        (yes(at=OPENED - timedelta(milliseconds=1)), StaleDecisionError),
        (yes("author"), OwnRequestError),
        (yes("other", by_email="AUTHOR@example.edu"), OwnRequestError),
        (yes("ann", on_behalf_of="author"), OwnRequestError),
        (no("author"), OwnRequestError),
        (no(comment=""), InvalidInputError),
        (no(comment=" \n\t"), InvalidInputError),
        (yes(comment="x" * 2001), InvalidInputError),
    ],
)
def test_a_decision_that_may_not_stand_is_refused(decision: Any, error: type[Exception]):
    with pytest.raises(error):
        decide(approval(), decision, SOON)


def test_a_rejection_without_a_reason_names_the_field():
    with pytest.raises(InvalidInputError) as refused:
        decide(approval(), no(comment=""), SOON)
    assert [(one.pointer, one.code) for one in refused.value.faults] == [("/comment", "MISSING")]


def test_a_stale_decision_learns_the_plan_that_is_asked_about():
    with pytest.raises(StaleDecisionError) as refused:
        decide(approval(), yes(plan_digest=OTHER_PLAN), SOON)
    assert refused.value.extras == {"planDigest": PLAN}


def test_own_requests_are_a_matter_of_rights():
    with pytest.raises(ForbiddenError):
        decide(approval(), yes("author"), SOON)


def test_after_its_time_only_expiry_and_cancelling_end_it():
    with pytest.raises(ApprovalExpiredError):
        decide(approval(), yes(), END)
    assert (
        decide(approval(), yes(), END - timedelta(milliseconds=1)).status is ApprovalStatus.APPROVED
    )
    assert expire(approval(), END).closed_by == "expiry"
    assert cancel(approval(), "author@example.edu", LATE).status is ApprovalStatus.CANCELLED
    with pytest.raises(NotDueError):
        expire(approval(), END - timedelta(milliseconds=1))


def test_asked_anew_it_starts_without_decisions_and_takes_none_of_the_old():
    given = delivered(decide(approval(), yes(), SOON), SOON)
    found = ask_anew(
        void(given, "The blueprint has changed.", SOON),
        plan_digest=PLAN, question="And now?", approvers_needed=1,
        now=SOON + timedelta(minutes=1), expires_at=END,
    )  # fmt: skip
    assert (found.round, found.decisions, found.delivered_at, found.closed_at, found.version) == (
        2,
        (),
        None,
        None,
        5,
    )
    with pytest.raises(StaleDecisionError):
        decide(found, yes(), SOON + timedelta(minutes=2))


def test_telling_the_workflow_twice_changes_nothing():
    once = delivered(decide(approval(), yes(), SOON), SOON)
    assert delivered(once, LATE) is once


def test_it_reads_back_as_it_was_written():
    odd = SOON + timedelta(microseconds=123456)
    found = decide(approval(), yes(at=odd), odd)
    text = found.model_dump_json(by_alias=True)
    assert Approval.model_validate_json(text) == found
    assert '"closedAt":"2026-11-20T08:00:00.123Z"' in text
