"""Where a blueprint's containers cannot run, its stack is made and nothing pretends to answer."""

from dataclasses import replace

import pytest
from tests.workflow.world import World

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.request import RequestStatus
from autoprovision.steps import approval, notify, quota, url
from autoprovision.steps.errors import UrlNotReadyError


def world_without(*blueprints: str) -> World:
    world = World()
    world.settings = replace(world.settings, control_plane_only=frozenset(blueprints))
    return world


def launched(world: World) -> tuple[str, dict, dict]:
    request = world.submit()
    launch = approval.authorize_launch(
        {"requestId": request.id, "execution": request.id}, world
    )["launch"]  # fmt: skip
    stack = world.stacks.create({"StackName": launch["stackName"], "Tags": launch["tags"]})
    return request.id, launch, {"requestId": request.id, "stackId": stack["StackId"]}


def blueprint_of(world: World) -> str:
    return world.catalog.catalog().blueprints[0].manifest.id


def test_the_plan_says_so_before_anybody_says_yes():
    world = world_without(blueprint_of(World()))
    plan = world.submit().plan
    assert plan.control_plane_only
    assert "Control plane only" in plan.warnings[0]
    assert plan.computed_digest() == plan.digest
    assert not World().submit().plan.warnings


def test_nothing_is_published_or_asked_and_the_end_names_no_url():
    world = world_without(blueprint_of(World()))
    request_id, launch, event = launched(world)
    assert launch["publishMethod"] == "none"
    world.probe.faults["http://shop.test"] = "nobody answers"
    assert "no URL" in url.check_url(event, world)["message"]
    quota.commit_quota(event, world)
    request = world.records.request(request_id)
    assert (request.status, request.reason) == (RequestStatus.SUCCEEDED, "CONTROL_PLANE_ONLY")
    assert request.url is None
    application = world.application(request)
    assert application.status is ApplicationStatus.AVAILABLE
    assert application.reason == "CONTROL_PLANE_ONLY"
    assert application.url is None
    assert "Url" not in application.outputs
    notify.notify(event, world)
    (mail,) = world.mails()
    assert "without a URL" in mail.subject
    assert "shop.test" not in mail.text + mail.html


def test_every_other_blueprint_is_still_asked_for_an_answer():
    world = world_without("something-else")
    _, launch, event = launched(world)
    assert launch["publishMethod"] == "files"
    world.probe.faults["http://shop.test"] = "nobody answers"
    with pytest.raises(UrlNotReadyError, match="nobody answers"):
        url.check_url(event, world)
