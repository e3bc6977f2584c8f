"""Caught errors become a code and a sentence for people, and never more than that."""

import json
from typing import Any

import pytest

from autoprovision.steps.failure import MOST_MESSAGE, explain


def lambda_cause(text: str) -> str:
    return json.dumps(
        {
            "errorType": "StepRefused",
            "errorMessage": text,
            "stackTrace": ["  File steps.py, line 1"],
        }
    )


@pytest.mark.parametrize(
    ("caught", "code", "message", "end"),
    [
        ({"Error": "StepRefused", "Cause": lambda_cause("SOURCE_NOT_FOUND: There is no such repository.")}, "SOURCE_NOT_FOUND", "There is no such repository.", "FAILED"),
        ({"Error": "StackFailed", "Cause": "STACK_FAILED: The stack could not be created."}, "STACK_FAILED", "The stack could not be created.", "FAILED"),
        ({"Error": "Cancelled", "Cause": "ada@uni.edu cancelled the request."}, "CANCELLED", "ada@uni.edu cancelled the request.", "CANCELLED"),
        ({"Error": "Cancelled", "Cause": lambda_cause("CANCELLED: The request was cancelled.")}, "CANCELLED", "The request was cancelled.", "CANCELLED"),
        ({"Error": "Rejected", "Cause": "Use dev."}, "REJECTED", "Use dev.", "REJECTED"),
        ({"Error": "Expired", "Cause": "Nobody decided."}, "EXPIRED", "Nobody decided.", "EXPIRED"),
        ({"Error": "States.Timeout", "Cause": "", "Step": "AwaitStack"}, "TIMEOUT", "The step AwaitStack took longer than it may.", "FAILED"),
        ({"Error": "CloudFormation.CloudFormationException", "Cause": "Rate exceeded (Service: CloudFormation, Status Code: 400, Request ID: 7)"}, "STACK_NOT_LAUNCHED", "CloudFormation did not take the stack: Rate exceeded", "FAILED"),
    ],
)  # fmt: skip
def test_what_is_known_is_told(caught: dict[str, Any], code: str, message: str, end: str):
    assert explain(caught) == (code, message, end)


@pytest.mark.parametrize(
    "caught",
    [
        {},
        {"Error": "States.Runtime", "Cause": "secret"},
        {"Error": "KeyError", "Cause": lambda_cause("'secret'")},
        {"Error": "X", "Cause": "[1]"},
        {"Error": "X", "Cause": "null"},
    ],
)
def test_what_is_not_known_is_our_fault_and_shows_nothing(caught: dict[str, Any]):
    code, message, end = explain(caught)
    assert (code, end) == ("INTERNAL", "FAILED")
    assert "secret" not in message


def test_long_causes_are_cut():
    assert (
        len(explain({"Error": "StackFailed", "Cause": "STACK_FAILED: " + "x" * 9000}).message)
        == MOST_MESSAGE
    )
