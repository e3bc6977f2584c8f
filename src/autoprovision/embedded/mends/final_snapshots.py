"""A cluster of DocumentDB leaves a last snapshot where its template says so.

AWS: with `DeletionPolicy: Snapshot` CloudFormation takes a snapshot of an `AWS::DocDB::DBCluster`
before it deletes it, with the cluster's tags where `CopyTagsToSnapshot` is true (CloudFormation
template reference, "DeletionPolicy attribute"; DocumentDB API, CreateDBCluster).

MiniStack: takes snapshots of RDS only; a cluster of DocumentDB is gone with all its documents.

Mend: the snapshot is taken where MiniStack keeps those of RDS. No documents are in it, as none
are in the cluster.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from collections.abc import Mapping
from typing import Any


def apply() -> None:
    """Let CloudFormation snapshot clusters of DocumentDB."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS["AWS::DocDB::DBCluster"]["snapshot"] = _snapshot


def _snapshot(physical_id: str, properties: Mapping[str, Any]) -> None:
    from ministack.services import documentdb, rds
    from ministack.services.cloudformation import provisioners

    cluster = documentdb._clusters.get(physical_id)
    if cluster is None:
        return
    taken = rds._create_cluster_snapshot_internal(provisioners._snapshot_id(physical_id), cluster)
    copied = str(properties.get("CopyTagsToSnapshot")).lower() == "true"
    # Tags that begin so are AWS's own, and stay with what they were put on.
    own = [one for one in cluster["TagList"] if not one["Key"].startswith("aws:")]
    taken["TagList"] = own if copied else []
