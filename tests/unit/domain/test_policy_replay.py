"""A proposed policy over past requests: what would have changed, and why."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.policy_cases import FACTS, RULES, facts, policy, rule

from autoprovision.domain.policy import weigh
from autoprovision.domain.policy_replay import PastRequest, replay


def past(*costs: int) -> list[PastRequest]:
    return [
        PastRequest(request_id=f"req_{index}", facts=facts(monthlyCredits=one))
        for index, one in enumerate(costs)
    ]


def test_it_says_what_would_have_changed_and_why():
    current = policy(rule("costly", 10, monthlyCredits={"gt": 100}))
    proposed = policy(
        rule("costly", 10, monthlyCredits={"gt": 500}),
        rule("absurd", 100, monthlyCredits={"gt": 9000}),
    )
    found = replay(proposed, current, past(50, *[200] * 14, 600, 9001))
    assert (found.total, found.summary) == (17, "+14 automatic, +1 refused")
    assert found.gained == {"AUTOMATIC": 14, "REFUSED": 1}
    assert [one.request_id for one in found.changes] == [
        f"req_{index}" for index in [*range(1, 15), 16]
    ]
    milder, harder = found.changes[0], found.changes[-1]
    assert milder.why == "by one approver → automatic: costly no longer adds 10."
    assert harder.why == "by one approver → refused: absurd adds 100."
    assert (harder.weight_before, harder.weight_after) == (10, 110)
    assert [one.rule for one in harder.gained] == ["absurd"]
    assert milder.lost[0].reason == "Because of costly."


def test_other_thresholds_change_verdicts_with_the_same_reasons():
    doubt = rule("doubt", 5)
    strict = policy(doubt, overrides=[{"units": ["ntu-*"], "thresholds": {"oneApprover": 5}}])
    found = replay(strict, policy(doubt), past(1))
    assert found.summary == "+1 by one approver"
    assert found.changes[0].why == "automatic → by one approver: the thresholds differ at weight 5."


def test_another_weight_of_the_same_rule_is_named():
    found = replay(policy(rule("a", 20)), policy(rule("a", 10)), past(1))
    assert (
        found.changes[0].why
        == "by one approver → by two approvers: a adds 20; a no longer adds 10."
    )


def test_without_a_difference_it_says_so():
    same = policy(rule("a"))
    assert replay(same, same, past(1)).summary == "no change in 1 past request"
    assert replay(same, same, []).summary == "no change in 0 past requests"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(RULES, RULES, st.lists(FACTS, max_size=5))
def test_it_agrees_with_both_policies(current_rules: Any, proposed_rules: Any, asked: Any):
    current, proposed = policy(*current_rules), policy(*proposed_rules)
    requests = [PastRequest(request_id=str(index), facts=one) for index, one in enumerate(asked)]
    found = replay(proposed, current, requests)
    assert found.total == len(requests)
    assert sum(found.gained.values()) == len(found.changes)
    changed = {one.request_id: one for one in found.changes}
    for request in requests:
        before, after = weigh(current, request.facts), weigh(proposed, request.facts)
        if before.verdict is after.verdict:
            assert request.request_id not in changed
        else:
            one = changed[request.request_id]
            assert (one.before, one.after) == (before.verdict, after.verdict)
