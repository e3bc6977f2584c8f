"""CPU time of an approval verdict over 200 rules, and the same rules in Cedar when it is there.

Run it with `python benchmarks/policy_verdict.py`; `pip install cedarpy` brings the comparison.
Both engines answer the same requests, and the program stops when they do not agree on which rules
fire. Cedar says only that; weights, sentences and the easiest change are ours alone, so the
verdict is timed with and without them.
"""

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from autoprovision.domain.policy import (
    Policy,
    PolicyFacts,
    VerdictKind,
    evaluate,
    parse_policy,
    weigh,
)

RULES, REQUESTS, ROUNDS = 200, 100, 5
GOAL_MS = 5.0
CHANCE = random.Random(2026)


def rule_of(index: int) -> dict[str, Any]:
    """One rule of a policy such as a large organisation might have."""
    environments = [["dev"], ["dev", "stag"], ["stag"], ["prod"]]
    when: dict[str, Any] = {"environment": environments[index % 4]}
    if index % 2:
        when["monthlyCredits"] = {"gt": CHANCE.randrange(100, 30000)}
    if index % 3 == 0:
        when["expiryDays"] = {"gt": CHANCE.randrange(1, 90)}
    if index % 5 == 0:
        when["blueprint"] = [f"team-{index % 7}-*"]
    if index % 11 == 0:
        when["requesterFailedLast30Days"] = {"gte": CHANCE.randrange(1, 5)}
    reason = "{monthlyCost} a month in {environment}, ending in {expiry}."
    weight = CHANCE.choice([0, 1, 2])
    return {"id": f"rule-{index}", "reason": reason, "weight": weight, "when": when}


def document_of(rules: int) -> dict[str, Any]:
    """A policy document."""
    thresholds = {"oneApprover": 4, "twoApprovers": 20, "refuse": 60}
    return {
        "name": "large",
        "version": "1",
        "thresholds": thresholds,
        "rules": [rule_of(index) for index in range(rules)],
    }


def facts_of(index: int) -> PolicyFacts:
    """One request, with the offers that a blueprint of three sizes and environments gives."""
    credits_a_month = CHANCE.randrange(100, 20000)
    return PolicyFacts.model_validate(
        {
            "environment": CHANCE.choice(["dev", "stag", "prod"]),
            "businessUnit": "unit-1",
            "blueprint": f"team-{index % 7}-site",
            "projectType": "Static",
            "monthlyCredits": credits_a_month,
            "quotaLimit": 50000,
            "quotaLeft": CHANCE.randrange(0, 50000),
            "requesterFailedLast30Days": CHANCE.randrange(0, 5),
            "expiresAfter": CHANCE.choice(["3d", "14d", "60d", None]),
            "at": datetime(2026, 11, 22, tzinfo=UTC) + timedelta(hours=index),
            "offers": [
                {"change": "choose Size small", "monthlyCredits": credits_a_month // 2},
                {"change": "choose Size nano", "monthlyCredits": credits_a_month // 4},
                {"environment": "dev", "monthlyCredits": 50, "expiresAfter": "7d"},
            ],
        }
    )


def cpu_ms(work: Callable[[], object], calls: int) -> float:
    """CPU milliseconds of one call, the median over some rounds."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        found.append((time.process_time() - start) * 1000 / calls)
    return statistics.median(found)


def slowest_ms(policy: Policy, requests: list[PolicyFacts]) -> float:
    """CPU milliseconds of the slowest request."""
    return max(cpu_ms(lambda one=one: evaluate(policy, one), 1) for one in requests)


def cedar_policy(document: dict[str, Any]) -> str:
    """The same rules in Cedar: one policy for each."""
    signs = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    scale = {"expiryDays": 1440}
    texts = []
    for rule in document["rules"]:
        terms = []
        for fact, wanted in rule["when"].items():
            if fact == "environment":
                terms.append(f"{list(wanted)}.contains(context.environment)".replace("'", '"'))
            elif fact == "blueprint":
                terms.append(f'context.blueprint like "{wanted[0]}"')
            else:
                ((sign, value),) = wanted.items()
                number = value * scale.get(fact, 1)
                terms.append(f"context.{fact} {signs[sign]} {number}")
        conditions = " && ".join(terms)
        texts.append(
            f'@id("{rule["id"]}")\npermit(principal, action, resource) when {{ {conditions} }};'
        )
    return "\n".join(texts)


def cedar_request(facts: PolicyFacts) -> dict[str, Any]:
    """The same facts as Cedar's context."""
    return {
        "principal": 'User::"one"',
        "action": 'Action::"provision"',
        "resource": 'Application::"one"',
        "context": {
            "environment": facts.environment.value,
            "blueprint": facts.blueprint,
            "monthlyCredits": facts.monthly_credits,
            "requesterFailedLast30Days": facts.requester_failed_last_30_days,
            "expiryDays": int(min(facts.expiry_minutes, 10**9)),
        },
    }


def compare_with_cedar(
    document: dict[str, Any], requests: list[PolicyFacts], ours: dict[str, float]
) -> None:
    """Time the same rules and requests in Cedar, and print the ratios."""
    try:
        import cedarpy  # noqa: PLC0415
    except ImportError:
        print("cedarpy is not installed: no comparison.")
        return
    text = cedar_policy(document)
    parsed, entities = cedarpy.PolicySet.from_str(text), cedarpy.Entities.from_json_str("[]")
    asked = [cedar_request(one) for one in requests]
    policy = parse_policy(document)
    for facts, request in zip(requests, asked, strict=True):
        fired = len(weigh(policy, facts).reasons)
        theirs = len(cedarpy.is_authorized(request, parsed, entities).diagnostics.reasons)
        if fired != theirs:
            raise SystemExit(f"{fired} rules fire here and {theirs} in Cedar for {request}.")
    warm = cpu_ms(
        lambda: [cedarpy.is_authorized(one, parsed, entities) for one in asked], len(asked)
    )
    cold = cpu_ms(lambda: cedarpy.is_authorized(asked[0], text, "[]"), 1)
    for name, theirs, mine in (
        ("Cedar, rules read before", warm, ours["weigh"]),
        ("Cedar, reading the rules first", cold, ours["cold"]),
    ):
        print(f"{name:33}{theirs:8.3f} ms: ours takes {mine / theirs:.2f} times that")


def main() -> None:
    """Print the numbers."""
    document = document_of(RULES)
    requests = [facts_of(index) for index in range(REQUESTS)]
    policy = parse_policy(document)
    verdicts = [evaluate(policy, one) for one in requests]
    kinds = {kind.value: sum(one.verdict is kind for one in verdicts) for kind in VerdictKind}
    changes = sum(one.easiest_change is not None for one in verdicts)
    print(f"{RULES} rules, {REQUESTS} requests: {kinds}, {changes} with an easiest change")
    ours = {
        "weigh": cpu_ms(lambda: [weigh(policy, one) for one in requests], REQUESTS),
        "evaluate": cpu_ms(lambda: [evaluate(policy, one) for one in requests], REQUESTS),
        "cold": cpu_ms(lambda: weigh(parse_policy(document), requests[0]), 1),
    }
    slowest = slowest_ms(policy, requests)
    print(f"{'verdict with reasons':33}{ours['weigh']:8.3f} ms of CPU")
    print(f"{'and with the easiest change':33}{ours['evaluate']:8.3f} ms, at most {slowest:.3f} ms")
    print(f"{'reading the policy and a verdict':33}{ours['cold']:8.3f} ms")
    compare_with_cedar(document, requests, ours)
    share = slowest / GOAL_MS
    print(f"goal {GOAL_MS} ms: the slowest verdict takes {share:.2f} of it")


if __name__ == "__main__":
    main()
