"""docs/policy.md says what the policy is: its table, its examples and its lists of names."""

import re
import runpy
from pathlib import Path
from typing import Any

import yaml
from tests.unit.domain.policy_cases import DEFAULT_POLICY, default_policy, facts, policy, rule

from autoprovision.domain.policy import evaluate, parse_policy
from autoprovision.domain.policy_conditions import When
from autoprovision.domain.policy_document import Policy, Rule
from autoprovision.domain.policy_facts import NAMED_VALUES
from autoprovision.domain.policy_table import conditions_text

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "policy.md").read_text("utf-8")
REFERENCE = PAGE.split("## The default policy")[0]


def block(language: str) -> Any:
    return yaml.safe_load(PAGE.split(f"```{language}\n")[1].split("```")[0])


def names(model: Any) -> set[str]:
    return {field.alias for field in model.model_fields.values()}


def test_the_table_is_that_of_the_default_policy():
    made = runpy.run_path(str(DOCS / "policy_table.py"))["page_with_table"]
    assert made(PAGE, DEFAULT_POLICY.read_text("utf-8")) == PAGE, "Run python docs/policy_table.py"


def test_the_example_policy_is_one():
    assert parse_policy(block("yaml")).name == "physics"


def test_the_example_verdict_is_what_the_default_policy_says():
    found = evaluate(default_policy(), facts(environment="stag", expiresAfter="60d")).document()
    assert {**found, "policyDigest": "sha256:…"} == block("json")


def test_every_key_is_in_the_reference():
    said = set(re.findall(r"^\| `(\w+)` \|", REFERENCE, re.MULTILINE))
    assert said == names(Policy) | names(Rule) | names(When)


def test_every_named_value_is_in_the_reference_and_can_be_named():
    line = next(one for one in PAGE.splitlines() if one.startswith("Values that a reason may name"))
    assert set(re.findall(r"`\{(\w+)\}`", line)) == NAMED_VALUES
    assert set(facts().named_values()) == NAMED_VALUES


def test_conditions_are_told_in_words():
    found = policy(rule(
        always=True, operation=["update"], blueprint=["a-*"], projectType=["CMS"], replacesData=False,
        monthlyCredits={"gt": 5, "lte": 10**9}, expiryDays={"gt": 0.5, "never": False},
        any=[{"time": {"zone": "UTC", "weekdays": ["sat"], "hours": {"from": 8, "until": 20}}},
             {"time": {"zone": "UTC", "hours": {"from": 1, "until": 2}}}],
    ))  # fmt: skip
    assert conditions_text(found.rules[0].when) == (
        "always and operation is update and blueprint is a-* and project type is CMS and monthly credits > 5 "
        "and monthly credits ≤ 1000000000 and life > 12 hours and ends some day and loses no data "
        "and [(asked on sat 08:00 to 20:00 in UTC) or (asked from 01:00 to 02:00 in UTC)]"
    )
