"""The port Idempotency: one answer for one key."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.contract.conftest import Store

from autoprovision.aws.idempotency_table import IdempotencyTable
from autoprovision.domain.errors import IdempotencyMismatchError
from autoprovision.memory.calls import MemoryIdempotency
from autoprovision.ports import Idempotency


@pytest.fixture
def keys(store: Store) -> Idempotency:
    if store.is_memory:
        return MemoryIdempotency(store.outside)
    client, table = store.table("Idempotency")
    return IdempotencyTable(client, table, clock=store.outside.seconds)


def test_the_same_key_and_body_get_the_same_answer(keys: Idempotency) -> None:
    first = keys.begin("ada#1", "body")
    assert first.state == "fresh"
    assert keys.begin("ada#1", "body").state == "running"
    keys.finish("ada#1", {"status": 202, "body": {"ratio": 1.5, "none": None}})
    again = keys.begin("ada#1", "body")
    assert (again.state, again.operation_id) == ("done", first.operation_id)
    assert again.answer == {"status": 202, "body": {"ratio": 1.5, "none": None}}
    assert keys.begin("ada#2", "body").operation_id != first.operation_id


def test_another_body_is_refused_while_the_key_is_in_use(keys: Idempotency) -> None:
    keys.begin("k", "one")
    for _ in range(2):
        with pytest.raises(IdempotencyMismatchError):
            keys.begin("k", "two")
        keys.finish("k", {})


def test_a_key_that_did_nothing_is_free_and_keeps_its_operation(keys: Idempotency) -> None:
    first = keys.begin("k", "one")
    keys.finish("k", None)
    again = keys.begin("k", "one")
    assert (again.state, again.operation_id) == ("fresh", first.operation_id)
    keys.finish("k", None)
    other = keys.begin("k", "two")
    assert other.state == "fresh"
    assert other.operation_id != first.operation_id
    with pytest.raises(IdempotencyMismatchError):
        keys.begin("k", "one")


def test_a_dead_lock_is_taken_over_under_the_same_operation(
    keys: Idempotency, store: Store
) -> None:
    first = keys.begin("k", "one")
    store.outside.pass_time(timedelta(seconds=59))
    assert keys.begin("k", "one").state == "running"
    store.outside.pass_time(timedelta(seconds=2))
    taken = keys.begin("k", "one")
    assert (taken.state, taken.operation_id) == ("fresh", first.operation_id)
    assert keys.begin("k", "one").state == "running"


def test_a_key_is_forgotten_after_a_day(keys: Idempotency, store: Store) -> None:
    first = keys.begin("k", "one")
    keys.finish("k", {"a": 1})
    store.outside.pass_time(timedelta(hours=24, seconds=1))
    again = keys.begin("k", "two")
    assert again.state == "fresh"
    assert again.operation_id != first.operation_id
    keys.finish("unknown", {"a": 1})
    assert keys.begin("unknown", "x").state == "fresh"


@pytest.mark.parametrize("dead", [False, True], ids=["new", "taken over"])
def test_of_many_at_once_one_runs(keys: Idempotency, store: Store, dead: bool) -> None:
    if dead:
        keys.begin("k", "one")
        store.outside.pass_time(timedelta(seconds=61))
    begin: Callable[[int], str] = lambda _: keys.begin("k", "one").state  # noqa: E731
    with ThreadPoolExecutor(10) as pool:
        states = list(pool.map(begin, range(10)))
    assert sorted(states) == ["fresh"] + ["running"] * 9
