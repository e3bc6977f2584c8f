"""The approval policy: what it says, why, and what would make it say something milder."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from tests.unit.domain.policy_cases import (
    DEFAULT_POLICY,
    FACTS,
    RULES,
    SUNDAY,
    default_policy,
    document,
    facts,
    policy,
    rule,
)

from autoprovision.domain.errors import InvalidInputError
from autoprovision.domain.policy import (
    PolicyFacts,
    VerdictKind,
    evaluate,
    parse_policy,
    policy_schema,
    weigh,
)

QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)

SCHEMA = jsonschema.Draft202012Validator(policy_schema())


def faults_of(found: object) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as refused:
        parse_policy(found)
    return {fault.pointer: fault.code for fault in refused.value.faults}


# --- the default policy ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "verdict", "rules"),
    [
        ({}, "AUTOMATIC", []),
        ({"monthlyCredits": 1500}, "AUTOMATIC", []),
        ({"monthlyCredits": 1501}, "ONE_APPROVER", ["dev-not-small"]),
        ({"environment": "stag", "at": datetime(2026, 11, 23, 3, tzinfo=UTC), "monthlyCredits": 4000}, "AUTOMATIC", []),
        ({"environment": "stag", "at": datetime(2026, 11, 23, 3, tzinfo=UTC), "monthlyCredits": 4001}, "ONE_APPROVER", ["stag-above-its-sum"]),
        ({"environment": "prod", "monthlyCredits": 0}, "ONE_APPROVER", ["prod-by-a-person"]),
        ({"environment": "prod", "monthlyCredits": 10001}, "TWO_APPROVERS", ["prod-by-a-person", "prod-expensive"]),
        ({"monthlyCredits": 12000}, "TWO_APPROVERS", ["dev-not-small", "test-expensive"]),
        ({"environment": "prod", "monthlyCredits": 200001}, "REFUSED", ["prod-by-a-person", "prod-expensive", "absurd"]),
        ({"expiresAfter": None}, "ONE_APPROVER", ["test-without-end"]),
        ({"expiresAfter": "31d"}, "AUTOMATIC", ["test-for-long"]),
        ({"expiresAfter": "31d", "requesterFailedLast30Days": 3}, "ONE_APPROVER", ["test-for-long", "failing-often"]),
        ({"requesterProvisioned": 0, "monthlyCredits": 501}, "AUTOMATIC", ["first-application"]),
        ({"quotaLeft": 1999}, "AUTOMATIC", ["quota-nearly-used"]),
        ({"operation": "update", "lostData": ["the database (Store)"]}, "ONE_APPROVER", ["replaces-data"]),
        ({"environment": "stag"}, "AUTOMATIC", ["stag-out-of-hours"]),
    ],
)  # fmt: skip
def test_the_default_policy_suits_the_brief(changes: Any, verdict: Any, rules: Any):
    found = weigh(default_policy(), facts(**changes))
    assert (found.verdict, [one.rule for one in found.reasons]) == (verdict, rules)
    assert found.weight == sum(one.weight for one in found.reasons)


def test_a_reason_is_a_sentence_with_the_values_of_the_request():
    found = weigh(default_policy(), facts(monthlyCredits=123456, environment="prod", quotaLeft=-1))
    sentences = {one.rule: one.reason for one in found.reasons}
    assert (
        sentences["prod-expensive"]
        == "$1,234.56 a month in prod is more than $100.00, which takes two people."
    )
    assert sentences["quota-nearly-used"].startswith(
        "ntu-scse-2023-ct1 would have -1 % of its quota left"
    )


def test_values_of_users_are_not_read_as_templates():
    one = {**rule(), "reason": "{projectType} for {{everybody}}"}
    found = weigh(policy(one), facts(projectType="{monthlyCost}"))
    assert found.reasons[0].reason == "{monthlyCost} for {everybody}"


def test_the_verdict_names_the_policy_that_gave_it():
    current = default_policy()
    found = weigh(current, facts())
    assert (found.policy_version, found.policy_digest) == (current.version, current.digest)
    assert current.with_(version="2").digest != current.digest
    heavier = current.with_(rules=policy(rule()).rules)
    assert weigh(heavier, facts()).verdict is VerdictKind.ONE_APPROVER


def test_a_published_policy_reads_back_as_the_same():
    current = default_policy()
    again = parse_policy(json.loads(json.dumps(current.document())))
    assert (again, again.digest) == (current, current.digest)


# --- conditions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "changes", "holds"),
    [
        ({"always": True}, {}, True),
        ({"operation": ["extend"]}, {}, False),
        ({"blueprint": ["static-*"]}, {}, True),
        ({"blueprint": ["stat?c-site"]}, {}, True),
        ({"blueprint": ["site"]}, {}, False),
        ({"projectType": ["STATIC"]}, {}, True),
        ({"monthlyCredits": {"gt": 100}}, {}, False),
        ({"monthlyCredits": {"gte": 100, "lte": 100}}, {}, True),
        ({"monthlyCredits": {"lt": 100}}, {}, False),
        ({"quotaShareLeft": {"lt": 0.5}}, {}, False),
        ({"quotaShareLeft": {"lte": 0.5}}, {}, True),
        ({"quotaShareLeft": {"gte": 1}}, {"quotaLimit": None, "quotaLeft": None}, True),
        ({"quotaShareLeft": {"lte": 0}}, {"quotaLimit": 0, "quotaLeft": 0}, True),
        ({"expiryDays": {"gt": 7}}, {}, False),
        ({"expiryDays": {"gt": 7}}, {"expiresAfter": "169h"}, True),
        ({"expiryDays": {"gt": 7}}, {"expiresAfter": None}, True),
        ({"expiryDays": {"gt": 7, "never": False}}, {"expiresAfter": None}, False),
        ({"expiryDays": {"never": True}}, {"expiresAfter": None}, True),
        ({"expiryDays": {"never": True}}, {}, False),
        ({"time": {"zone": "Asia/Singapore", "weekdays": ["sun"]}}, {}, True),
        ({"time": {"zone": "Pacific/Auckland", "weekdays": ["sun"]}}, {"at": "2026-11-22T11:00:00Z"}, False),
        ({"time": {"zone": "Asia/Singapore", "hours": {"from": 17, "until": 18}}}, {}, True),
        ({"time": {"zone": "Asia/Singapore", "hours": {"from": 8, "until": 17}}}, {}, False),
        ({"time": {"zone": "UTC", "hours": {"from": 22, "until": 10}}}, {}, True),
        ({"time": {"zone": "UTC", "hours": {"from": 22, "until": 9}}}, {}, False),
        ({"replacesData": True}, {}, False),
        ({"replacesData": False}, {}, True),
        ({"replacesData": True}, {"lostData": ["the database (Store)"]}, True),
        ({"environment": ["dev"], "monthlyCredits": {"gt": 100}}, {}, False),
        ({"any": [{"environment": ["prod"]}, {"monthlyCredits": {"gte": 100}}]}, {}, True),
        ({"any": [{"environment": ["prod"]}, {"monthlyCredits": {"gt": 100}}]}, {}, False),
        ({"environment": ["stag"], "any": [{"always": True}]}, {}, False),
        ({"requesterProvisioned": {"lte": 2}, "requesterFailedLast30Days": {"lte": 0}}, {}, True),
    ],
)  # fmt: skip
def test_a_condition_holds(when: Any, changes: Any, holds: Any):
    assert bool(weigh(policy(rule(**when)), facts(**changes)).reasons) is holds


def test_a_rule_may_be_for_some_units_and_a_unit_may_have_its_own_thresholds():
    current = policy(
        rule("all", 5), rule("exam", 5, ["*-exam-*", "x"]),
        overrides=[
            {"units": ["strict-*"], "thresholds": {"oneApprover": 5}},
            {"units": ["*"], "thresholds": {"oneApprover": 10}},
        ],
    )  # fmt: skip
    verdicts = {
        unit: weigh(current, facts(businessUnit=unit)).verdict
        for unit in ("a", "an-exam-1", "strict-1", "x")
    }
    assert verdicts == {
        "a": "AUTOMATIC",
        "an-exam-1": "ONE_APPROVER",
        "strict-1": "ONE_APPROVER",
        "x": "ONE_APPROVER",
    }


@pytest.mark.parametrize(
    ("weight", "verdict"),
    [
        (9, "AUTOMATIC"),
        (10, "ONE_APPROVER"),
        (19, "ONE_APPROVER"),
        (20, "TWO_APPROVERS"),
        (99, "TWO_APPROVERS"),
        (100, "REFUSED"),
    ],
)
def test_a_threshold_counts_from_its_own_weight_on(weight: Any, verdict: Any):
    found = weigh(policy(rule(weight=weight)), facts())
    assert (found.verdict, found.approvers_needed) == (
        verdict,
        {"ONE_APPROVER": 1, "TWO_APPROVERS": 2}.get(verdict, 0),
    )


# --- faults of a document -------------------------------------------------------------------------


def test_all_faults_are_named_at_once_with_pointers():
    found = {
        "name": "Not A Name", "version": 1, "bogus": 1, 7: 1,
        "thresholds": {"oneApprover": 20, "twoApprovers": 10, "refuse": 30},
        "overrides": [{"units": ["*"], "thresholds": {"refuse": 15}}, {"units": [], "thresholds": {}}],
        "rules": [
            {"id": "a", "reason": "{facts.__class__}", "weight": -1, "when": {}},
            {"id": "a", "reason": "open {", "weight": True, "units": "x", "when": {
                "monthlyCredits": {"gt": 5, "lt": 3}, "time": {"zone": "Mars/Olympus", "weekdays": ["sun"]},
                "expiryDays": {"gt": math.nan}, "blueprint": ["(a+)+$", "ok\n"], "any": [], "environment": None,
                "replacesData": "yes", "quotaShareLeft": {}, "operation": ["destroy"]}},
            "no rule",
        ],
    }  # fmt: skip
    assert faults_of(found) == {
        "/7": "UNKNOWN_KEY",
        "/bogus": "UNKNOWN_KEY",
        "/name": "INVALID_VALUE",
        "/version": "WRONG_TYPE",
        "/thresholds": "NOT_ORDERED",
        "/overrides/0/thresholds": "NOT_ORDERED",
        "/overrides/1/thresholds": "INVALID_VALUE",
        "/overrides/1/units": "INVALID_VALUE",
        "/rules/0/reason": "INVALID_VALUE",
        "/rules/0/weight": "INVALID_VALUE",
        "/rules/0/when": "INVALID_VALUE",
        "/rules/1/id": "DUPLICATE_ID",
        "/rules/1/reason": "INVALID_VALUE",
        "/rules/1/units": "WRONG_TYPE",
        "/rules/1/weight": "WRONG_TYPE",
        "/rules/1/when/any": "INVALID_VALUE",
        "/rules/1/when/blueprint/0": "INVALID_VALUE",
        "/rules/1/when/blueprint/1": "INVALID_VALUE",
        "/rules/1/when/environment": "INVALID_VALUE",
        "/rules/1/when/expiryDays/gt": "INVALID_VALUE",
        "/rules/1/when/monthlyCredits": "INVALID_VALUE",
        "/rules/1/when/operation/0": "INVALID_VALUE",
        "/rules/1/when/quotaShareLeft": "INVALID_VALUE",
        "/rules/1/when/replacesData": "WRONG_TYPE",
        "/rules/1/when/time/zone": "INVALID_VALUE",
        "/rules/2": "WRONG_TYPE",
    }


def test_a_document_that_holds_itself_or_is_folded_many_times_is_refused():
    endless = document(rule())
    endless["rules"].append(endless)
    assert faults_of(endless)["/rules/1/rules"] == "UNKNOWN_KEY"
    folded: list[Any] = [None]
    for _ in range(50):
        folded = [folded] * 50
    assert faults_of(document(rule(), bogus=folded))["/bogus"] == "UNKNOWN_KEY"


@pytest.mark.parametrize("found", [None, [], "text", 7, True])
def test_what_is_no_object_is_no_policy(found: Any):
    assert faults_of(found) == {"": "NOT_AN_OBJECT"}


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ({"monthlyCredits": {"gt": 1, "gte": 2}}, "/monthlyCredits"),
        ({"monthlyCredits": {"gt": 2, "lt": 2}}, "/monthlyCredits"),
        ({"monthlyCredits": {"gt": "2"}}, "/monthlyCredits/gt"),
        ({"monthlyCredits": {"gt": 2.5}}, "/monthlyCredits/gt"),
        ({"monthlyCredits": {"above": 2}}, "/monthlyCredits"),
        ({"monthly_credits": {"gt": 2}}, ""),
        ({"time": {"zone": "UTC"}}, "/time"),
        ({"time": {"zone": "../../etc/passwd", "weekdays": ["mon"]}}, "/time/zone"),
        ({"time": {"zone": "UTC", "hours": {"from": 8, "until": 8}}}, "/time/hours"),
        ({"time": {"zone": "UTC", "hours": {"from": 8, "until": 25}}}, "/time/hours/until"),
        ({"time": {"zone": "UTC", "weekdays": ["Monday"]}}, "/time/weekdays/0"),
        ({"blueprint": ["a******"]}, "/blueprint/0"),
        ({"blueprint": ["x" * 65]}, "/blueprint/0"),
        ({"blueprint": "static"}, "/blueprint"),
        ({"any": [{"any": [{"always": True}]}]}, "/any/0"),
        ({"always": False}, ""),
    ],
)
def test_a_condition_with_a_fault_is_refused_where_it_stands(when: Any, at: Any):
    assert any(
        pointer.startswith("/rules/0/when" + at) for pointer in faults_of(document(rule(**when)))
    )


def test_the_published_schema_takes_the_default_policy_and_refuses_unknown_keys():
    schema = policy_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    found = yaml.safe_load(DEFAULT_POLICY.read_text("utf-8"))
    jsonschema.validate(found, schema)
    for broken in (
        {**found, "bogus": 1},
        document(rule(environment=["mars"])),
        document(rule(environment=None)),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


@QUICK
@given(RULES)
def test_the_schema_takes_what_the_models_take(rules: Any):
    SCHEMA.validate(document(*rules))
    parse_policy(document(*rules))


# --- what always holds ----------------------------------------------------------------------------


@QUICK
@given(RULES, FACTS)
def test_a_verdict_depends_on_nothing_but_policy_and_facts(rules: Any, asked: Any):
    again = PolicyFacts.model_validate(json.loads(asked.model_dump_json(by_alias=True)))
    assert again.seen() == asked.seen()
    assert evaluate(policy(*rules), asked) == evaluate(policy(*rules), again)


@QUICK
@given(RULES, RULES, FACTS)
def test_added_rules_never_make_a_verdict_milder(rules: Any, more: Any, asked: Any):
    added = [{**one, "id": f"more-{one['id']}"} for one in more]
    before, after = weigh(policy(*rules), asked), weigh(policy(*rules, *added), asked)
    assert after.weight >= before.weight
    assert after.verdict.severity >= before.verdict.severity
    assert set(before.reasons) <= set(after.reasons)


# --- shape ----------------------------------------------------------------------------------------


def test_facts_read_back_as_they_were_written():
    asked = facts(
        offers=[{"environment": "dev", "monthlyCredits": 5, "expiresAfter": "never"}], at=SUNDAY
    )
    for left_out in ({}, {"exclude_unset": True}, {"exclude_none": True}):
        written = asked.model_dump_json(by_alias=True, **left_out)
        assert PolicyFacts.model_validate(json.loads(written)) == asked


def test_an_offer_without_words_is_refused():
    with pytest.raises(ValueError, match="says what to change"):
        facts(offers=[{"monthlyCredits": 5}])
