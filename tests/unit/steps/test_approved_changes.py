"""Whoever approves an update sees what becomes of the stack, and exactly that is what they approve."""

import pytest
from tests.unit.steps.test_lost_data import DISKS, ROLLED, asking, declaring
from tests.unit.steps.test_twice import changing
from tests.workflow.world import BOB, World

from autoprovision.domain.change import Effect, ResourceChange
from autoprovision.steps import approval, update
from autoprovision.steps import plan as planning
from autoprovision.steps.errors import StepRefusedError
from autoprovision.usecases import approval_questions, approvals

ADDED = ResourceChange(logical_id="Alarm", type="AWS::CloudWatch::Alarm", effect="added")


def asked(world: World):
    """An update that loses what is on the machines' disks, as a person is asked about it."""
    declaring(world, Machines=DISKS)
    world.catalog.publish_policy(asking(5), by="root", at="")
    request, event = changing(world)
    world.change_sets.usual = world.change_sets.usual.with_(changes=(ADDED, ROLLED))
    update.await_change_set(event, world)
    question = planning.prepare_plan(event, world)
    approval_questions.open_question(
        request.id, question["planDigest"], "token", world, expires_at=question["expiresAt"]
    )
    return world.records.request(request.id), {**event, "execution": "e"}


def bob(world: World):
    return world.users.by_email(BOB).actor()


def approve(world: World, request_id: str) -> None:
    seen = approvals.show(bob(world), request_id, world)
    approvals.decide(
        bob(world), request_id, world, decision="APPROVED", comment="",
        plan_digest=seen["planDigest"],
    )  # fmt: skip


def test_the_question_shows_what_the_preview_shows(world: World):
    request, _ = asked(world)
    seen = approvals.show(bob(world), request.id, world)
    assert seen["preview"] == request.preview.document()
    assert [one["effect"] for one in seen["preview"]["changes"]] == ["added", "changed"]
    assert seen["preview"]["losesData"] == ["what is on the disks (Machines)"]
    assert seen["planDigest"] == seen["plan"]["digest"] == seen["preview"]["planDigest"]
    assert seen["plan"]["changes"] == request.preview.changes_digest
    assert "It loses what is on the disks (Machines)." in seen["question"]
    assert f"update {request.application_name} (" in seen["question"]


def test_the_mail_says_it_in_short(world: World):
    asked(world)
    (mail,) = [one for one in world.mailer.sent if one.to == BOB]
    assert "\nIt changes: Alarm (added), Machines (changed).\n" in mail.text
    assert "\nIt loses data for good: what is on the disks (Machines).\n" in mail.text
    assert "what is on the disks (Machines)." in mail.html


def test_what_was_approved_is_launched(world: World):
    request, event = asked(world)
    approve(world, request.id)
    assert approval.authorize_launch(event, world)["decision"] == "LAUNCH"


@pytest.mark.parametrize(
    "altered",
    [
        {"changes": ()}, {"loses_data": ()}, {"change_set": "another"},
        {"changes": (ADDED, ROLLED.with_(effect=Effect.REPLACED))},
    ],
)  # fmt: skip
def test_other_changes_than_those_that_were_approved_are_not(world: World, altered):
    request, event = asked(world)
    approve(world, request.id)
    world.records.patch_request(request.id, preview=request.preview.with_(**altered))
    with pytest.raises(StepRefusedError, match="altered"):
        approval.authorize_launch(event, world)


def test_an_approval_of_other_changes_does_not_count(world: World):
    """Even where plan and changes fit each other: the signature is over those that were seen."""
    request, event = asked(world)
    approve(world, request.id)
    other = request.preview.with_(changes=(ADDED,))
    plan = request.plan.changing(other.changes_digest)
    world.records.patch_request(request.id, plan=plan, preview=other)
    assert approval.authorize_launch(event, world)["decision"] == "REASK"


def test_the_same_changes_are_the_same_plan(world: World):
    request, event = asked(world)
    update.await_change_set(event, world)
    assert planning.prepare_plan(event, world)["planDigest"] == request.plan.digest
