"""What outlives a stack: an operator's decision, the template's, and AWS's; told and recorded."""

import pytest
from tests.workflow.engine import Engine
from tests.workflow.test_approvals_and_cancels import terminate
from tests.workflow.world import ADA, ROOT, World, catalog, manifest, published

from autoprovision.domain.errors import ConflictError, InvalidInputError
from autoprovision.domain.finding import Finding
from autoprovision.domain.request import Request
from autoprovision.domain.stack import StackResource
from autoprovision.usecases import resumption, terminations


def stuck(world: World, engine: Engine) -> Request:
    """A termination whose bucket refuses to go."""
    engine.run("provision", world.submit().id)
    refusing = StackResource(
        logical_id="Site", type="AWS::S3::Bucket", physical_id="site", status="DELETE_FAILED",
        reason="Access Denied.",
    )  # fmt: skip
    going = refusing.with_(logical_id="Other", physical_id="other", status="DELETE_COMPLETE")
    world.stacks.resources = lambda _: [refusing, going]
    world.stacks.delete_ends = ["DELETE_FAILED"]
    ending = terminate(world)
    assert engine.run("terminate", ending.id)["error"] == "NeedsOperator"
    return world.records.request(ending.id)


def findings(world: World) -> list[Finding]:
    return list(world.findings.list(standing=True, limit=50).items)


def test_what_an_operator_leaves_behind_is_recorded_and_told(world: World, engine: Engine):
    ending = stuck(world, engine)
    assert "autoprovision request resume" in ending.message
    assert "--retain Site" in ending.message
    root = world.users.by_email(ROOT).actor()
    resumed = resumption.resume(
        root, ending.id, world, retain=["Site"], comment="The lab keeps it."
    )
    assert resumed.retain == {"Site": "The lab keeps it. Access Denied."}
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    world.sites.live["site"] = ["index.html"]
    engine.run("terminate", ending.id, resume="compensate")
    done = world.records.request(ending.id)
    assert done.status == "SUCCEEDED"
    assert done.message.endswith("Kept: Site (site).")
    assert world.stacks.retained == ["Site"]
    assert world.sites.live["site"], "what is left behind is not emptied"
    (finding,) = findings(world)
    assert (finding.kind, finding.left.by, finding.left.physical_id) == ("RETAINED", ROOT, "site")
    assert finding.left.application_id == done.application_id
    assert finding.left.business_unit == "cs"
    assert finding.left.monthly_credits == 10, "ten units at a cent, as the plan says"
    assert "Kept: Site (site)." in world.mails()[-1].text


@pytest.mark.parametrize(
    ("retain", "codes"),
    [
        (["Nothing", "Other"], {"/retain/0": "UNKNOWN_RESOURCE", "/retain/1": "NOT_FAILED"}),
        (["Site", "Other"], {"/retain/1": "NOT_FAILED"}),
    ],
)
def test_only_what_failed_to_be_deleted_is_left_behind(
    world: World, engine: Engine, retain: list[str], codes: dict[str, str]
):
    ending = stuck(world, engine)
    with pytest.raises(InvalidInputError) as refused:
        resumption.resume(world.users.by_email(ROOT).actor(), ending.id, world, retain=retain)
    assert {one.pointer: one.code for one in refused.value.faults} == codes
    kept = world.records.request(ending.id)
    assert (kept.retain, kept.execution, kept.status) == ({}, 0, "NEEDS_OPERATOR")


def test_nothing_is_left_behind_of_a_stack_that_can_be_deleted(world: World, engine: Engine):
    ending = stuck(world, engine)
    world.stacks.becomes(ending.stack_id, "CREATE_COMPLETE")
    root = world.users.by_email(ROOT).actor()
    with pytest.raises(InvalidInputError) as refused:
        resumption.resume(root, ending.id, world, retain=["Site"])
    assert [one.code for one in refused.value.faults] == ["NOTHING_TO_RETAIN"]
    resumption.resume(root, ending.id, world)
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    engine.run("terminate", ending.id, resume="compensate")
    with pytest.raises(ConflictError):
        resumption.resume(root, ending.id, world, retain=["Site"])


def test_a_failed_provision_may_leave_something_behind_too(world: World, engine: Engine):
    world.catalog.publish(catalog(published(manifest()), cents="0.01"))
    request = world.submit()
    world.stacks.create_ends = "ROLLBACK_FAILED"
    world.stacks.delete_ends = ["DELETE_FAILED"]
    refusing = StackResource(
        logical_id="Site", type="AWS::S3::Bucket", physical_id="site", status="DELETE_FAILED"
    )
    world.stacks.resources = lambda _: [refusing]
    engine.run("provision", request.id)
    resumption.resume(world.users.by_email(ROOT).actor(), request.id, world, retain=["Site"])
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    engine.run("provision", request.id, resume="compensate")
    done = world.records.request(request.id)
    assert done.status == "FAILED"
    assert done.message.endswith("Kept: Site (site).")
    (finding,) = findings(world)
    assert finding.kind == "RETAINED"
    assert finding.left.monthly_credits == 1, "a part of a cent is a cent, as everywhere"


def test_what_the_blueprint_keeps_is_told_before_and_after_and_recorded(
    world: World, engine: Engine
):
    document = manifest(keptOnTerminate=["Policy"])
    document["topologies"]["dev"]["keeps"] = {"Site": "its backups, for 30 days", "None": "x"}
    world.catalog.publish(catalog(published(document)))
    world.stacks.keeps = ["Policy"]
    first = world.submit()
    engine.run("provision", first.id)
    ada = world.users.by_email(ADA).actor()
    told = terminations.ending(ada, world.application(first).id, world)
    assert told["kept"] == [
        {"resource": "Policy", "what": "as it is"},
        {"resource": "Site", "what": "its backups, for 30 days"},
    ]
    assert [one["resource"] for one in told["lost"]] == ["Logs", "Site"]
    assert all(one["what"] for one in told["lost"])
    ending = terminate(world)
    engine.run("terminate", ending.id)
    done = world.records.request(ending.id)
    assert done.message.endswith("Kept: Policy (site); of Site (site) its backups, for 30 days.")
    kinds = {(one.kind, one.left.logical_id, one.left.by) for one in findings(world)}
    assert kinds == {("KEPT", "Policy", "static-site"), ("KEPT", "Site", "static-site")}
