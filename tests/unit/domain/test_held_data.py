"""What a change set would lose: by the type of what goes, and by what a blueprint declares."""

import pytest
from pydantic import ValidationError

from autoprovision.domain.change import ResourceChange, resource_change
from autoprovision.domain.held_data import HeldData, held_by, is_store, merged

STORES = [
    "AWS::Cognito::UserPool", "AWS::DynamoDB::GlobalTable", "AWS::ElastiCache::ReplicationGroup",
    "AWS::KMS::Key", "AWS::OpenSearchService::Domain", "AWS::RDS::DBInstance", "AWS::S3::Bucket",
]  # fmt: skip
GROUP, INSTANCE = "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance"
DISKS = "what is on the disks"


def change(kind: str, action: str, replacement: str, policy: str = "", *properties: str):
    return resource_change(
        "Thing", kind, action=action, replacement=replacement, policy=policy, properties=properties
    )


def held(lost_by: str, *properties: str) -> dict[str, HeldData]:
    return {"Thing": HeldData(what=DISKS, lost_by=lost_by, properties=properties)}


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    ("action", "replacement", "policy", "lost"),
    [
        ("Modify", "True", "ReplaceAndDelete", True), ("Modify", "Conditional", "", True),
        ("Remove", "", "Delete", True), ("Remove", "", "Retain", False),
        ("Remove", "", "Snapshot", False), ("Modify", "True", "ReplaceAndRetain", False),
        ("Modify", "False", "", False), ("Add", "", "", False), ("Dynamic", "", "", True),
    ],
)  # fmt: skip
def test_what_goes_with_a_store_is_lost(kind, action, replacement, policy, lost):
    found = change(kind, action, replacement, policy).judged({})
    assert bool(found.lost) is lost
    assert found.lost in {"", held_by("Thing", kind, {})}
    assert is_store(kind)
    assert not is_store("AWS::Lambda::Function")


def test_a_store_loses_it_whatever_is_declared():
    found = change("AWS::S3::Bucket", "Modify", "Conditional", "", "BucketName")
    assert found.judged(held("nothing")).lost == "the bucket's files"
    assert found.judged(held("replacement", "Tags")).lost == DISKS


@pytest.mark.parametrize(
    ("kind", "declared", "replacement", "properties", "lost"),
    [
        # A launch template that changes rolls the machines; CloudFormation calls it a modification.
        (GROUP, held("modification", "LaunchTemplate"), "False", ("LaunchTemplate",), True),
        (GROUP, held("modification", "LaunchTemplate"), "Conditional", ("LaunchTemplate",), True),
        (GROUP, held("modification", "LaunchTemplate"), "False", ("Tags",), False),
        (GROUP, held("modification", "LaunchTemplate"), "Conditional", ("Tags",), False),
        (GROUP, held("modification", "LaunchTemplate"), "True", ("AutoScalingGroupName",), True),
        (GROUP, held("modification"), "False", ("Tags",), True),
        (GROUP, {}, "True", ("AutoScalingGroupName",), False),
        (INSTANCE, held("replacement"), "False", ("UserData",), False),
        (INSTANCE, held("replacement"), "Conditional", ("UserData",), True),
        # A new script only stops and starts a machine, which CloudFormation does not know beforehand.
        (INSTANCE, held("replacement", "ImageId"), "Conditional", ("UserData",), False),
        (INSTANCE, held("replacement", "ImageId"), "Conditional", ("ImageId", "UserData"), True),
        (INSTANCE, held("replacement", "ImageId"), "True", ("KeyName",), True),
        (INSTANCE, held("nothing"), "True", ("ImageId",), False),
    ],
)  # fmt: skip
def test_on_machines_the_author_says_what_loses_it(kind, declared, replacement, properties, lost):
    found = change(kind, "Modify", replacement, "", *properties).judged(declared)
    assert found.lost == (DISKS if lost else "")


def test_what_is_declared_is_lost_when_it_is_removed_and_not_when_it_is_kept():
    assert change(GROUP, "Remove", "").judged(held("replacement", "Tags")).lost == DISKS
    assert change(GROUP, "Remove", "", "Retain").judged(held("modification")).lost == ""
    assert change(GROUP, "Add", "").judged(held("modification")).lost == ""


def test_what_is_judged_twice_is_judged_the_same():
    once = change(GROUP, "Modify", "False", "", "LaunchTemplate").judged(held("modification"))
    assert once.judged(held("modification")) == once
    assert once.judged({}).lost == ""
    assert ResourceChange.model_validate(once.document()) == once


def test_of_two_versions_neither_hides_what_the_other_would_lose():
    found = merged(held("replacement", "ImageId"), held("modification", "LaunchTemplate"))
    assert found == held("modification", "LaunchTemplate")
    assert merged(held("modification"), held("nothing")) == held("modification")
    assert merged(held("nothing"), held("replacement")) == held("replacement")
    assert merged(held("replacement", "A"), held("replacement", "B")) == held(
        "replacement", "A", "B"
    )
    assert merged(held("replacement", "A"), held("replacement")) == held("replacement")
    assert merged({}, held("nothing")) == held("nothing")
    other = {"Other": HeldData(what="files", lost_by="replacement")}
    assert merged(held("modification"), other) == held("modification") | other


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "", "lostBy": "replacement"}, {"what": "x", "lostBy": "weather"}, {"what": "x"},
        {"what": "x", "lostBy": "nothing", "properties": ["Tags"]},
        {"what": "x", "lostBy": "replacement", "colour": "red"},
    ],
)  # fmt: skip
def test_a_declaration_that_says_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        HeldData.model_validate(wrong)
