"""Expiry and audit: each deed once, whenever it is looked at and whatever failed before."""

from datetime import timedelta

import pytest
from tests.unit.steps.test_twice import awaited, updating
from tests.workflow.world import ADA, World

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import moment
from autoprovision.domain.drift import Difference, Drift
from autoprovision.domain.errors import ConflictError, UnavailableError
from autoprovision.domain.request import RequestStatus
from autoprovision.steps import quota
from autoprovision.usecases import applications, terminations
from autoprovision.usecases.audit import audit, drift_of
from autoprovision.usecases.expiry import GRACE, ending_request_id, tend_expiring


@pytest.fixture
def living(world: World) -> Application:
    _, event = awaited(world)
    quota.commit_quota(event, world)
    return world.records.applications(None, limit=1).items[0]


def until(world: World, application: Application, left: timedelta) -> None:
    """Drive the clock to so long before the end."""
    world.outside.clock = moment(application.expires_at) - left


def subjects(world: World) -> list[str]:
    return [mail.subject for mail in world.mails() if "end" in mail.subject]


def test_it_is_told_three_times_and_then_ended_once(world: World, living: Application):
    assert tend_expiring(world) == {}
    told = []
    for left in (timedelta(days=3), timedelta(days=1), timedelta(0)):
        until(world, living, left)
        assert tend_expiring(world) == {"reminded": 1}
        assert tend_expiring(world) == {}
        told.append(len(subjects(world)))
    assert told == [1, 2, 3]
    until(world, living, -GRACE + timedelta(seconds=1))
    assert tend_expiring(world) == {}
    until(world, living, -GRACE)
    assert tend_expiring(world) == {"expired": 1}
    assert tend_expiring(world) == {}
    ending = world.records.request(ending_request_id(living))
    assert (ending.kind, ending.status) == ("terminate", RequestStatus.SUBMITTED)
    assert world.deeds().count("start") == 2


def test_a_long_silence_is_made_up_for_with_one_mail(world: World, living: Application):
    until(world, living, timedelta(0))
    assert tend_expiring(world) == {"reminded": 1}
    assert len(subjects(world)) == 1


def test_a_mail_that_failed_is_sent_by_the_next_pass(world: World, living: Application):
    until(world, living, timedelta(days=1))
    world.breaking("mail")
    assert tend_expiring(world) == {"failed": 1}
    assert tend_expiring(world) == {"reminded": 1}
    assert len(subjects(world)) == 1


def test_an_extended_life_is_told_anew(world: World, living: Application):
    until(world, living, timedelta(0))
    tend_expiring(world)
    actor = world.users.by_email(ADA).actor()
    longer = applications.extend(actor, living.id, "7d", world)
    assert tend_expiring(world) == {}
    until(world, longer, timedelta(days=3))
    assert tend_expiring(world) == {"reminded": 1}
    assert len(subjects(world)) == 2


def test_a_lock_that_a_crash_left_is_freed(world: World, living: Application):
    world.records.patch_application(living.id, operation=living.request_id)
    actor = world.users.by_email(ADA).actor()
    with pytest.raises(ConflictError) as refused:
        terminations.terminate(actor, living.id, world, request_id="req_01jg0000000000000000000000")
    assert refused.value.reason == "OPERATION_IN_PROGRESS"
    assert audit(world)["freed"] == 1
    assert audit(world)["freed"] == 0
    terminations.terminate(actor, living.id, world, request_id="req_01jg0000000000000000000000")


def test_a_lock_that_is_held_stays(world: World):
    request, _ = updating(world)
    assert audit(world)["freed"] == 0
    assert world.application(request).operation == request.id


def test_drift_is_begun_read_and_told_once(world: World, living: Application):
    actor = world.users.by_email(ADA).actor()
    one = Difference(resource="Site", type="AWS::S3::Bucket", path="/X", change="NOT_EQUAL",
                     expected="a", actual="b")  # fmt: skip
    world.drift.found[living.stack_id] = Drift(status="DRIFTED", differences=(one,))
    assert drift_of(actor, living.id, world)["status"] == "NOT_CHECKED"
    assert (audit(world)["begun"], audit(world)["read"]) == (1, 1)
    assert drift_of(actor, living.id, world)["differences"][0]["path"] == "/X"
    for _ in range(2):
        audit(world)
    told = [text for _, text in world.operators.told if "by hand" in text]
    assert len(told) == 1
    world.drift.found[living.stack_id] = Drift(status="IN_SYNC")
    for _ in range(2):
        audit(world)
    assert world.findings.list(standing=True, limit=10).items == ()


def test_an_audit_that_cannot_look_does_not_pretend(world: World, living: Application):
    world.breaking("detect", error=UnavailableError("CloudFormation does not answer."))
    with pytest.raises(UnavailableError):
        audit(world)
    assert audit(world)["begun"] == 1


def test_a_stack_that_is_gone_is_found(world: World, living: Application):
    world.stacks.becomes(living.stack_id, "DELETE_COMPLETE")
    assert audit(world)["found"] == {"APPLICATION_WITHOUT_STACK": 1}
    assert world.records.application(living.id).status is ApplicationStatus.AVAILABLE
