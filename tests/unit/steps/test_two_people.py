"""An application in prod is ended by two people, and a question that nobody answers is not lost."""

from datetime import timedelta

import pytest
from tests.unit.steps.test_twice import awaited
from tests.workflow.world import ADA, BOB, EVE, ROOT, World

from autoprovision.domain.actor import Actor
from autoprovision.domain.application import Application
from autoprovision.domain.clock import iso, moment
from autoprovision.domain.errors import ConflictError, UnavailableError
from autoprovision.domain.request import Request
from autoprovision.steps import quota
from autoprovision.usecases import applications, terminations
from autoprovision.usecases.expiry import GRACE, tend_expiring
from autoprovision.usecases.terminations import CONFIRM_WITHIN, TERMINATION_ASKED

ENDING = "req_01jg0000000000000000000000"


@pytest.fixture
def living(world: World) -> Application:
    _, event = awaited(world)
    quota.commit_quota(event, world)
    found = world.records.applications(None, limit=1).items[0]
    return world.records.patch_application(found.id, target_environment="prod")


def who(world: World, email: str) -> Actor:
    return world.users.by_email(email).actor()


def now(world: World, application: Application) -> Application:
    return world.records.application(application.id)


def ask(world: World, application: Application, email: str = ADA) -> Application | Request:
    return terminations.terminate(who(world, email), application.id, world, request_id=ENDING)


def asked_mails(world: World) -> list[str]:
    return [mail.to for mail in world.mails() if mail.subject.startswith("Please confirm")]


def expired(world: World, application: Application) -> None:
    world.outside.clock = moment(application.expires_at) + GRACE
    world.records.patch_application(application.id, expiry_reminders=3)


def test_those_who_may_confirm_are_told_and_nobody_else(world: World, living: Application):
    asked = ask(world, living)
    assert (asked.reason, asked.updated_at) == (TERMINATION_ASKED, iso(world.now()))
    assert sorted(asked_mails(world)) == [BOB, EVE]
    told = next(mail for mail in world.mails() if mail.to == BOB)
    assert f"autoprovision application confirm-termination {living.id}" in told.text
    ask(world, living)
    assert len(asked_mails(world)) == 2


def test_an_approver_who_asks_is_not_asked(world: World, living: Application):
    ask(world, living, BOB)
    assert asked_mails(world) == [EVE]


def test_admins_are_asked_where_there_is_no_other_approver(world: World, living: Application):
    for email in (BOB, EVE):
        world.users.save(world.users.by_email(email).with_(status="DISABLED"))
    ask(world, living)
    assert asked_mails(world) == [ROOT]


def test_a_question_whose_mail_failed_is_not_asked(world: World, living: Application):
    world.breaking("mail", error=UnavailableError("SES does not answer."))
    with pytest.raises(UnavailableError):
        ask(world, living)
    assert now(world, living).termination_asked_at is None
    ask(world, living)
    assert sorted(asked_mails(world)) == [BOB, EVE]


def test_who_expired_is_asked_about_until_somebody_answers(world: World, living: Application):
    expired(world, living)
    for weeks in range(3):
        assert tend_expiring(world) == {"asked": 1}
        assert tend_expiring(world) == {}
        assert len(asked_mails(world)) == 2 * (weeks + 1)
        assert len([one for one, _ in world.operators.told if "expired" in one]) == weeks + 1
        world.outside.clock += CONFIRM_WITHIN + timedelta(seconds=1)
    tend_expiring(world)
    terminations.confirm_termination(who(world, BOB), living.id, world, request_id=ENDING)
    assert world.records.request(ENDING).kind == "terminate"


def test_a_question_of_long_ago_does_not_keep_it_alive(world: World, living: Application):
    ask(world, living)
    expired(world, living)
    world.outside.clock += CONFIRM_WITHIN
    assert tend_expiring(world) == {"asked": 1}
    assert now(world, living).termination_asked_by == "autoprovision"


def test_whoever_extends_it_takes_the_question_back(world: World, living: Application):
    ask(world, living)
    extended = applications.extend(who(world, ADA), living.id, "7d", world)
    assert (extended.termination_asked_by, extended.reason) == (None, "EXTENDED")
    with pytest.raises(ConflictError) as refused:
        terminations.confirm_termination(who(world, BOB), living.id, world, request_id=ENDING)
    assert refused.value.reason == "NOT_ASKED"
    assert living.id in refused.value.extras["advice"]


def test_so_it_is_with_one_that_has_no_end(world: World, living: Application):
    world.records.patch_application(living.id, expires_at=None)
    ask(world, living)
    assert applications.extend(who(world, ADA), living.id, "7d", world).reason == "EXTENDED"


def test_what_is_being_ended_is_not_extended(world: World, living: Application):
    ask(world, living)
    terminations.confirm_termination(who(world, BOB), living.id, world, request_id=ENDING)
    with pytest.raises(ConflictError) as refused:
        applications.extend(who(world, ADA), living.id, "7d", world)
    assert refused.value.extras["operation"] == ENDING


def test_an_extension_that_came_in_between_wins_over_the_confirmation(
    world: World, living: Application, monkeypatch: pytest.MonkeyPatch
):
    ask(world, living, ADA)
    read = now(world, living)
    applications.extend(who(world, ADA), living.id, "7d", world)
    monkeypatch.setattr(terminations, "within_reach", lambda *_: read)
    with pytest.raises(ConflictError):
        terminations.confirm_termination(who(world, BOB), living.id, world, request_id=ENDING)
    assert now(world, living).operation is None
    assert now(world, living).termination_asked_by is None
