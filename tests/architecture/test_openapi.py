"""The committed OpenAPI document is what the table of operations says."""

import json

import pytest
from jsonschema import Draft202012Validator

from autoprovision.domain.actor import AUTHORIZATION
from autoprovision.functions import openapi
from autoprovision.functions.routes import OPERATIONS


def test_the_committed_document_is_the_generated_one():
    assert openapi.committed().read_text("utf-8") == openapi.text(), "run `make openapi`"


def test_schemas_are_json_schema_2020_12():
    for schema in json.loads(openapi.text())["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    Draft202012Validator.check_schema(openapi.request_schema())


def test_every_operation_is_in_the_table_of_authorization_and_back():
    assert {operation.name for operation in OPERATIONS.values()} == set(AUTHORIZATION)


@pytest.mark.parametrize("hidden", ["secretArn", "templateUrl", "roleArn", "ownerId"])
def test_nothing_hidden_is_published(hidden):
    assert f'"{hidden}"' not in openapi.text()
