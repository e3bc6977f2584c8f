"""The port Delegations: one a person, found from both sides; and what an ended one leaves."""

from datetime import timedelta

import pytest
from tests.contract.conftest import Store
from tests.kit.records import START

from autoprovision.aws.delegations_table import DelegationsTable
from autoprovision.domain.approval_authority import Delegation
from autoprovision.memory.delegations import MemoryDelegations
from autoprovision.ports import Delegations


@pytest.fixture
def delegations(store: Store) -> Delegations:
    if store.is_memory:
        return MemoryDelegations()
    client, table = store.table("Approvals")
    return DelegationsTable(client, table)


def from_to(giver: str, taker: str, days: int = 5) -> Delegation:
    until = START + timedelta(days=days)
    return Delegation(from_user=giver, to_user=taker, from_at=START, until=until)


def test_it_is_found_from_both_sides_and_the_last_one_counts(delegations: Delegations) -> None:
    delegations.save(from_to("bob", "carol"))
    delegations.save(from_to("dan", "carol"))
    delegations.save(from_to("bob", "eve", 9))
    assert list(delegations.given_by(["bob", "nobody", "bob"])) == [from_to("bob", "eve", 9)]
    assert list(delegations.received_by("carol")) == [from_to("dan", "carol")]
    assert list(delegations.received_by("bob")) == []
    assert list(delegations.given_by([])) == []


def test_it_is_forgotten_as_often_as_one_likes(delegations: Delegations) -> None:
    delegations.save(from_to("bob", "carol"))
    for _ in range(2):
        delegations.forget("bob")
        assert list(delegations.received_by("carol")) == []


def test_what_once_held_is_kept_and_what_never_began_is_not() -> None:
    given = from_to("bob", "carol")
    over = given.ended(START + timedelta(days=1))
    assert over is not None
    assert over.until == START + timedelta(days=1)
    assert given.ended(START) is None
    assert given.ended(START + timedelta(days=6)) == given
