"""Questions under races: messages twice and late, cancels in between, other units' people."""

import pytest
from tests.unit.steps.test_twice import approved, asked
from tests.workflow.world import ADA, BOB, EVE, ROOT, World

from autoprovision.domain.actor import Actor
from autoprovision.domain.errors import AutoprovisionError, UnavailableError
from autoprovision.steps import plan
from autoprovision.usecases import approvals, cancellation
from autoprovision.usecases.approval_questions import open_question


def actor(world: World, email: str) -> Actor:
    return world.users.by_email(email).actor()


def ask(world: World, token: str = "token") -> str:  # noqa: S107 - a task token, no password
    request = world.records.requests(None, limit=1).items[0]
    made = plan.prepare_plan({"requestId": request.id}, world)
    open_question(request.id, made["planDigest"], token, world, expires_at=made["expiresAt"])
    return request.id


def test_a_message_that_comes_twice_asks_once_and_keeps_the_newer_token(world: World):
    world.submit("stag")
    request_id = ask(world, "first")
    ask(world, "second")
    assert len(world.mails()) == 2
    assert world.approvals.token(request_id) == "second"
    assert world.approvals.get(request_id).version == 1


def test_a_message_that_comes_after_the_decision_only_wakes(world: World):
    request, _ = approved(world)
    before = world.approvals.get(request.id)
    open_question(
        request.id, request.plan.digest, "late", world, expires_at="2026-12-01T00:00:00.000Z"
    )
    assert world.workflows.answers["late"] == {"status": "APPROVED"}
    assert world.approvals.get(request.id) == before


def test_a_message_about_another_plan_only_wakes(world: World):
    request, _ = asked(world)
    open_question(request.id, "sha256:old", "late", world, expires_at="2026-12-01T00:00:00.000Z")
    assert world.workflows.answers["late"] == {"status": "NOTHING_TO_ASK"}


@pytest.mark.parametrize("when", ["before it is opened", "while it is opened"])
def test_a_cancel_is_never_lost(world: World, when: str):
    request = world.submit("stag")
    made = plan.prepare_plan({"requestId": request.id}, world)
    opening = world.approvals.open

    def cancelled_meanwhile(approval, token):
        # Cancelled after the desk has looked, before the question is there to be closed.
        cancellation.cancel(actor(world, ADA), request.id, world)
        return opening(approval, token)

    if when == "while it is opened":
        world.approvals.open = cancelled_meanwhile
    else:
        cancellation.cancel(actor(world, ADA), request.id, world)
    open_question(request.id, made["planDigest"], "token", world, expires_at=made["expiresAt"])
    assert "token" in world.workflows.answers
    kept = world.approvals.get(request.id)
    assert kept is None or kept.status == "CANCELLED"


def test_without_approvers_admins_are_asked_and_without_any_operators_are_told(world: World):
    world.only(ADA, ROOT)
    world.submit("stag")
    ask(world)
    assert [one.to for one in world.mails()] == [ROOT]
    other = World()
    other.only(ADA)
    other.submit("stag")
    ask(other)
    assert "operators" in other.deeds()


def test_a_mail_that_fails_leaves_the_message_for_another_try(world: World):
    world.submit("stag")
    world.breaking("mail")
    with pytest.raises(UnavailableError):
        ask(world)
    ask(world)
    assert len({one.id for one in world.mails()}) == len(world.mails()) == 2


def test_who_may_look_and_decide(world: World):
    request, _ = asked(world)
    stranger = Actor(id="x", email="x@uni.edu", role="approver", unit="law", approves_for=("law",))
    for call in (
        lambda: approvals.show(stranger, request.id, world),
        lambda: approvals.decide(
            stranger, request.id, world, decision="APPROVED", comment="", plan_digest="x"
        ),
    ):
        with pytest.raises(AutoprovisionError) as refused:
            call()
        assert refused.value.reason == "NOT_FOUND"
    with pytest.raises(AutoprovisionError) as refused:
        approvals.show(actor(world, ADA), request.id, world)
    assert refused.value.reason == "FORBIDDEN"
    assert approvals.list_approvals(stranger, world, limit=10, after=None).items == ()
    shown = approvals.list_approvals(actor(world, EVE), world, limit=10, after=None).items[0]
    assert shown == approvals.show(actor(world, ROOT), request.id, world)
    assert shown["submittedBy"] == ADA
    assert shown["plan"]["digest"] == shown["planDigest"] == request.plan.digest
    assert "templateUrl" not in shown["plan"]


def test_a_rejection_says_why_and_a_decision_is_about_the_plan_that_was_seen(world: World):
    request, _ = asked(world)
    bob = actor(world, BOB)
    for decision, digest, code in (
        ("REJECTED", request.plan.digest, "INVALID_INPUT"),
        ("APPROVED", "sha256:other", "STALE_DECISION"),
    ):
        with pytest.raises(AutoprovisionError) as refused:
            approvals.decide(
                bob, request.id, world, decision=decision, comment="", plan_digest=digest
            )
        assert refused.value.reason == code
    assert world.approvals.get(request.id).is_open
    assert "token" not in world.workflows.answers


def test_the_second_of_two_opposite_decisions_hears_who_won(world: World):
    request, _ = asked(world)
    save = world.approvals.save

    def beaten(approval, *, expected_version):
        world.approvals.save = save
        approvals.decide(
            actor(world, EVE),
            request.id,
            world,
            decision="REJECTED",
            comment="Use dev.",
            plan_digest=request.plan.digest,
        )
        return save(approval, expected_version=expected_version)

    world.approvals.save = beaten
    with pytest.raises(AutoprovisionError) as refused:
        approvals.decide(
            actor(world, BOB),
            request.id,
            world,
            decision="APPROVED",
            comment="",
            plan_digest=request.plan.digest,
        )
    assert refused.value.reason == "APPROVAL_CLOSED"
    assert EVE in refused.value.message
    assert world.approvals.get(request.id).status == "REJECTED"


def test_a_page_of_open_approvals_goes_on_where_it_ended(world: World):
    request, _ = asked(world)
    one = world.approvals.get(request.id)
    for number in range(5):
        other = f"req_02{number}"
        unit = "cs" if number % 2 else "law"
        world.approvals._approvals[other] = one.with_(request_id=other, business_unit=unit)
        world.records._requests[other] = request.with_(id=other)
    seen, after = [], None
    while True:
        page = approvals.list_approvals(actor(world, BOB), world, limit=2, after=after)
        seen += [item["requestId"] for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == sorted([request.id, "req_021", "req_023"])
