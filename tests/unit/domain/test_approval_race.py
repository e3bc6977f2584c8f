"""Races for an approval: whoever moves when, one move wins and the others are told which."""

import random
from collections.abc import Callable
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.unit.domain.approval_cases import END, OPENED, OTHER_PLAN, PLAN, approval, no, yes

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
from autoprovision.domain.approval_errors import ApprovalClosedError
from autoprovision.domain.errors import ConflictError, ForbiddenError


class Store:
    """Keeps one approval as the table does: a write holds only over the version that was read."""

    def __init__(self, first: Approval) -> None:
        self.kept = first
        self.history = [first]

    def write(self, changed: Approval, read: Approval) -> bool:
        if self.kept.version != read.version:
            return False
        self.kept = changed
        self.history.append(changed)
        return True


class Decider:
    """Somebody who reads, works out a move and writes it, and may be overtaken in between."""

    def __init__(self, name: str, move: Callable[[Approval], Approval]) -> None:
        self.name, self.move = name, move
        self.read: Approval | None = None
        self.outcome: str | None = None

    def step(self, store: Store) -> None:
        if self.read is None:
            self.read = store.kept
            return
        try:
            changed = self.move(self.read)
        except ApprovalClosedError as lost:
            self.outcome = f"lost to {lost.extras['status']}"
            return
        if store.write(changed, self.read):
            self.outcome = "won" if not changed.is_open else "counted"
        self.read = None


def test_four_deciders_in_a_thousand_random_schedules_have_one_winner_each():
    seen = set()
    for seed in range(1000):
        chance = random.Random(seed)
        store = Store(approval(approvers_needed=chance.choice([1, 2])))
        at = chance.choice([END - timedelta(milliseconds=1), END])
        moves: dict[str, Callable[[Approval], Approval]] = {
            "approve": lambda one: decide(one, yes("ann"), END - timedelta(milliseconds=1)),
            "reject": lambda one: decide(one, no("bob"), END - timedelta(milliseconds=1)),
            "cancel": lambda one, at=at: cancel(one, "author@example.edu", at),
            "expire": lambda one: expire(one, END),
        }
        deciders = [Decider(name, move) for name, move in moves.items()]
        while waiting := [one for one in deciders if one.outcome is None]:
            chance.choice(waiting).step(store)
        winners = [one.name for one in deciders if one.outcome == "won"]
        assert len(winners) == 1
        seen.add((winners[0], store.kept.approvers_needed))
        assert (
            store.kept.status
            == {
                "approve": "APPROVED",
                "reject": "REJECTED",
                "cancel": "CANCELLED",
                "expire": "EXPIRED",
            }[winners[0]]
        )
        losers = {one.outcome for one in deciders} - {"won", "counted"}
        assert losers == {f"lost to {store.kept.status}"}
        assert [one.version for one in store.history] == list(range(1, len(store.history) + 1))
    # One approval of two does not end anything, so "approve" wins only where one is enough.
    expected = {
        (name, needed) for name in ("approve", "reject", "cancel", "expire") for needed in (1, 2)
    }
    assert seen == expected - {("approve", 2)}


class ApprovalMachine(RuleBasedStateMachine):
    """Random moves of random people at random times; what must hold after each of them."""

    @initialize(needed=st.sampled_from([1, 2]))
    def open_it(self, needed: int) -> None:
        self.now = OPENED
        self.history = [approval(approvers_needed=needed)]

    @property
    def current(self) -> Approval:
        return self.history[-1]

    def attempt(self, move: Callable[[Approval], Approval]) -> None:
        try:
            after = move(self.current)
        except (ConflictError, ForbiddenError):
            return
        if after is not self.current:
            self.history.append(after)

    @rule(hours=st.integers(1, 40))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(by=st.sampled_from(["ann", "bob", "cat", "author"]), approve=st.booleans(),
          stale=st.booleans(), on_behalf_of=st.sampled_from([None, None, "ann", "author"]))  # fmt: skip
    def someone_decides(
        self, by: str, approve: bool, stale: bool, on_behalf_of: str | None
    ) -> None:
        plan = OTHER_PLAN if stale else PLAN
        kind = yes if approve else no
        decision = kind(by, plan_digest=plan, at=self.now, on_behalf_of=on_behalf_of)
        self.attempt(lambda one: decide(one, decision, self.now))

    @rule()
    def it_expires(self) -> None:
        self.attempt(lambda one: expire(one, self.now))

    @rule()
    def it_is_cancelled(self) -> None:
        self.attempt(lambda one: cancel(one, "author@example.edu", self.now))

    @rule()
    def it_becomes_void(self) -> None:
        self.attempt(lambda one: void(one, "The price has changed.", self.now))

    @rule()
    def it_is_asked_anew(self) -> None:
        ends = self.now + timedelta(days=3)
        self.attempt(
            lambda one: ask_anew(
                one,
                plan_digest=PLAN,
                question="?",
                approvers_needed=2,
                now=self.now,
                expires_at=ends,
            )
        )

    @rule()
    def the_workflow_launches(self) -> None:
        self.attempt(
            lambda one: authorize_launch(one, plan_digest=PLAN, execution="req_01", now=self.now)[0]
        )

    @rule()
    def the_workflow_is_told(self) -> None:
        self.attempt(lambda one: delivered(one, self.now))

    @invariant()
    def history_only_grows(self) -> None:
        if not hasattr(self, "history"):
            return
        assert [one.version for one in self.history] == list(range(1, len(self.history) + 1))
        for before, after in zip(self.history, self.history[1:], strict=False):
            follows = before.round + (before.status is ApprovalStatus.VOID and after.is_open)
            assert after.round == follows
            if after.round == before.round:
                assert after.decisions[: len(before.decisions)] == before.decisions
                # Only what nobody has built on can be taken back, and only as a whole.
                assert before.is_open or after.status is before.status or (
                    (before.status, after.status) == (ApprovalStatus.APPROVED, ApprovalStatus.VOID) and before.used_at is None
                )  # fmt: skip

    @invariant()
    def each_round_has_one_winner(self) -> None:
        if not hasattr(self, "history"):
            return
        for number in range(1, self.current.round + 1):
            closed = {one.status for one in self.history if one.round == number and not one.is_open}
            assert len(closed) <= 1 or closed == {ApprovalStatus.APPROVED, ApprovalStatus.VOID}
        one = self.current
        assert one.is_open == (one.closed_at is None) == (one.closed_by is None)
        people = [person for decision in one.decisions for person in decision.people]
        assert len(people) == len(set(people))
        assert "author" not in people
        if one.status is ApprovalStatus.APPROVED:
            assert len(one.decisions) == one.approvers_needed
            assert all(x.decision == "APPROVED" and x.plan_digest == PLAN for x in one.decisions)
        assert one.used_at is None or one.status is ApprovalStatus.APPROVED


TestApprovalMachine = ApprovalMachine.TestCase
TestApprovalMachine.settings = settings(
    max_examples=200, stateful_step_count=25, deadline=None, derandomize=True
)
