"""A change that cannot be made is refused at the door, and one that is asked about says it is one."""

import pytest
from tests.unit.steps.test_twice import asked, awaited, operating, updating
from tests.workflow.world import ADA, World

from autoprovision.domain.errors import ConflictError, InvalidInputError
from autoprovision.steps import quota
from autoprovision.usecases import updates
from autoprovision.usecases.approval_questions import question_text

CHANGE = "req_01jf0000000000000000000000"


@pytest.mark.parametrize("verb", ["update", "publish"])
def test_without_a_stack_nothing_is_accepted(world: World, verb: str):
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    world.stacks.becomes(application.stack_id, "DELETE_COMPLETE")
    ada = world.users.by_email(ADA).actor()
    changes = ({"ProjectEmail": "new@uni.edu"},) if verb == "update" else ()
    with pytest.raises(ConflictError) as refused:
        getattr(updates, verb)(ada, application.id, *changes, world, request_id=CHANGE)
    assert refused.value.reason == "STACK_GONE"
    assert world.records.application(application.id).operation is None


def test_every_fault_of_a_change_is_named_at_once(world: World):
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    change = {
        "ApplicationName": "x", "TargetEnvironment": "prod", "ExpiresAfter": "9d", "Bogus": 1,
        "ProjectType": "static", "upgrade": "yes",
    }  # fmt: skip
    with pytest.raises(InvalidInputError) as refused:
        updates.wish_of(application, change)
    assert {(one.pointer, one.code) for one in refused.value.faults} == {
        ("/ApplicationName", "INVALID_VALUE"), ("/TargetEnvironment", "IMMUTABLE"),
        ("/ExpiresAfter", "IMMUTABLE"), ("/Bogus", "UNKNOWN_KEY"), ("/upgrade", "INVALID_VALUE"),
    }  # fmt: skip


def test_a_key_that_stands_twice_is_named_as_it_was_sent(world: World):
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    change = {"ProjectEmail": "a@uni.edu", "projectemail": "b@uni.edu", "targetENVIRONMENT": "prod"}
    with pytest.raises(InvalidInputError) as refused:
        updates.wish_of(application, change)
    assert {(one.pointer, one.code) for one in refused.value.faults} == {
        ("/projectemail", "DUPLICATE_KEY"), ("/targetENVIRONMENT", "IMMUTABLE"),
    }  # fmt: skip


def test_the_question_of_an_update_is_about_an_update(world: World):
    request, _ = updating(world)
    assert f"{ADA} update shop (static-site 1.0.0 in dev), then for" in question_text(
        request, request.plan
    )


def test_the_question_of_a_new_application_is_about_having_it(world: World):
    request, _ = asked(world)
    assert f"{ADA} have shop (static-site in stag) for $" in question_text(request, request.plan)


def test_one_machine_is_one(world: World):
    request, _ = operating(world)
    assert "on 1 machine of shop" in question_text(request, request.plan)
