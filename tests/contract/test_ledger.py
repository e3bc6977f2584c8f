"""The ledger of the port Records: limits, movements, races, lost answers."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.kit.embedded import dynamo_records
from tests.kit.records import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_UNIT,
    USER,
    a_plan,
    a_request,
    admit,
    at,
    everything,
    give_quota,
    its_hold,
    places,
    provisioned,
    run,
    succeed,
)

from autoprovision.domain.errors import (
    AutoprovisionError,
    ConflictError,
    InvalidInputError,
    NameTakenError,
    OverQuotaError,
)
from autoprovision.domain.quota import MAX_CREDITS, ORGANISATION, Movement, user_account
from autoprovision.domain.request import RequestStatus
from autoprovision.memory.records import MemoryRecords
from autoprovision.ports import Records


def test_a_new_account_is_empty(records: Records) -> None:
    balance = records.balance(ACCOUNT)
    assert (balance.limit, balance.free, balance.held, balance.committed) == (None, 0, 0, 0)


def test_a_unit_without_quota_is_refused_even_nothing(records: Records) -> None:
    for credits_ in (0, 10):
        with pytest.raises(OverQuotaError) as refused:
            admit(records, 1, credits_)
        assert refused.value.reason == "NO_QUOTA"
        assert refused.value.extras == {
            "account": ACCOUNT, "limit": 0, "left": 0, "needed": credits_, "shortBy": credits_
        }  # fmt: skip
    assert everything(records)[1:] == ((), (), ())


@pytest.mark.parametrize("account", [ACCOUNT, ORGANISATION, user_account(USER)])
def test_every_account_with_a_limit_can_refuse(records: Records, account: str) -> None:
    give_quota(records, 100)
    give_quota(records, 25, account)
    admit(records, 1, 20)
    before = everything(records)
    with pytest.raises(OverQuotaError) as refused:
        admit(records, 2, 10)
    assert refused.value.extras == {
        "account": account, "limit": 25, "left": 5, "needed": 10, "shortBy": 5
    }  # fmt: skip
    assert everything(records) == before
    admit(records, 3, 5)
    assert places(records, account) == (0, 25, 0)


def test_limits_change_and_leave_entries(records: Records) -> None:
    give_quota(records, 100)
    admit(records, 1, 60)
    lowered = records.set_limit(ACCOUNT, 40, by="admin", at=at(2))
    assert (lowered.limit, lowered.free, lowered.held) == (40, -20, 60)
    records.set_limit(ACCOUNT, 40, by="admin", at=at(3))
    with pytest.raises(OverQuotaError):
        admit(records, 2, 0)
    records.set_limit(ACCOUNT, 60, by="admin", at=at(4))
    admit(records, 2, 0)
    limits = [one for one in records.entries(ACCOUNT, limit=9).items if one.movement == "LIMIT"]
    assert [one.free_change for one in limits] == [20, -60, 100]
    assert limits[0].by == "admin"


def test_a_limit_may_go_to_and_fro_within_a_millisecond(records: Records) -> None:
    for limit in (100, 200, 100, 200):
        give_quota(records, limit)
    found = records.entries(ACCOUNT, limit=9).items
    assert sorted(one.free_change for one in found) == [-100, 100, 100, 100]
    assert records.balance(ACCOUNT).free == 200


def test_only_a_person_and_the_organisation_may_be_unlimited(records: Records) -> None:
    give_quota(records, 1000)
    admit(records, 1, 70)
    for account in (ORGANISATION, user_account(USER)):
        limited = records.set_limit(account, 100, by="admin", at=at(2))
        assert (limited.limit, limited.free, limited.held) == (100, 30, 70)
        free = records.set_limit(account, None, by="admin", at=at(3))
        assert (free.limit, free.free, free.held) == (None, -70, 70)
    for wrong in (None, -1, MAX_CREDITS + 1):
        with pytest.raises(InvalidInputError):
            give_quota(records, wrong)
    assert give_quota(records, MAX_CREDITS) is None
    assert records.balance(ACCOUNT).limit == MAX_CREDITS


def test_units_are_listed_by_name_and_people_are_not(records: Records) -> None:
    for name in ("c", "a", "b"):
        give_quota(records, 10, f"UNIT#{name}")
    give_quota(records, 10, ORGANISATION)
    give_quota(records, 10, user_account(USER))
    first = records.balances(limit=2)
    assert [one.account for one in first.items] == ["UNIT#a", "UNIT#b"]
    rest = records.balances(limit=2, after=first.next)
    assert [one.account for one in rest.items] == ["UNIT#c"]
    assert rest.next is None


def test_entries_tell_the_life_of_a_hold_newest_first(records: Records) -> None:
    give_quota(records, 100)
    request = provisioned(records, 1, 30)
    records.end_application(request.application_id or "", message="Over.", at=at(300))
    first = records.entries(ACCOUNT, limit=3)
    rest = records.entries(ACCOUNT, limit=3, after=first.next)
    assert [
        (one.movement, one.free_change, one.held_change, one.committed_change)
        for one in (*first.items, *rest.items)
    ] == [
        (Movement.RELEASE, 30, 0, -30),
        (Movement.COMMIT, 0, -30, 30),
        (Movement.RESERVE, -30, 30, 0),
        (Movement.LIMIT, 100, 0, 0),
    ]
    assert rest.next is None
    assert first.items[0].cause == "Over."
    assert first.items[2].by == request.submitted_by
    assert {one.request_id for one in first.items} == {request.id}


def test_holds_that_count_are_listed(records: Records) -> None:
    give_quota(records, 100)
    made = [admit(records, number) for number in (1, 2, 3)]
    records.close(made[1].id, RequestStatus.CANCELLED, reason="X", message="", at=at(9))
    first = records.holds(limit=1)
    assert [one.id for one in first.items] == [made[0].id]
    assert [one.id for one in records.holds(limit=9, after=first.next).items] == [made[2].id]


def test_both_stores_write_the_same_ledger(client: Callable[[str], Any], prefix: str) -> None:
    stores: list[Records] = [MemoryRecords(), dynamo_records(client("dynamodb"), prefix)]
    for records in stores:
        _a_busy_day(records)
    assert everything(stores[0]) == everything(stores[1])


def _a_busy_day(records: Records) -> None:
    give_quota(records, 1000)
    give_quota(records, 1000, OTHER_ACCOUNT)
    first = provisioned(records, 1, 30)
    update = a_request(2, 50, kind="update", application=first.application_id)
    records.admit(update, None, its_hold(update, 20))
    records.replace_plan(update.id, a_plan(45), at=at(205))
    run(records, update, 210)
    succeed(records, update, 220)
    records.move_application(first.application_id or "", OTHER_UNIT, by="admin", at=at(230))
    admit(records, 3, unit=OTHER_UNIT)
    terminate = a_request(4, 0, kind="terminate", application=first.application_id)
    records.admit(terminate, None, None)
    run(records, terminate, 250)
    records.succeed(terminate.id, message="Gone.", at=at(260))


# ------------------------------------------------------------------------------------- races


def test_several_applications_move_together_or_not_at_all(records: Records) -> None:
    give_quota(records, 1000)
    moving = [provisioned(records, number).application_id or "" for number in (1, 2)]
    give_quota(records, 15, OTHER_ACCOUNT)
    before = everything(records)
    with pytest.raises(OverQuotaError) as refused:
        records.move_applications(moving, OTHER_UNIT, by="admin", at=at(300))
    assert refused.value.extras["needed"] == 20
    assert everything(records) == before
    with pytest.raises(ConflictError) as many:
        records.move_applications([f"app_{n}" for n in range(25)], OTHER_UNIT, by="a", at=at(301))
    assert many.value.reason == "TOO_MANY"
    give_quota(records, 20, OTHER_ACCOUNT)
    for _ in range(2):
        moved = records.move_applications(moving, OTHER_UNIT, by="admin", at=at(302))
        assert {one.business_unit for one in moved} == {OTHER_UNIT}
        assert places(records) == (1000, 0, 0)
        assert places(records, OTHER_ACCOUNT) == (0, 0, 20)


def _together(deeds: list[Callable[[], Any]]) -> list[Any]:
    """What the deeds gave or raised, begun at the same instant."""
    gate = threading.Barrier(len(deeds))

    def begin(deed: Callable[[], Any]) -> Any:
        gate.wait(timeout=30)
        try:
            return deed()
        except AutoprovisionError as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(begin, deeds))


def test_forty_holds_of_ten_meet_a_quota_of_a_hundred(records: Records) -> None:
    give_quota(records, 100)
    results = _together([lambda n=n: admit(records, n, 10) for n in range(1, 41)])  # type: ignore[misc]
    refused = [one for one in results if isinstance(one, AutoprovisionError)]
    assert len(refused) == 30
    assert {type(one) for one in refused} == {OverQuotaError}
    assert places(records) == (0, 100, 0)
    assert places(records, ORGANISATION) == (-100, 100, 0)
    assert len(records.holds(limit=100).items) == 10
    assert len(records.requests(None, limit=100).items) == 10


def test_one_of_many_gets_a_name(records: Records) -> None:
    give_quota(records, 1000)
    results = _together(
        [lambda n=n: admit(records, n, name="shop") for n in range(1, 21)]  # type: ignore[misc]
    )
    assert sum(isinstance(one, NameTakenError) for one in results) == 19
    assert places(records)[1] == 10


def test_the_same_request_at_once_is_one(records: Records) -> None:
    give_quota(records, 1000)
    _together([lambda: admit(records, 1)] * 12)
    assert places(records)[1] == 10
    run(records, a_request(1))
    results = _together([lambda: succeed(records, a_request(1))] * 12)
    assert {one.status for one in results} == {RequestStatus.SUCCEEDED}
    assert places(records) == (990, 0, 10)
    application = results[0].application_id
    _together([lambda: records.end_application(application, message="", at=at(300))] * 12)
    assert places(records) == (1000, 0, 0)


def test_success_and_the_way_back_exclude_each_other(records: Records) -> None:
    give_quota(records, 1000)
    for number in range(1, 6):
        request = admit(records, number)
        run(records, request)

        def back(request_id: str = request.id) -> Any:
            records.move_request(
                request_id, RequestStatus.COMPENSATING, reason="X", message="", at=at(101),
                expected={RequestStatus.PROVISIONING},
            )  # fmt: skip
            return records.close(
                request_id, RequestStatus.FAILED, reason="X", message="", at=at(102)
            )

        results = _together([lambda r=request: succeed(records, r), back])  # type: ignore[misc]
        assert sum(isinstance(one, ConflictError) for one in results) == 1
    assert places(records)[1] == 0
    live = records.holds(limit=100).items
    assert places(records)[2] == sum(one.credits for one in live)


def test_limits_and_admissions_at_once_keep_the_sum(records: Records) -> None:
    give_quota(records, 100)
    deeds: list[Callable[[], Any]] = [lambda n=n: admit(records, n) for n in range(1, 11)]  # type: ignore[misc]
    deeds += [lambda n=n: give_quota(records, 100 + n) for n in range(1, 9)]  # type: ignore[misc]
    _together(deeds)
    balance = records.balance(ACCOUNT)
    assert balance.limit == balance.free + balance.held + balance.committed
    entries = records.entries(ACCOUNT, limit=100).items
    assert sum(one.free_change for one in entries) == balance.free
    assert sum(one.held_change for one in entries) == balance.held
