"""WithdrawNames: a stack's records go first, and nobody else's."""

import pytest
from tests.workflow.world import World

from autoprovision.domain.errors import BusyError
from autoprovision.domain.stack import StackResource
from autoprovision.steps.names import withdraw_names

NAME = "shop.dev.apps.test"
REQUEST = "req_01jd0000000000000000000000"
RECORD = "AWS::Route53::RecordSet"


def record(
    name: str | None, status: str = "CREATE_COMPLETE", logical_id: str = "A"
) -> StackResource:
    return StackResource(logical_id=logical_id, type=RECORD, physical_id=name, status=status)


@pytest.fixture
def stack_id(world: World) -> str:
    world.submit()
    made = world.stacks.create({"StackName": "ap-dev-shop-1", "Tags": []})
    world.names.kept.clear()
    world.names.put(NAME, "A", "AAAA", "TXT")
    return str(made["StackId"])


def run(world: World, stack_id: str, *records: StackResource) -> dict:
    world.stacks.resources = lambda _: list(records)
    return withdraw_names({"requestId": REQUEST, "stackId": stack_id}, world)


def test_what_leads_somewhere_is_gone(world: World, stack_id: str):
    result = run(world, stack_id, record(NAME))
    assert result == {
        "retain": [],
        "message": "2 records were there, and none leads to it any more.",
    }
    assert world.names.kept == {NAME: {"TXT"}}


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_COMPLETE", "DELETE_SKIPPED"])
def test_a_record_that_the_stack_has_not_made_stays(world: World, stack_id: str, status: str):
    """CREATE_FAILED: somebody else has a record of that name."""
    assert run(world, stack_id, record(NAME, status))["message"] == "The stack has no names."
    assert world.names.kept == {NAME: {"A", "AAAA", "TXT"}}


@pytest.mark.parametrize("name", ["shop.example.org", "apps.test", "evilapps.test", None])
def test_names_outside_of_the_domain_stay(world: World, stack_id: str, name: str | None):
    if name:
        world.names.put(name, "A")
    before = {key: set(kinds) for key, kinds in world.names.kept.items()}
    run(world, stack_id, record(name))
    assert world.names.kept == before


def test_a_platform_without_a_zone_says_so(world: World, stack_id: str):
    from dataclasses import replace

    world.settings = replace(world.settings, hosted_zone_id="")
    assert "has no zone" in run(world, stack_id, record(NAME))["message"]
    assert world.names.kept[NAME] == {"A", "AAAA", "TXT"}


def test_a_stack_that_is_gone_has_none(world: World):
    world.submit()
    assert run(world, "arn:aws:cloudformation:x")["message"] == "The stack is gone already."


def test_only_verified_records_of_a_failed_deletion_are_retained(world: World, stack_id: str):
    other = "other.dev.apps.test"
    records = [
        record(other, "DELETE_FAILED", "Gone"), record(NAME, "DELETE_FAILED", "HasText"),
        record("x.example.org", "DELETE_FAILED", "Elsewhere"),
        record("third.dev.apps.test", "CREATE_COMPLETE", "NotTried"),
    ]  # fmt: skip
    assert run(world, stack_id, *records)["retain"] == []
    world.stacks.becomes(stack_id, "DELETE_FAILED")
    assert run(world, stack_id, *records)["retain"] == ["Gone"]


def test_somebody_at_work_is_tried_again(world: World, stack_id: str):
    world.breaking("withdraw", error=BusyError("Somebody is at work."))
    with pytest.raises(BusyError):
        run(world, stack_id, record(NAME))
