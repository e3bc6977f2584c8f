"""What a change set would lose, by the type of what goes."""

import pytest

from autoprovision.domain.change import holds_data, resource_change

STORES = [
    "AWS::Cognito::UserPool", "AWS::DynamoDB::GlobalTable", "AWS::ElastiCache::ReplicationGroup",
    "AWS::KMS::Key", "AWS::OpenSearchService::Domain", "AWS::RDS::DBInstance", "AWS::S3::Bucket",
]  # fmt: skip


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize(
    ("action", "replacement", "policy", "lost"),
    [
        ("Modify", "True", "ReplaceAndDelete", True), ("Modify", "Conditional", "", True),
        ("Remove", "", "Delete", True), ("Remove", "", "Retain", False),
        ("Modify", "False", "", False), ("Add", "", "", False),
    ],
)  # fmt: skip
def test_what_goes_with_a_store_is_lost(kind, action, replacement, policy, lost):
    change = resource_change(
        "Store", kind, action=action, replacement=replacement, policy=policy, properties=()
    )
    assert change.loses_data is lost
    assert holds_data(kind)
    assert not holds_data("AWS::Lambda::Function")
