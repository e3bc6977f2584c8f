"""Another repository in prod is asked about; new code of the same one is not a matter of policy."""

import pytest
from tests.unit.domain.policy_cases import default_policy, facts
from tests.unit.steps.test_twice import awaited
from tests.workflow.world import ADA, World

from autoprovision.domain.policy import evaluate
from autoprovision.steps import quota
from autoprovision.usecases import updates


@pytest.fixture
def world() -> World:
    return World()


def rules(**changes: object) -> list[str]:
    verdict = evaluate(default_policy(), facts(**changes))
    return [one.rule for one in verdict.reasons]


def test_another_repository_in_prod_takes_a_person_and_says_why():
    changed = {"environment": "prod", "operation": "update", "expiresAfter": None}
    verdict = evaluate(default_policy(), facts(**changed, sourceChanged=True))
    assert (verdict.verdict, [one.rule for one in verdict.reasons]) == (
        "ONE_APPROVER", ["prod-other-code"]
    )  # fmt: skip
    assert rules(**changed) == ["prod-by-a-person"]


def test_elsewhere_it_is_nothing_to_ask_about():
    for environment in ("dev", "stag"):
        assert "prod-other-code" not in rules(
            environment=environment, operation="update", sourceChanged=True
        )


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({"ProjectURL": "github.com/acme/other"}, True),
        ({"ProjectURL": "https://github.com/acme/site"}, False),
        ({"ProjectEmail": "new@uni.edu"}, False),
    ],
)
def test_an_update_is_judged_as_one_and_knows_its_source(
    world: World, change: dict[str, str], changed: bool
):
    _, event = awaited(world)
    quota.commit_quota(event, world)
    application = world.records.applications(None, limit=1).items[0]
    wish = updates.wish_of(application, change)
    found = updates.planned(world.users.by_email(ADA).actor(), application, wish, world)
    assert (found.facts.operation, found.facts.source_changed) == ("update", changed)
