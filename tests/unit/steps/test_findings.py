"""The audit keeps what it finds: told once, closed when it is gone, and looked for everywhere."""

from datetime import timedelta

import pytest
from tests.unit.steps.test_twice import awaited, closed
from tests.workflow.world import ADA, ROOT, World
from ulid import ULID

from autoprovision.domain.application import Application
from autoprovision.domain.clock import iso
from autoprovision.domain.drift import Drift
from autoprovision.domain.errors import ConflictError, ForbiddenError, InvalidInputError
from autoprovision.domain.finding import Finding, FindingKind, LeftResource
from autoprovision.ports import TaggedResource
from autoprovision.steps import quota
from autoprovision.usecases import findings
from autoprovision.usecases.audit import audit

K = FindingKind


@pytest.fixture
def living(world: World) -> Application:
    _, event = awaited(world)
    quota.commit_quota(event, world)
    world.names.kept.clear()
    return world.records.applications(None, limit=1).items[0]


def pass_(world: World) -> dict:
    world.outside.clock += timedelta(hours=2)
    return audit(world)["found"]


def stands(world: World) -> list[tuple[str, str]]:
    return [(one.kind, one.status) for one in world.findings.list(standing=True, limit=50).items]


def told(world: World) -> list[str]:
    return [text for subject, text in world.operators.told if "findings" in subject]


def only(world: World) -> Finding:
    (found,) = world.findings.list(standing=True, limit=50).items
    return found


def test_a_world_in_order_has_none(world: World, living: Application):
    world.tagged.found = [TaggedResource("arn:aws:s3:::site", living.id)]
    world.names.put("shop.dev.apps.test", "A")
    assert pass_(world) == {}
    assert stands(world) == []
    assert told(world) == []


def test_a_finding_is_told_once_and_closed_when_it_is_gone(world: World, living: Application):
    status = world.stacks.stacks[living.stack_id]
    world.stacks.becomes(living.stack_id, "DELETE_COMPLETE")
    for _ in range(3):
        pass_(world)
    assert stands(world) == [(K.APPLICATION_WITHOUT_STACK, "OPEN")]
    assert len(told(world)) == 1
    first = only(world)
    assert first.last_seen > first.first_seen
    world.stacks.stacks[living.stack_id] = status
    pass_(world)
    assert stands(world) == []
    assert world.findings.get(first.id).status == "GONE"
    world.stacks.becomes(living.stack_id, "DELETE_COMPLETE")
    pass_(world)
    assert only(world).first_seen > first.last_seen
    assert len(told(world)) == 2, "it came back"


def test_operators_say_that_they_know_and_are_not_told_again(world: World, living: Application):
    root = world.users.by_email(ROOT).actor()
    world.stacks.becomes(living.stack_id, "DELETE_COMPLETE")
    pass_(world)
    said = findings.acknowledge(root, only(world).id, world, comment=" Ada looks. ")
    assert (said.status, said.acknowledged_by, said.comment) == ("ACKNOWLEDGED", ROOT, "Ada looks.")
    pass_(world)
    assert stands(world) == [(K.APPLICATION_WITHOUT_STACK, "ACKNOWLEDGED")]
    closed_ = findings.resolve(root, said.id, world, comment="Done.")
    assert closed_.status == "GONE"
    with pytest.raises(ConflictError):
        findings.acknowledge(root, said.id, world, comment="late")
    pass_(world)
    assert stands(world) == [(K.APPLICATION_WITHOUT_STACK, "OPEN")], "it is still there"


def test_only_admins_see_findings_and_a_remark_needs_words(world: World, living: Application):
    ada, root = (world.users.by_email(one).actor() for one in (ADA, ROOT))
    with pytest.raises(ForbiddenError):
        findings.list_findings(ada, world, gone_ones=False, limit=1, after=None)
    with pytest.raises(ForbiddenError):
        findings.show(ada, "fnd_1", world)
    with pytest.raises(InvalidInputError):
        findings.resolve(root, "fnd_1", world, comment="  ")


def test_what_carries_the_tag_of_nothing_live_is_found(world: World, living: Application):
    world.tagged.found = [
        TaggedResource("arn:aws:sqs:::left", "app_gone"),
        TaggedResource("arn:aws:cloudformation:x:1:stack/left/1", "app_gone"),
        TaggedResource("arn:aws:s3:::site", living.id),
    ]
    assert pass_(world) == {K.RESOURCE_WITHOUT_APPLICATION: 1}
    assert only(world).subject == "arn:aws:sqs:::left"


def test_what_has_just_ended_may_still_be_listed(world: World):
    request, _ = closed(world)
    application = world.application(request)
    world.tagged.found = [TaggedResource("arn:aws:sqs:::left", application.id)]
    world.stacks.becomes(application.stack_id, "DELETE_COMPLETE")
    world.names.kept.clear()
    assert audit(world)["found"] == {}
    assert pass_(world) == {K.RESOURCE_WITHOUT_APPLICATION: 1}


def test_names_that_lead_to_no_application_are_found(world: World, living: Application):
    for name in ("left.dev.apps.test", "_x.dev.apps.test", "portal.apps.test", "a.b.dev.apps.test"):
        world.names.put(name, "A")
    world.names.put("shop.dev.apps.test", "A", "AAAA")
    assert pass_(world) == {K.NAME_WITHOUT_APPLICATION: 1}
    assert only(world).subject == "left.dev.apps.test"


def test_credentials_that_nobody_can_use_are_forgotten(world: World):
    request, _ = closed(world)
    arn = world.secrets.put(request.id, {"AccessToken": "x"})
    world.stacks.becomes(world.application(request).stack_id, "DELETE_COMPLETE")
    world.names.kept.clear()
    assert audit(world)["found"] == {}
    assert arn in world.secrets.kept, "it has only just ended"
    assert pass_(world) == {}
    assert arn not in world.secrets.kept


def test_credentials_in_use_stay_and_unknown_ones_are_told(world: World, living: Application):
    unknown = "req_01jd9999999999999999999999"
    made_now = f"req_{str(ULID.from_datetime(world.now() + timedelta(hours=2))).lower()}"
    for request_id in (unknown, made_now):
        world.secrets.put(request_id, {"AccessToken": "x"})
    before = set(world.secrets.kept)
    assert pass_(world) == {K.SECRET_WITHOUT_APPLICATION: 1}, "one may be under way to admission"
    assert only(world).subject == unknown
    assert set(world.secrets.kept) == before


def test_an_open_question_without_a_request_is_found(world: World, living: Application):
    from tests.unit.domain.approval_cases import approval

    world.approvals.open(approval(request_id="req_gone"), "token")
    assert pass_(world) == {K.QUESTION_WITHOUT_REQUEST: 1}


def test_a_look_that_comes_to_its_bound_closes_nothing(
    world: World, living: Application, monkeypatch: pytest.MonkeyPatch
):
    from autoprovision.usecases import looks

    world.tagged.found = [TaggedResource(f"arn:aws:sqs:::{n}", "app_gone") for n in range(3)]
    pass_(world)
    monkeypatch.setattr(looks, "PAGE", 1)
    monkeypatch.setattr(looks, "_MOST_PAGES", 2)
    assert pass_(world) == {K.RESOURCE_WITHOUT_APPLICATION: 2}
    assert len(stands(world)) == 3


def test_a_drift_that_cannot_be_seen_is_told(world: World, living: Application):
    world.drift.found[living.stack_id] = Drift(status="UNKNOWN", reason="not authorized to read")
    pass_(world)
    assert pass_(world) == {K.DRIFT_UNKNOWN: 1}


def left(living: Application) -> LeftResource:
    return LeftResource(
        type="AWS::S3::Bucket", physical_id="left-bucket", logical_id="Site", by=ROOT,
        stack_id="arn:stack", application_id="app_gone", application_name="shop",
        business_unit="cs", request_id="req_1", why="It is full.",
    )  # fmt: skip


def test_what_was_left_on_purpose_closes_when_it_is_seen_to_go(world: World, living: Application):
    finding = findings.leave(K.RETAINED, left(living), world)
    assert findings.leave(K.RETAINED, left(living), world) == finding
    pass_(world)
    assert only(world).left.arn is None, "never seen by its tags: nobody knows"
    world.tagged.found = [TaggedResource("arn:aws:s3:::left-bucket", "app_gone")]
    assert pass_(world) == {}, "it is known"
    assert only(world).left.arn == "arn:aws:s3:::left-bucket"
    world.tagged.found = []
    pass_(world)
    assert world.findings.get(finding.id).status == "GONE"
    again = findings.leave(K.RETAINED, left(living), world)
    assert (again.status, again.first_seen) == ("OPEN", iso(world.now()))
