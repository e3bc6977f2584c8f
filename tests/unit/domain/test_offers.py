"""What a requester is told would be easier: only what the catalog has, and not for what runs."""

from typing import Any

import pytest
from tests.unit.steps.test_twice import awaited
from tests.workflow.world import ADA, World, catalog, manifest, published

from autoprovision.domain.request import parse_template
from autoprovision.steps import quota
from autoprovision.usecases import plans, updates


@pytest.fixture
def world() -> World:
    return World()


def lives(world: World, **lengths: tuple[str | None, str | None]) -> None:
    """Let the blueprint have these default and longest lives."""
    document = manifest()
    for name, (default, longest) in lengths.items():
        document["topologies"][name] |= {"defaultExpiry": default, "longestExpiry": longest}
    world.catalog.publish(catalog(published(document)))


def offered(world: World, **changes: Any) -> dict[str, str | None]:
    """The expiry of a request in the environments that it could have instead."""
    document = {
        "ApplicationName": "shop", "TargetEnvironment": "prod", "ProjectType": "Static",
        "ProjectURL": "github.com/acme/site", "ProjectEmail": "lab@uni.edu", **changes,
    }  # fmt: skip
    ada = world.users.by_email(ADA).actor()
    template = parse_template(document)
    unit = plans.unit_for(ada, template, "request.submit")
    facts = plans.plan_for(ada, template, unit, world).facts
    return {str(one.environment): one.expires_after for one in facts.offers}


def test_another_environment_is_offered_with_the_life_that_it_has_there(world: World):
    lives(world, dev=("7d", "60d"), stag=("30d", "180d"), prod=(None, None))
    assert offered(world) == {"dev": "1w", "stag": "30d"}
    assert offered(world, TargetEnvironment="dev") == {"stag": "30d", "prod": "never"}


def test_who_says_how_long_is_offered_where_that_may_be(world: World):
    lives(world, dev=("7d", "60d"), stag=("30d", "180d"), prod=(None, None))
    assert offered(world, ExpiresAfter="50d") == {"dev": None, "stag": None}
    assert offered(world, ExpiresAfter="90d") == {"stag": None}


def test_what_an_environment_does_not_take_is_not_offered(world: World):
    document = manifest()
    del document["topologies"]["stag"]
    world.catalog.publish(catalog(published(document)))
    assert set(offered(world)) == {"dev"}


def test_what_runs_stays_where_it_is(world: World):
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    wish = updates.wish_of(application, {"ProjectEmail": "new@uni.edu"})
    found = updates.planned(world.users.by_email(ADA).actor(), application, wish, world)
    assert found.facts.offers == ()
