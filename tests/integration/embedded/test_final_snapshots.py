"""What CloudFormation leaves of a cluster of DocumentDB."""

import json
from typing import Any

import pytest
from tests.integration.embedded.conftest import Workshop

TAGS = [{"Key": "autoprovision:application", "Value": "app_1"}]


def _left_by(workshop: Workshop, policy: str, **properties: Any) -> list[dict[str, Any]]:
    """The snapshots of a cluster whose stack was made and deleted."""
    name = workshop.name("documents")
    cluster = {"MasterUsername": "application", "MasterUserPassword": "not-a-secret-1", "EngineVersion": "8.0.0", "Tags": TAGS, **properties}  # fmt: skip
    resources = {
        "Cluster": {"Type": "AWS::DocDB::DBCluster", "DeletionPolicy": policy, "Properties": cluster},
        "Node": {"Type": "AWS::DocDB::DBInstance", "Properties": {"DBClusterIdentifier": {"Ref": "Cluster"}, "DBInstanceClass": "db.serverless"}},
    }  # fmt: skip
    cloudformation, docdb = workshop.client("cloudformation"), workshop.client("docdb")
    body = json.dumps({"Resources": resources})
    stack = cloudformation.create_stack(StackName=name, TemplateBody=body)["StackId"]
    assert workshop.stack_settled(name)["StackStatus"] == "CREATE_COMPLETE"
    (made,) = [one for one in cloudformation.describe_stack_resources(StackName=name)["StackResources"] if one["LogicalResourceId"] == "Cluster"]  # fmt: skip
    cluster_id = made["PhysicalResourceId"]
    found = docdb.describe_db_clusters(DBClusterIdentifier=cluster_id)["DBClusters"][0]
    assert found["Engine"] == "docdb"
    assert len(found["DBClusterMembers"]) == 1
    cloudformation.delete_stack(StackName=name)
    assert workshop.stack_settled(stack)["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(docdb.exceptions.DBClusterNotFoundFault):
        docdb.describe_db_clusters(DBClusterIdentifier=cluster_id)
    taken = workshop.client("rds").describe_db_cluster_snapshots()["DBClusterSnapshots"]
    return [one for one in taken if one["DBClusterIdentifier"] == cluster_id]


def test_a_last_snapshot_is_taken_with_the_clusters_tags(workshop: Workshop):
    (left,) = _left_by(workshop, "Snapshot", CopyTagsToSnapshot=True)
    assert (left["Engine"], left["Status"], left["TagList"]) == ("docdb", "available", TAGS)
    (untagged,) = _left_by(workshop, "Snapshot")
    assert untagged["TagList"] == []
    assert _left_by(workshop, "Delete") == []


def test_the_mend_is_still_needed(unmended: Workshop):
    assert _left_by(unmended, "Snapshot", CopyTagsToSnapshot=True) == []
