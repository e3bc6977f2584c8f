"""A small world where all that moves credits may happen in any order, any number of times.

Whoever drives it chooses deeds and their arguments; the world does them on a store of records and
holds, after every one, what must always be true.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.kit.records import (
    OTHER_UNIT,
    UNIT,
    a_plan,
    a_request,
    at,
    its_application,
    its_hold,
    run,
    succeed,
)

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.endings import WAY_BACK
from autoprovision.domain.errors import ConflictError, NotFoundError, OverQuotaError
from autoprovision.domain.quota import (
    ORGANISATION,
    Balance,
    HoldState,
    may_be_unlimited,
    unit_account,
    user_account,
)
from autoprovision.domain.request import RequestStatus
from autoprovision.ports import Records

UNITS = (UNIT, OTHER_UNIT)
PEOPLE = ("user-ada", "user-bob")
NAMES = ("shop", "blog", "wiki", "forum")
ACCOUNTS = (*map(unit_account, UNITS), *map(user_account, PEOPLE), ORGANISATION)
ENDS = sorted(WAY_BACK)
_ALL = 1000
_AGAIN = 0.3


class World:
    """A store of records and what was asked of it."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.requests: list[str] = []
        self.applications: list[str] = []
        self.refused: Counter[str] = Counter()
        self._second = 0

    def attempt(self, deed: Callable[[str], Any], *, again: bool) -> None:
        """Do a deed, perhaps twice; a refusal and a repetition change nothing."""
        self._second += 1
        now = at(self._second)
        before = self._seen()
        try:
            deed(now)
        except (ConflictError, NotFoundError) as error:
            self.refused[error.reason] += 1
            assert self._seen() == before
            if isinstance(error, OverQuotaError):
                self._check_refusal(error, before)
            return
        after = self._seen()
        self._check_reservations(before, after)
        if again:
            self._repeat(deed, now)
            assert self._seen() == after

    def _repeat(self, deed: Callable[[str], Any], now: str) -> None:
        try:
            deed(now)
        except (ConflictError, NotFoundError) as error:
            self.refused["again: " + error.reason] += 1

    def _seen(self) -> dict[str, Balance]:
        return {account: self.records.balance(account) for account in ACCOUNTS}

    @staticmethod
    def _check_refusal(error: OverQuotaError, before: dict[str, Balance]) -> None:
        balance = before[error.extras["account"]]
        assert not balance.can_take(error.extras["needed"])
        assert error.extras["shortBy"] == error.extras["needed"] - error.extras["left"]

    @staticmethod
    def _check_reservations(before: dict[str, Balance], after: dict[str, Balance]) -> None:
        """Whoever took credits had them: only a lowered limit leaves less than nothing."""
        for account, balance in after.items():
            earlier = before[account]
            used = earlier.held + earlier.committed
            took = balance.held + balance.committed > used
            if took and balance.limit is not None:
                assert balance.free >= 0
            if took:
                assert balance.limit is not None or may_be_unlimited(account)

    # --------------------------------------------------------------------------------- deeds

    def set_limit(self, account: str, limit: int, *, again: bool) -> None:
        self.attempt(
            lambda now: self.records.set_limit(account, limit, by="a", at=now), again=again
        )

    def unlimit(self, account: str, *, again: bool) -> None:
        if may_be_unlimited(account):
            self.attempt(
                lambda now: self.records.set_limit(account, None, by="a", at=now), again=again
            )

    def admit(self, unit: str, user: str, name: str, credits_: int, *, again: bool) -> None:
        number = len(self.requests) + 1
        request = a_request(number, credits_, unit=unit, user=user, name=name)
        application, hold = its_application(request), its_hold(request)
        self.requests.append(request.id)
        self.applications.append(application.id)
        self.attempt(lambda _: self.records.admit(request, application, hold), again=again)

    def admit_update(self, application: str, user: str, credits_: int, *, again: bool) -> None:
        try:
            target = self.records.application(application)
        except NotFoundError:
            return
        number = len(self.requests) + 1
        request = a_request(
            number, credits_, kind="update", user=user, unit=target.business_unit,
            application=application, name=target.application_name,
        )  # fmt: skip
        hold = its_hold(request, max(0, credits_ - target.monthly_credits))
        self.requests.append(request.id)
        self.attempt(lambda _: self.records.admit(request, None, hold), again=again)

    def admit_terminate(self, application: str, *, again: bool) -> None:
        request = a_request(len(self.requests) + 1, 0, kind="terminate", application=application)
        self.requests.append(request.id)
        self.attempt(lambda _: self.records.admit(request, None, None), again=again)

    def run(self, request: str, *, again: bool) -> None:
        moved = a_request(1).with_(id=request)
        self.attempt(lambda _: run(self.records, moved, self._second), again=again)

    def replace_plan(self, request: str, credits_: int, *, again: bool) -> None:
        plan = a_plan(credits_)
        self.attempt(lambda now: self.records.replace_plan(request, plan, at=now), again=again)

    def succeed(self, request: str, *, again: bool) -> None:
        done = a_request(1).with_(id=request)
        self.attempt(lambda _: succeed(self.records, done, self._second), again=again)

    def turn_back(self, request: str, *, again: bool) -> None:
        self.attempt(
            lambda now: self.records.move_request(
                request, RequestStatus.COMPENSATING, reason="X", message="", at=now,
                expected={RequestStatus.PROVISIONING, RequestStatus.SUBMITTED},
            ),
            again=again,
        )  # fmt: skip

    def close(self, request: str, status: RequestStatus, *, again: bool) -> None:
        self.attempt(
            lambda now: self.records.close(request, status, reason="X", message="", at=now),
            again=again,
        )

    def end(self, application: str, *, again: bool) -> None:
        self.attempt(
            lambda now: self.records.end_application(application, message="", at=now), again=again
        )

    def move(self, application: str, unit: str, *, again: bool) -> None:
        self.attempt(
            lambda now: self.records.move_application(application, unit, by="a", at=now),
            again=again,
        )

    # ---------------------------------------------------------------------------- invariants

    def check(self) -> None:
        """What is true after every deed."""
        held: Counter[str] = Counter()
        committed: Counter[str] = Counter()
        holds = self.records.holds(limit=_ALL).items
        for hold in holds:
            place = held if hold.state is HoldState.HELD else committed
            for account in hold.accounts:
                place[account] += hold.credits
        for account in ACCOUNTS:
            balance = self.records.balance(account)
            used = balance.held + balance.committed
            assert balance.free + used == (balance.limit or 0), account
            assert (balance.held, balance.committed) == (held[account], committed[account])
            entries = self.records.entries(account, limit=_ALL).items
            assert balance.free == sum(one.free_change for one in entries)
            assert balance.held == sum(one.held_change for one in entries)
            assert balance.committed == sum(one.committed_change for one in entries)
        self._check_applications({hold.id: hold for hold in holds})

    def _check_applications(self, holds: dict[str, Any]) -> None:
        live = [
            one
            for one in self.records.applications(None, limit=_ALL).items
            if one.status is not ApplicationStatus.TERMINATED
        ]
        assert len({one.application_name for one in live}) == len(live)
        firsts = {one.request_id for one in live}
        for one in live:
            hold = holds[one.request_id]
            assert hold.unit == one.business_unit
            if hold.state is HoldState.COMMITTED:
                assert hold.credits == one.monthly_credits
        for hold_id in holds.keys() - firsts:
            # An update's hold: its request is on its way, so somebody will give it back.
            assert not self.records.request(hold_id).is_final


def random_step(world: World, dice: random.Random) -> None:
    """One deed of a random walk; what makes a story go on comes more often than what ends it."""
    again = dice.random() < _AGAIN
    # The newest are likelier to be where something can happen.
    request = dice.choice(world.requests[-6:] or ["x"])
    application = dice.choice(world.applications[-6:] or ["x"])
    credits_, user, unit = dice.randint(0, 60), dice.choice(PEOPLE), dice.choice(UNITS)
    deeds: list[tuple[int, Callable[[], None]]] = [
        (3, lambda: world.set_limit(dice.choice(ACCOUNTS), dice.randint(0, 200), again=again)),
        (1, lambda: world.unlimit(dice.choice(ACCOUNTS), again=again)),
        (6, lambda: world.admit(unit, user, dice.choice(NAMES), credits_, again=again)),
        (4, lambda: world.admit_update(application, user, credits_, again=again)),
        (1, lambda: world.admit_terminate(application, again=again)),
        (8, lambda: world.run(request, again=again)),
        (2, lambda: world.replace_plan(request, credits_, again=again)),
        (8, lambda: world.succeed(request, again=again)),
        (2, lambda: world.turn_back(request, again=again)),
        (3, lambda: world.close(request, dice.choice(ENDS), again=again)),
        (1, lambda: world.end(application, again=again)),
        (2, lambda: world.move(application, unit, again=again)),
    ]
    weights = [weight for weight, _ in deeds]
    dice.choices([deed for _, deed in deeds], weights)[0]()
