"""The image that runs never expires, whatever was pushed after it."""

import json
from pathlib import Path

import pytest

from autoprovision.aws.ecr_images import BEFORE, LIVE
from autoprovision.deployer.rules.images import MARKS, expired
from autoprovision.deployer.templates import read_template

TEMPLATE = Path(__file__).parents[3] / "catalog" / "web-service" / "template.yaml"


def rule(priority: int, count: int, **selection: object) -> dict[str, object]:
    chosen = {"countType": "imageCountMoreThan", "countNumber": count, **selection}
    return {"rulePriority": priority, "selection": chosen, "action": {"type": "expire"}}


@pytest.fixture
def shipped() -> list[dict[str, object]]:
    template = read_template(TEMPLATE.read_bytes())
    text = template.section("Resources")["Repository"]["Properties"]["LifecyclePolicy"]
    return json.loads(text["LifecyclePolicyText"])["rules"]


def test_failed_releases_push_no_live_image_out(shipped):
    failed = [(f"build-{number}",) for number in range(20)]
    images = [*failed, ("b1", LIVE), ("b0", BEFORE), ("older",)]
    gone = expired(shipped, images)
    assert gone == {*range(5, 20), 22}
    # One image may carry both marks, and nothing is lost while there is little.
    assert expired(shipped, [*failed[:5], ("b1", LIVE, BEFORE)]) == set()
    assert expired(shipped, failed[:5]) == set()


def test_without_marks_the_live_image_would_be_gone(shipped):
    assert expired(shipped, [("f",)] * 5 + [("b1",)]) == {5}
    assert 5 in expired([rule(1, 5, tagStatus="any")], [("f",)] * 5 + [("b1", LIVE)])


def test_marks_are_those_that_publishing_sets():
    assert set(MARKS) == {LIVE, BEFORE}


def test_rules_go_by_priority_and_every_prefix_counts():
    live = rule(1, 1000, tagStatus="tagged", tagPrefixList=["live"])
    everything = rule(2, 0, tagStatus="any")
    assert expired([everything, live], [("a",), ("live",)]) == {0}
    assert expired([rule(1, 0, tagStatus="any")], [("live",)]) == {0}
    both = rule(1, 0, tagStatus="tagged", tagPrefixList=["live", "b"])
    assert expired([both], [("live",), ("live", "b1")]) == {1}
    assert expired([rule(1, 0, tagStatus="untagged")], [(), ("a",)]) == {0}
    assert expired(
        [rule(1, 0, tagStatus="tagged", tagPatternList=["*-before"])], [("live-before",), ("live",)]
    ) == {0}
    aged = {
        "tagStatus": "any",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 1,
    }
    assert expired([{"rulePriority": 1, "selection": aged}], [("a",)]) == {0}
