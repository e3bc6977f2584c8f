"""The easiest change: it leads to AUTOMATIC, and there is none that is easier."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.unit.domain.policy_cases import FACTS, RULES, default_policy, facts, policy, rule

from autoprovision.domain import policy_change
from autoprovision.domain.policy import VerdictKind, easiest_change, evaluate, weigh

SEARCHING = settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@SEARCHING
@given(RULES, FACTS)
def test_the_easiest_change_really_leads_to_automatic(rules: Any, asked: Any):
    current = policy(*rules)
    verdict, change = evaluate(current, asked), easiest_change(current, asked)
    assert verdict.easiest_change == (change.phrase if change else None)
    if verdict.verdict is VerdictKind.AUTOMATIC:
        assert change is None
    elif change:
        assert weigh(current, change.facts).verdict is VerdictKind.AUTOMATIC
        kept = {
            "business_unit",
            "blueprint",
            "project_type",
            "requester_provisioned",
            "requester_failed_last_30_days",
            "lost_data",
            "operation",
        }
        assert all(getattr(change.facts, name) == getattr(asked, name) for name in kept)
        assert change.facts.at >= asked.at
        assert (
            change.facts.expiry_minutes <= asked.expiry_minutes
            or "instead of" in change.phrase
            or " use " in f" {change.phrase}"
        )


@SEARCHING
@given(RULES, FACTS)
def test_no_single_change_was_overlooked(rules: Any, asked: Any):
    """Against a search that knows nothing of the rules: every day of expiry, every hour of a week."""
    current = policy(*rules)
    verdict = evaluate(current, asked)
    if verdict.verdict is VerdictKind.AUTOMATIC or verdict.easiest_change is not None:
        return
    days = [f"{number}d" for number in range(1, 100) if number * 1440 < asked.expiry_minutes]
    tried = [asked.with_(expires_after=text) for text in days]
    tried += [asked.with_(at=asked.at + timedelta(hours=number)) for number in range(1, 169)]
    tried += [asked.with_(**asked.with_credits(one.monthly_credits)) for one in asked.offers
              if one.environment in (None, asked.environment) and one.monthly_credits < asked.monthly_credits
              # One that does not say what to change is no advice.
              and one.change
              and one.expires_after is None]  # fmt: skip
    assert all(weigh(current, one).verdict is not VerdictKind.AUTOMATIC for one in tried)


@pytest.mark.parametrize(
    ("rules", "changes", "phrase"),
    [
        ([rule(expiryDays={"gt": 3})], {}, "expire in 3 days instead of 7"),
        ([rule(expiryDays={"gt": 1})], {}, "expire in 1 day instead of 7"),
        ([rule(expiryDays={"gte": 3})], {}, "expire in 2 days instead of 7"),
        ([rule(expiryDays={"gte": 88}), rule("b", 10, expiryDays={"lte": 87.99})], {"expiresAfter": "90d"}, None),
        ([rule(expiryDays={"gt": 36500})], {"expiresAfter": None}, "expire in 36500 days instead of never"),
        ([rule(expiryDays={"gt": 0.5})], {}, "expire in 12 hours instead of 7 days"),
        ([rule(expiryDays={"gt": 30})], {"expiresAfter": None}, "expire in 30 days instead of never"),
        ([rule(expiryDays={"gt": 3}), rule("b", 10, expiryDays={"gt": 2})], {}, "expire in 2 days instead of 7"),
        ([rule(environment=["prod"])], {"environment": "prod"}, "use stag instead of prod"),
        ([rule(environment=["prod", "stag"])], {"environment": "prod"}, "use dev instead of prod"),
        ([rule(monthlyCredits={"gt": 80})], {}, "choose Size small instead of medium"),
        ([rule(monthlyCredits={"gt": 20})], {}, "choose Size nano instead of medium"),
        ([rule(monthlyCredits={"gt": 4})], {}, "use dev instead of stag"),
        ([rule(time={"zone": "Asia/Singapore", "weekdays": ["sat", "sun"]})], {}, "wait until Monday 00:00 (Asia/Singapore)"),
        ([rule(any=[{"time": {"zone": "Asia/Singapore", "weekdays": ["sun"]}},
                    {"time": {"zone": "Asia/Singapore", "hours": {"from": 18, "until": 8}}}])], {}, "wait until Monday 08:00 (Asia/Singapore)"),
        ([rule(expiryDays={"gt": 3}), rule("b", 10, monthlyCredits={"gt": 80})], {}, "expire in 3 days instead of 7 and choose Size small instead of medium"),
        ([rule("a", 5, expiryDays={"gt": 3}), rule("b", 5, monthlyCredits={"gt": 80})], {}, "expire in 3 days instead of 7"),
        ([rule(replacesData=True)], {"lostData": ["the database (Store)"]}, None),
        ([rule()], {}, None),
    ],
)  # fmt: skip
def test_the_easiest_change_in_the_order_of_effort(rules: Any, changes: Any, phrase: Any):
    environment = changes.get("environment", "stag")
    offers = [
        {"change": "choose Size nano instead of medium", "monthlyCredits": 10},
        {"change": "choose Size small instead of medium", "monthlyCredits": 60},
        {"change": "choose Size large instead of medium", "monthlyCredits": 200},
        *({"environment": one, "monthlyCredits": cost} for one, cost in (("dev", 2), ("stag", 50)) if one != environment),
    ]  # fmt: skip
    found = evaluate(
        policy(*rules), facts(**{"environment": environment, "offers": offers, **changes})
    )
    assert found.easiest_change == phrase


def test_an_environment_that_is_not_offered_is_not_suggested():
    assert evaluate(default_policy(), facts(environment="prod")).easiest_change is None


def test_another_environment_comes_with_its_own_expiry():
    offers = [{"environment": "dev", "monthlyCredits": 5, "expiresAfter": "7d"}]
    found = easiest_change(
        default_policy(), facts(environment="prod", expiresAfter=None, offers=offers)
    )
    assert found is not None
    assert (found.phrase, found.facts.expires_after) == ("use dev instead of prod", "7d")


def test_the_expiry_that_the_requester_would_ask_for_goes_before_that_of_another_environment():
    offers = [{"environment": "dev", "monthlyCredits": 5, "expiresAfter": "30d"}]
    current = policy(rule(environment=["prod"]), rule("b", expiryDays={"gt": 20}))
    found = easiest_change(current, facts(environment="prod", expiresAfter="60d", offers=offers))
    assert found is not None
    assert found.phrase == "expire in 20 days instead of 60 and use dev instead of prod"
    assert found.facts.expires_after == "20d"


def test_a_dearer_size_is_never_suggested():
    offers = [{"change": "choose Size large", "monthlyCredits": 200}]
    assert (
        evaluate(policy(rule(monthlyCredits={"lt": 150})), facts(offers=offers)).easiest_change
        is None
    )


def test_a_cheaper_size_leaves_more_of_the_quota():
    offers = [{"change": "choose Size small", "monthlyCredits": 10}]
    current = policy(rule(quotaShareLeft={"lt": 0.004}))
    asked = facts(monthlyCredits=100, quotaLimit=20000, quotaLeft=0, offers=offers)
    found = easiest_change(current, asked)
    assert found is not None
    assert found.facts.quota_left == 90
    assert easiest_change(current, asked.with_(quota_left=-11)) is None


def test_a_policy_made_to_be_slow_gets_a_verdict_after_a_bounded_number_of_tries(
    monkeypatch: pytest.MonkeyPatch,
):
    tries = itertools.count()
    below = policy_change._below
    monkeypatch.setattr(policy_change, "_below", lambda *given: (next(tries), below(*given))[1])
    # It seems to yield to any of three changes, and to many values of each, but never does.
    ways = [{"expiryDays": {"gt": number}} for number in range(1, 7)]
    always = {"time": {"zone": "UTC", "hours": {"from": 0, "until": 24}}}
    slow = policy(rule(monthlyCredits={"gte": 0}, any=[*ways, always]))
    offers = [{"change": f"size {index}", "monthlyCredits": index} for index in range(99)]
    assert evaluate(slow, facts(offers=offers)).easiest_change is None
    assert next(tries) == policy_change.MOST_TRIES
