"""Deciding for whoever is away: who may, for whom, and that two approvers stay two people."""

from datetime import timedelta

import pytest
from tests.unit.steps.test_questions import actor, ask
from tests.unit.steps.test_twice import asked
from tests.workflow.world import ADA, BOB, EVE, ROOT, World

from autoprovision.domain.actor import Role
from autoprovision.domain.errors import AutoprovisionError, InvalidInputError
from autoprovision.domain.user import User
from autoprovision.usecases import approvals, delegations

DAN = "dan@uni.edu"  # an approver of another unit


@pytest.fixture
def with_dan(world: World) -> World:
    at = "2026-11-01T00:00:00.000Z"
    world.users.save(
        User(id="dan", email=DAN, role=Role.APPROVER, unit="law", created_at=at, updated_at=at)
    )
    return world


def give(world: World, giver: str, to: str, until: str = "5d", **more: str) -> dict[str, object]:
    return delegations.give(
        actor(world, giver), world, to=to, until=until, from_at=more.get("from_at")
    )


def decide(
    world: World, request_id: str, email: str, decision: str = "APPROVED", **more: str
) -> dict[str, object]:
    digest = world.approvals.get(request_id).plan_digest
    return approvals.decide(
        actor(world, email), request_id, world, decision=decision, comment="So be it.",
        plan_digest=digest, **more,
    )  # fmt: skip


def refused(world: World, request_id: str, email: str, **more: str) -> str:
    with pytest.raises(AutoprovisionError) as error:
        decide(world, request_id, email, **more)
    return error.value.reason


def test_a_stand_in_sees_and_decides_while_it_holds(with_dan: World):
    world = with_dan
    request, _ = asked(world)
    assert refused(world, request.id, DAN) == "NOT_FOUND"
    give(world, BOB, DAN)
    assert approvals.list_approvals(actor(world, DAN), world, limit=9, after=None).items
    answer = decide(world, request.id, DAN)
    assert answer["status"] == "APPROVED"
    said = world.approvals.get(request.id).decisions[0]
    assert (said.by, said.on_behalf_of) == ("dan", "bob")


def test_it_ends_at_its_time_and_when_it_is_taken_back(with_dan: World):
    world = with_dan
    request, _ = asked(world)
    give(world, BOB, DAN, until="1d")
    world.outside.clock += timedelta(days=1)
    assert refused(world, request.id, DAN) == "NOT_FOUND"
    give(world, BOB, DAN)
    world.outside.clock += timedelta(minutes=1)
    assert delegations.take_back(actor(world, BOB), world)["given"] is None
    assert refused(world, request.id, DAN) == "NOT_FOUND"
    assert refused(world, request.id, EVE, on_behalf_of=BOB) == "NO_DELEGATION"


def test_a_giver_who_decides_no_more_gives_nothing(with_dan: World):
    world = with_dan
    request, _ = asked(world)
    give(world, BOB, DAN)
    world.users.save(world.users.by_email(BOB).with_(status="DISABLED"))
    assert refused(world, request.id, DAN) == "NOT_FOUND"


def test_nobody_decides_in_the_name_of_the_requester(with_dan: World):
    world = with_dan
    world.users.save(world.users.by_email(ADA).with_(role=Role.APPROVER, approves_for=("cs",)))
    request, _ = asked(world)
    give(world, ADA, DAN)
    assert refused(world, request.id, DAN) == "OWN_REQUEST"


def test_a_person_and_their_stand_in_are_one(with_dan: World):
    world = with_dan
    world.submit("prod")
    request_id = ask(world)
    give(world, BOB, EVE)
    assert decide(world, request_id, BOB)["approversMissing"] == 1
    assert refused(world, request_id, EVE, on_behalf_of=BOB) == "SAME_PERSON"
    assert refused(world, request_id, EVE) == "SAME_PERSON"
    world.outside.clock += timedelta(minutes=1)
    delegations.take_back(actor(world, BOB), world)
    # It held when Bob decided, so taking it back afterwards makes nobody another person.
    assert refused(world, request_id, EVE) == "SAME_PERSON"
    assert decide(world, request_id, ROOT)["status"] == "APPROVED"


def test_stand_ins_are_told(with_dan: World):
    world = with_dan
    give(world, BOB, DAN)
    world.submit("stag")
    ask(world)
    assert sorted(one.to for one in world.mails()) == [BOB, DAN, EVE]


@pytest.mark.parametrize(
    ("to", "until", "code"),
    [
        (ADA, "5d", "NOT_AN_APPROVER"),
        ("nobody@uni.edu", "5d", "NOT_AN_APPROVER"),
        (BOB, "5d", "YOURSELF"),
        (EVE, "2026-11-01", "TOO_EARLY"),
        (EVE, "2028-01-01", "TOO_LONG"),
        (EVE, "soon", "INVALID_VALUE"),
        (EVE, "2026-12-01T09:00:00", "INVALID_VALUE"),
    ],
)
def test_what_makes_no_sense_is_named(world: World, to: str, until: str, code: str):
    with pytest.raises(InvalidInputError) as error:
        give(world, BOB, to, until)
    assert [one.code for one in error.value.faults] == [code]
    assert delegations.show(actor(world, BOB), world) == {"given": None, "received": []}


def test_a_day_ends_with_its_end_and_a_later_begin_waits(with_dan: World):
    world = with_dan
    shown = give(world, BOB, DAN, "2026-12-04", from_at="2026-12-01")
    assert shown == {
        "from": BOB, "to": DAN, "fromAt": "2026-12-01T00:00:00.000Z",
        "until": "2026-12-05T00:00:00.000Z", "inForce": False,
    }  # fmt: skip
    assert delegations.show(actor(world, DAN), world)["received"] == [shown]
    assert delegations.take_back(actor(world, BOB), world)["given"] is None
    assert world.delegations.given_by(["bob"]) == []


def test_a_requester_has_nothing_to_give(world: World):
    with pytest.raises(AutoprovisionError) as error:
        give(world, ADA, BOB)
    assert error.value.reason == "FORBIDDEN"
