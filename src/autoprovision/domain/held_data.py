"""What resources hold for people, and which changes lose it.

CloudFormation says what becomes of a resource, not of what is in it. For a store its type tells:
what goes with a bucket is its files. On a machine's disk it is the blueprint's author who knows.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from autoprovision.domain.resource import ManifestPart

_DATABASE, _CACHE, _FILES, _TABLE = (
    "the database", "what is in the cache", "the files", "the table's items",
)  # fmt: skip
# What goes when one of these goes.
_STORES = {
    "AWS::Cognito::UserPool": "the users and their passwords",
    "AWS::DocDB::DBCluster": _DATABASE,
    "AWS::DynamoDB::GlobalTable": _TABLE,
    "AWS::DynamoDB::Table": _TABLE,
    "AWS::EC2::Volume": "what is on the disk",
    "AWS::EFS::FileSystem": _FILES,
    "AWS::ElastiCache::CacheCluster": _CACHE,
    "AWS::ElastiCache::ReplicationGroup": _CACHE,
    "AWS::ElastiCache::ServerlessCache": _CACHE,
    "AWS::FSx::FileSystem": _FILES,
    "AWS::KMS::Key": "the key, and what only it can decrypt",
    "AWS::Kinesis::Stream": "the stream's records",
    "AWS::Logs::LogGroup": "the log",
    "AWS::MemoryDB::Cluster": _DATABASE,
    "AWS::Neptune::DBCluster": _DATABASE,
    "AWS::OpenSearchService::Domain": "the search indexes",
    "AWS::RDS::DBCluster": _DATABASE,
    "AWS::RDS::DBInstance": _DATABASE,
    "AWS::RDS::GlobalCluster": _DATABASE,
    "AWS::Redshift::Cluster": _DATABASE,
    "AWS::S3::Bucket": "the bucket's files",
    "AWS::SQS::Queue": "the messages that wait",
    "AWS::SecretsManager::Secret": "the secret",
    "AWS::Timestream::Table": _TABLE,
}
# Machines have disks, and only the blueprint's author knows what is on them.
MACHINES = frozenset({"AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance"})


class LostBy(StrEnum):
    """The least change that loses what a resource holds."""

    MODIFICATION = "modification"
    REPLACEMENT = "replacement"
    NOTHING = "nothing"


class HeldData(ManifestPart):
    """What a blueprint's author says of what a resource holds.

    Attributes:
        what: in words, as people read it before they say yes: `the files on the disk`.
        lost_by: `modification`: lost also when CloudFormation only modifies the resource;
            `replacement`: when it is replaced or removed; `nothing`: there is nothing to lose.
        properties: only changes of these lose it, unless it is surely replaced or removed; any
            change does when empty. CloudFormation says of some properties that the resource may
            be replaced, where the author knows that it is not.
    """

    what: Annotated[str, Field(min_length=1, max_length=200)]
    lost_by: LostBy
    properties: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _properties(self) -> Self:
        if self.properties and self.lost_by is LostBy.NOTHING:
            raise ValueError("What nothing loses has no properties that lose it.")
        return self

    def concerns(self, changed: tuple[str, ...]) -> bool:
        """Whether changes of these properties may lose it."""
        return not self.properties or not set(self.properties).isdisjoint(changed)


def merged(before: Mapping[str, HeldData], after: Mapping[str, HeldData]) -> dict[str, HeldData]:
    """What two versions of a blueprint declare together, so that neither hides a loss.

    Of a resource that both declare it is the one that loses more easily; the words are the newer.
    """
    found = dict(before) | dict(after)
    for name in before.keys() & after.keys():
        found[name] = _stricter(before[name], after[name])
    return found


def _stricter(one: HeldData, other: HeldData) -> HeldData:
    ranks = list(LostBy)
    lost_by = min(one.lost_by, other.lost_by, key=ranks.index)
    asked = [it for it in (one, other) if it.lost_by is lost_by]
    every = any(not it.properties for it in asked)
    names = sorted({name for it in asked for name in it.properties})
    what = other.what if other.lost_by is not LostBy.NOTHING else one.what
    return HeldData(what=what, lost_by=lost_by, properties=() if every else tuple(names))


def is_store(resource_type: str) -> bool:
    """Whether the type alone tells that people's data is in it."""
    return resource_type in _STORES


def held_by(logical_id: str, resource_type: str, declared: Mapping[str, HeldData]) -> str:
    """What goes, in words, when a resource goes; empty when nothing does.

    Args:
        declared: what the blueprint says of its resources, by logical id.
    """
    said = declared.get(logical_id)
    if said is not None and said.lost_by is not LostBy.NOTHING:
        return said.what
    return _STORES.get(resource_type, "")
