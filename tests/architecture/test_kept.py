"""What infra/data.yaml keeps: tables, buckets, people."""

import json

import pytest
from tests.architecture.infra import DATA
from tests.architecture.templates import of_type, resolved

TABLES = of_type(DATA, "AWS::DynamoDB::Table")
KEYS = {
    "requests": (["id", "sort"], {"byUnit": ["unit", "id"], "byKind": ["kind", "id"], "byOpenStatus": ["openStatus", "updatedAt"]}),
    "applications": (["id"], {"byUnit": ["unit", "id"], "byKind": ["kind", "id"], "byExpiry": ["expiryKind", "expiresAt"]}),
    "ledger": (["account", "sort"], {"byKind": ["kind", "account"]}),
    "approvals": (["id"], {"byKind": ["openKind", "id"]}),
    "users": (["id"], {"byUnit": ["unit", "id"], "byKind": ["kind", "id"], "byEmail": ["email"]}),
    "waits": (["stackId"], {}),
    "idempotency": (["key"], {}),
    "findings": (["id"], {"byState": ["state", "firstSeen"]}),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_table_is_as_the_architecture_says_and_kept(name):
    table, properties = TABLES[name], TABLES[name]["Properties"]
    keys, indexes = KEYS[resolved(properties["TableName"]).removeprefix("${PlatformName}-")]
    assert [one["AttributeName"] for one in properties["KeySchema"]] == keys
    assert {
        one["IndexName"]: [key["AttributeName"] for key in one["KeySchema"]]
        for one in properties.get("GlobalSecondaryIndexes", [])
    } == indexes
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table["UpdateReplacePolicy"] == "Retain"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    expires = {"AttributeName": "expiresAtEpoch", "Enabled": True}
    assert properties.get("TimeToLiveSpecification") == (
        expires if name in {"WaitsTable", "IdempotencyTable"} else None
    )


def test_all_tables_are_there():
    assert {
        resolved(one["Properties"]["TableName"]).removeprefix("${PlatformName}-")
        for one in TABLES.values()
    } == set(KEYS)


@pytest.mark.parametrize("name", of_type(DATA, "AWS::S3::Bucket"))
def test_bucket_is_private_encrypted_and_kept(name):
    bucket = DATA["Resources"][name]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert "BucketEncryption" in bucket["Properties"]
    assert "CorsConfiguration" not in bucket["Properties"]
    policy = json.dumps(DATA["Resources"][f"{name}Policy"])
    assert '"aws:SecureTransport": "false"' in policy


def test_people_may_not_write_their_own_quota():
    client = DATA["Resources"]["UserPoolClient"]["Properties"]
    assert client["WriteAttributes"] == ["email", "name"]
    assert client["GenerateSecret"] is False
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True
    assert client["AccessTokenValidity"] <= 60
    assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
    pool = DATA["Resources"]["UserPool"]["Properties"]
    assert pool["UserAttributeUpdateSettings"] == {
        "AttributesRequireVerificationBeforeUpdate": ["email"]
    }
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] == {
        "Fn::If": ["InvitationOnly", True, False]
    }
