"""Price lines that count only where they are asked for: in plans, in holds, in updates."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.workflow.world import ADA, World, catalog, manifest, published

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.blueprint import Blueprint
from autoprovision.domain.quota import unit_account
from autoprovision.domain.request import TargetEnvironment
from autoprovision.usecases import blueprints, plans, submission, updates

DEV = TargetEnvironment.DEV
REQUEST = {
    "ApplicationName": "shop", "TargetEnvironment": "dev", "ProjectType": "Static",
    "ProjectURL": "github.com/acme/site", "ProjectEmail": "team@uni.edu",
}  # fmt: skip
DATABASE = {"type": "choice", "description": "Which.", "default": "none", "choices": ["none", "small", "big"]}  # fmt: skip


def with_database(**changes: Any) -> dict[str, Any]:
    """10 credits a month, 110 with a small database, 1,010 with a big one."""
    prices = [
        {"resource": "Site", "price": "storage", "quantity": "10"},
        {"resource": "Site", "price": "storage", "quantity": "100", "when": {"Database": "small"}},
        {"resource": "Site", "price": "storage", "quantity": "1000", "when": {"Database": ["big"]}},
    ]
    topologies = {env: {"prices": prices, "defaultExpiry": "7d"} for env in ("dev", "prod")}
    return manifest(parameters={"Database": DATABASE}, topologies=topologies, **changes)


@pytest.fixture
def world() -> World:
    found = World()
    found.catalog.publish(catalog(published(with_database())))
    return found


def asked(database: str | None) -> dict[str, Any]:
    return REQUEST | ({"Parameters": {"Database": database}} if database else {})


@pytest.mark.parametrize(
    ("database", "credits_"), [(None, 10), ("none", 10), ("small", 110), ("BIG", 1010)]
)
def test_a_plan_counts_what_is_asked_for(world: World, database: str | None, credits_: int):
    plan = plans.make(world.users.by_email(ADA).actor(), asked(database), world)
    assert plan.monthly_credits == credits_
    assert len(plan.price_lines) == (1 if credits_ == 10 else 2)


def test_what_is_asked_for_has_to_fit_the_quota(world: World):
    world.records.set_limit(unit_account("cs"), 500, by="test", at="2026-11-01T00:00:00.000Z")
    ada = world.users.by_email(ADA).actor()
    assert plans.make(ada, asked("small"), world).quota.fits
    refused = plans.make(ada, asked("big"), world)
    assert (refused.quota.fits, refused.quota.short_by) == (False, 510)
    # Another environment is no way out: it has the same database.
    assert "In prod" not in (refused.quota.advice or "")


def test_the_basis_of_an_approval_holds_what_was_asked_for(world: World):
    request = submission.submit(
        world.users.by_email(ADA).actor(), asked("small"), world,
        request_id="req_01jd0000000000000000000000",
    )  # fmt: skip
    assert request.plan is not None
    assert world.records.hold(request.id).credits == 110
    assert plans.current_basis(request, world) == request.plan.basis


def live(world: World, database: str | None) -> Application:
    request = submission.submit(
        world.users.by_email(ADA).actor(), asked(database), world,
        request_id="req_01jd0000000000000000000000",
    )  # fmt: skip
    application = world.records.application(request.application_id)
    return application.with_(status=ApplicationStatus.AVAILABLE)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [(None, "small", 100), ("small", "big", 900), ("small", None, -100)],
)
def test_an_update_takes_or_gives_back_the_difference(
    world: World, before: str | None, after: str | None, more: int
):
    application = live(world, before)
    wish = updates.wish_of(application, {"Parameters": {"Database": after}})
    found = updates.planned(world.users.by_email(ADA).actor(), application, wish, world)
    assert found.plan.monthly_credits - application.monthly_credits == more


def test_a_blueprint_is_shown_with_what_its_options_cost(world: World):
    shown = blueprints.show(world.users.by_email(ADA).actor(), "static-site", world)
    assert shown["monthlyCredits"] == {"dev": 10, "prod": 10}
    assert [one["monthlyCents"] for one in shown["topologies"]["dev"]["priceLines"]] == ["10"]
    assert shown["topologies"]["dev"]["options"] == [
        {"parameters": {"Database": "small"}, "monthlyCredits": 110},
        {"parameters": {"Database": "big"}, "monthlyCredits": 1010},
    ]


def test_two_conditions_have_to_hold_together():
    kept = {"type": "boolean", "description": "Kept?", "default": False}
    size = {"type": "integer", "description": "GB.", "default": 1}
    prices = [
        {"resource": "Site", "price": "storage", "when": {"Kept": "true", "Size": ["5", "7"]}}
    ]
    one = Blueprint.model_validate(
        manifest(parameters={"Kept": kept, "Size": size}, topologies={"dev": {"prices": prices}})
    )
    assert one.quantities(DEV) == ()
    assert one.quantities(DEV, {"Kept": "true", "Size": "1"}) == ()
    assert len(one.quantities(DEV, {"Kept": "true", "Size": "7"})) == 1
    assert one.options(DEV) == (
        {"Kept": "true", "Size": "5"},
        {"Kept": "true", "Size": "7"},
    )


@pytest.mark.parametrize(
    ("when", "sentence"),
    [
        ({"Databse": "small"}, "depends on Databse, which is not among the parameters"),
        ({"Database": "huge"}, "waits for Database to be 'huge', which it never is"),
        ({"Database": ["small", "Big"]}, "waits for Database to be 'Big', which it never is"),
        ({"Database": []}, "waits for Database to be nothing"),
        ({}, "has a condition without a parameter"),
    ],
)
def test_a_condition_that_can_never_hold_is_a_fault(when: dict[str, Any], sentence: str):
    document = with_database()
    document["topologies"] = {
        "dev": {"prices": [{"resource": "Site", "price": "storage", "when": when}]}
    }
    with pytest.raises(ValidationError, match=sentence):
        Blueprint.model_validate(document)


def test_a_blueprint_without_conditions_keeps_its_document():
    """Else what is published would be another content under the same version."""
    document = Blueprint.model_validate(manifest()).document()
    assert all("when" not in line for line in document["topologies"]["dev"]["prices"])
