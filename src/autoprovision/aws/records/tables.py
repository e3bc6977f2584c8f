"""The three tables of the records."""

from dataclasses import dataclass

from autoprovision.aws.dynamodb.reading import Dynamo


@dataclass(frozen=True)
class Tables(Dynamo):
    """DynamoDB and the names of the tables."""

    requests: str
    applications: str
    ledger: str
