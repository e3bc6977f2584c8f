"""Fresh tables on an embedded AWS, with the keys and indexes of `infra/data.yaml`."""

from pathlib import Path
from typing import Any

import yaml

from autoprovision.aws.records import DynamoRecords

DATA = Path(__file__).parents[2] / "infra" / "data.yaml"


class _Template(yaml.SafeLoader):
    """CloudFormation's short forms (`!Sub …`) are read as what they hold."""


def _short_form(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _short_form)
_TABLES: dict[str, Any] = {
    name: resource["Properties"]
    for name, resource in yaml.load(DATA.read_text(), Loader=_Template)["Resources"].items()  # noqa: S506
    if resource["Type"] == "AWS::DynamoDB::Table"
}


def make_table(dynamodb: Any, kind: str, prefix: str) -> str:
    """Create the table that the template calls `<kind>Table` under a name of its own."""
    properties = _TABLES[f"{kind}Table"]
    name = f"{prefix}-{kind.lower()}"
    # Keys only: whatever an index of the template holds besides, no adapter may rely on it.
    indexes = [
        {**index, "Projection": {"ProjectionType": "KEYS_ONLY"}}
        for index in properties.get("GlobalSecondaryIndexes", [])
    ]
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=properties["KeySchema"],
        AttributeDefinitions=properties["AttributeDefinitions"],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    )  # fmt: skip
    return name


def dynamo_records(dynamodb: Any, prefix: str) -> DynamoRecords:
    """The port `Records` on three fresh tables."""
    return DynamoRecords(
        dynamodb,
        requests=make_table(dynamodb, "Requests", prefix),
        applications=make_table(dynamodb, "Applications", prefix),
        ledger=make_table(dynamodb, "Ledger", prefix),
    )
