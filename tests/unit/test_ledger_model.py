"""The ledger under random deeds: hypothesis looks for the shortest bad story, a walk for the rare.

The walk alone takes more than 10^5 steps, each repeated now and then, with every invariant held
after every one.
"""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.kit.ledger_world import ACCOUNTS, ENDS, NAMES, PEOPLE, UNITS, World, random_step

from autoprovision.domain.request import RequestStatus
from autoprovision.memory.records import MemoryRecords

CREDITS = st.integers(0, 60)
LIMITS = st.integers(0, 150)
ANY = st.integers(0, 10**6)
AGAIN = st.booleans()


class LedgerStories(RuleBasedStateMachine):
    """Every deed at any moment, on anything that was ever asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(MemoryRecords())

    def _request(self, number: int) -> str:
        return (
            self.world.requests[number % len(self.world.requests)] if self.world.requests else "x"
        )

    def _application(self, number: int) -> str:
        made = self.world.applications
        return made[number % len(made)] if made else "x"

    @rule(account=st.sampled_from(ACCOUNTS), limit=LIMITS, again=AGAIN)
    def set_limit(self, account: str, limit: int, again: bool) -> None:
        self.world.set_limit(account, limit, again=again)

    @rule(account=st.sampled_from(ACCOUNTS), again=AGAIN)
    def unlimit(self, account: str, again: bool) -> None:
        self.world.unlimit(account, again=again)

    @rule(
        unit=st.sampled_from(UNITS), user=st.sampled_from(PEOPLE), name=st.sampled_from(NAMES),
        credits_=CREDITS, again=AGAIN,
    )  # fmt: skip
    def admit(self, unit: str, user: str, name: str, credits_: int, again: bool) -> None:
        self.world.admit(unit, user, name, credits_, again=again)

    @rule(which=ANY, user=st.sampled_from(PEOPLE), credits_=CREDITS, again=AGAIN)
    def admit_update(self, which: int, user: str, credits_: int, again: bool) -> None:
        self.world.admit_update(self._application(which), user, credits_, again=again)

    @rule(which=ANY, again=AGAIN)
    def admit_terminate(self, which: int, again: bool) -> None:
        self.world.admit_terminate(self._application(which), again=again)

    @rule(which=ANY, again=AGAIN)
    def run(self, which: int, again: bool) -> None:
        self.world.run(self._request(which), again=again)

    @rule(which=ANY, credits_=CREDITS, again=AGAIN)
    def replace_plan(self, which: int, credits_: int, again: bool) -> None:
        self.world.replace_plan(self._request(which), credits_, again=again)

    @rule(which=ANY, again=AGAIN)
    def succeed(self, which: int, again: bool) -> None:
        self.world.succeed(self._request(which), again=again)

    @rule(which=ANY, again=AGAIN)
    def turn_back(self, which: int, again: bool) -> None:
        self.world.turn_back(self._request(which), again=again)

    @rule(which=ANY, status=st.sampled_from(ENDS), again=AGAIN)
    def close(self, which: int, status: RequestStatus, again: bool) -> None:
        self.world.close(self._request(which), status, again=again)

    @rule(which=ANY, again=AGAIN)
    def end(self, which: int, again: bool) -> None:
        self.world.end(self._application(which), again=again)

    @rule(which=ANY, unit=st.sampled_from(UNITS), again=AGAIN)
    def move(self, which: int, unit: str, again: bool) -> None:
        self.world.move(self._application(which), unit, again=again)

    @invariant()
    def always(self) -> None:
        self.world.check()


TestLedgerStories = LedgerStories.TestCase
TestLedgerStories.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_walk(seed: int) -> None:
    dice = random.Random(seed)
    refused: set[str] = set()
    for _ in range(550):
        world = World(MemoryRecords())
        for _ in range(48):
            random_step(world, dice)
            world.check()
        refused |= world.refused.keys()
    # The walk met every kind of refusal: it went where it hurts.
    assert {
        "OVER_QUOTA",
        "NO_QUOTA",
        "NAME_TAKEN",
        "OPERATION_IN_PROGRESS",
        "WRONG_STATUS",
    } <= refused
