"""What one provision uses, exactly: a step, a write or a call more is seen here first."""

import sys
from decimal import Decimal

import pytest
from benchmarks import cost, counting, ground


@pytest.fixture(scope="module")
def counts():
    with ground.platform() as place:
        counting.instrument(place)
        person = place.person()
        counting.provision(place, person)  # the first one starts the functions
        yield counting.provision(place, person)


def test_a_provision_takes_these_states_and_no_retry(counts):
    assert counts.states == [
        "Route", "PreparePlan", "DecideApproval", "AuthorizeLaunch", "DecideLaunch", "LaunchStack",
        "AwaitStack", "ChoosePublish", "PublishProject", "CheckUrl", "CommitQuota", "Notify", "Done",
    ]  # fmt: skip
    assert counts.transitions == 13


def test_each_function_of_the_way_runs_once(counts):
    assert counts.invocations == dict.fromkeys(
        [
            "RequestsApi", "PreparePlan", "AuthorizeLaunch", "AwaitStack", "StackEvents",
            "PublishProject", "CheckUrl", "CommitQuota", "Notify",
        ],
        1,
    )  # fmt: skip


def test_it_asks_aws_this_often(counts):
    calls = dict(counts.calls)
    # The catalog is read anew after ten seconds, so a quick run reads less of it.
    assert calls.pop("s3:GetObject", 0) <= 7
    assert calls == CALLS


def test_it_uses_these_units_of_the_tables(counts):
    assert (counts.write_units, counts.index_write_units) == (106, 16)
    assert counts.read_units == 35.5


def test_it_costs_less_than_a_fifth_of_a_cent(counts):
    total = sum((line.dollars for line in cost.lines_of(counts, cost.Prices())), Decimal(0))
    sys.stdout.write(f"${total:.6f} a provision\n")
    assert total <= cost.GOAL_DOLLARS


CALLS = {
    "cloudformation:DescribeStacks": 4,
    "cloudfront:GetDistribution": 1,
    "cloudfront:GetDistributionConfig": 1,
    "dynamodb:BatchGetItem": 1,
    "dynamodb:DeleteItem": 1,
    "dynamodb:GetItem": 24,
    "dynamodb:PutItem": 19,
    "dynamodb:Query": 1,
    "dynamodb:TransactWriteItems": 2,
    "dynamodb:UpdateItem": 5,
    "events:PutEvents": 2,
    "s3:ListObjectVersions": 1,
    "s3:ListObjectsV2": 5,
    "s3:PutObject": 6,
    "sesv2:SendEmail": 1,
    "stepfunctions:SendTaskSuccess": 1,
    "stepfunctions:StartExecution": 1,
}
