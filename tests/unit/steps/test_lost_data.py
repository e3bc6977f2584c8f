"""An update that loses data is judged for it, in the preview and before it is carried out."""

import pytest
from tests.unit.steps.test_twice import changing
from tests.workflow.world import ADA, World

from autoprovision.domain.change import ResourceChange
from autoprovision.domain.held_data import HeldData
from autoprovision.domain.policy import Policy
from autoprovision.domain.policy_document import parse_policy
from autoprovision.steps import plan as planning
from autoprovision.steps import update
from autoprovision.usecases import updates

LOST = ResourceChange(logical_id="Site", type="AWS::S3::Bucket", effect="replaced")
ROLLED = ResourceChange(
    logical_id="Machines", type="AWS::AutoScaling::AutoScalingGroup", effect="changed",
    properties=("LaunchTemplate",),
)  # fmt: skip
DISKS = HeldData(what="what is on the disks", lost_by="modification", properties=["LaunchTemplate"])


def asking(weight: int) -> Policy:
    return parse_policy({
        "name": "careful", "version": "2", "thresholds": {"oneApprover": 5, "twoApprovers": 10, "refuse": 100},
        "rules": [{"id": "lost", "reason": "It loses {lostData}.", "weight": weight, "when": {"operation": ["update"], "replacesData": True}}],
    })  # fmt: skip


def with_change_set(world: World, weight: int, *changes: ResourceChange):
    world.catalog.publish_policy(asking(weight), by="root", at="")
    request, event = changing(world)
    world.change_sets.usual = world.change_sets.usual.with_(changes=changes)
    update.await_change_set(event, world)
    return request, event


def test_people_are_asked_when_the_change_set_loses_data(world: World):
    request, event = with_change_set(world, 5, LOST)
    before = world.records.request(request.id)
    assert before.plan.approval.verdict == "AUTOMATIC"
    asked = planning.prepare_plan(event, world)
    after = world.records.request(request.id)
    assert asked["verdict"] == "ASK"
    assert after.plan.approval.reasons == ("It loses the bucket's files (Site).",)
    assert after.plan.digest == after.plan.computed_digest() == asked["planDigest"]
    assert after.plan.digest != before.plan.digest
    assert (after.preview.plan_digest, after.preview.approval) == (
        after.plan.digest,
        after.plan.approval,
    )
    assert after.preview.loses_data == ("the bucket's files (Site)",)
    # What a proposed policy would be replayed over.
    assert after.facts["lostData"] == ["the bucket's files (Site)"]


def test_judging_it_twice_asks_about_the_same_plan(world: World):
    _, event = with_change_set(world, 5, LOST)
    first = planning.prepare_plan(event, world)
    assert planning.prepare_plan(event, world)["planDigest"] == first["planDigest"]


def test_a_policy_may_refuse_it(world: World):
    _, event = with_change_set(world, 100, LOST)
    with pytest.raises(Exception, match="It loses the bucket's files"):
        planning.prepare_plan(event, world)


def test_what_loses_nothing_is_not_asked_about(world: World):
    _, event = with_change_set(world, 5, LOST.with_(kept=True))
    assert planning.prepare_plan(event, world)["verdict"] == "READY"


def test_the_preview_says_who_would_be_asked(world: World):
    request, _ = with_change_set(world, 5, LOST)
    application = world.application(request)
    world.records.patch_application(application.id, operation=None)
    ada = world.users.by_email(ADA).actor()
    plan, shown = updates.make_preview(ada, application.id, {"ProjectEmail": "n@uni.edu"}, world)
    assert plan.approval.verdict == "AUTOMATIC"
    assert shown.approval.verdict == "ONE_APPROVER"
    # What is sent with the update is the plan that admission makes.
    assert shown.plan_digest == plan.digest


def declaring(world: World, **data: HeldData) -> None:
    """Let every blueprint declare what its resources hold."""
    catalog = world.catalog.catalog()
    world.catalog.publish(catalog.with_(blueprints=tuple(
        one.with_(manifest=one.manifest.with_(data=data)) for one in catalog.blueprints
    )))  # fmt: skip


def test_a_modification_that_the_blueprint_says_loses_data_is_judged_too(world: World):
    declaring(world, Machines=DISKS)
    request, event = with_change_set(world, 5, ROLLED)
    assert planning.prepare_plan(event, world)["verdict"] == "ASK"
    after = world.records.request(request.id)
    assert after.preview.loses_data == ("what is on the disks (Machines)",)
    assert [one.lost for one in after.preview.changes] == ["what is on the disks"]
    assert after.plan.approval.reasons == ("It loses what is on the disks (Machines).",)
    told = update.await_change_set(event, world)["message"]
    assert told == "Machines changed. It loses what is on the disks (Machines)."


def test_a_modification_of_something_else_is_not(world: World):
    _, event = with_change_set(world, 5, ROLLED)
    assert planning.prepare_plan(event, world)["verdict"] == "READY"
