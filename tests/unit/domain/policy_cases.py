"""Facts and policies for the tests of the approval policy."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from autoprovision.domain.policy import Policy, PolicyFacts, parse_policy

DEFAULT_POLICY = Path(__file__).parents[3] / "catalog" / "policy.yaml"
# A Sunday, 17:00 in Singapore.
SUNDAY = datetime(2026, 11, 22, 9, tzinfo=UTC)


def default_policy() -> Policy:
    return parse_policy(yaml.safe_load(DEFAULT_POLICY.read_text("utf-8")))


def facts(**changes: Any) -> PolicyFacts:
    usual = {
        "environment": "dev", "businessUnit": "ntu-scse-2023-ct1", "blueprint": "static-site",
        "projectType": "Static", "monthlyCredits": 100, "quotaLimit": 20000, "quotaLeft": 10000,
        "requesterProvisioned": 2, "at": SUNDAY, "expiresAfter": "7d",
    }  # fmt: skip
    return PolicyFacts.model_validate({**usual, **changes})


def document(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    thresholds = {"oneApprover": 10, "twoApprovers": 20, "refuse": 100}
    return {
        "name": "test",
        "version": "1",
        "thresholds": thresholds,
        "rules": list(rules),
        **changes,
    }


def rule(
    name: str = "a", weight: int = 10, units: list[str] | None = None, **when: Any
) -> dict[str, Any]:
    found = {
        "id": name,
        "reason": f"Because of {name}.",
        "weight": weight,
        "when": when or {"always": True},
    }
    return {**found, "units": units} if units else found


def policy(*rules: dict[str, Any], **changes: Any) -> Policy:
    return parse_policy(document(*rules, **changes))


def _some(*members: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(members), min_size=1, max_size=3, unique=True)


_WINDOWS = st.fixed_dictionaries(
    {"zone": st.sampled_from(["Asia/Singapore", "Europe/Berlin", "Asia/Kathmandu", "UTC"])},
    optional={"hours": st.tuples(st.integers(0, 23), st.integers(0, 24)).filter(lambda x: x[0] != x[1]).map(
        lambda x: {"from": x[0], "until": x[1]})},
).flatmap(
    lambda one: st.just(one) if "hours" in one else
    _some("mon", "wed", "fri", "sat", "sun").map(lambda days: {**one, "weekdays": days})
)  # fmt: skip
_CONDITIONS = {
    "operation": _some("provision", "update", "extend"),
    "environment": _some("dev", "stag", "prod"),
    "blueprint": _some("static-*", "node-app", "*"),
    "projectType": _some("static", "CMS"),
    "monthlyCredits": st.one_of(
        st.integers(0, 30000).map(lambda x: {"gt": x}),
        st.integers(0, 30000).map(lambda x: {"lte": x}),
    ),
    "quotaShareLeft": st.floats(0, 1).map(lambda x: {"lt": x}),
    "requesterProvisioned": st.integers(0, 5).map(lambda x: {"lte": x}),
    "requesterFailedLast30Days": st.integers(0, 5).map(lambda x: {"gte": x}),
    "expiryDays": st.one_of(
        st.integers(1, 60).map(lambda x: {"gt": x}),
        st.integers(1, 60).map(lambda x: {"gte": x}),
        st.booleans().map(lambda x: {"never": x}),
    ),
    "time": _WINDOWS,
    "sourceChanged": st.booleans(),
    "replacesData": st.booleans(),
}
GROUPS = st.fixed_dictionaries({}, optional=_CONDITIONS).filter(bool)
WHEN = st.one_of(GROUPS, st.lists(GROUPS, min_size=1, max_size=3).map(lambda x: {"any": x}))
RULES = st.lists(
    st.tuples(st.sampled_from([0, 3, 5, 10, 20, 100]), WHEN, st.sampled_from([None, ["ntu-*"], ["mit"]])),
    min_size=1, max_size=8,
).map(lambda found: [
    rule(f"r{index}", weight, units, **when) for index, (weight, when, units) in enumerate(found)
])  # fmt: skip
_DURATIONS = st.one_of(
    st.none(), st.integers(1, 100).map(lambda x: f"{x}d"), st.integers(1, 99).map(lambda x: f"{x}h")
)
OFFERS = st.lists(
    st.one_of(
        st.builds(dict, change=st.just("choose Size small"), monthlyCredits=st.integers(0, 20000)),
        st.builds(
            dict, environment=st.sampled_from(["dev", "stag"]), monthlyCredits=st.integers(0, 9000)
        ),
        st.builds(
            dict,
            environment=st.sampled_from(["dev", "stag"]),
            monthlyCredits=st.integers(0, 9000),
            expiresAfter=_DURATIONS.map(lambda one: one or "never"),
        ),
    ),
    max_size=4,
)
FACTS = st.builds(
    facts,
    operation=st.sampled_from(["provision", "update", "extend"]),
    environment=st.sampled_from(["dev", "stag", "prod"]),
    blueprint=st.sampled_from(["static-site", "node-app"]),
    projectType=st.sampled_from(["Static", "CMS"]),
    monthlyCredits=st.integers(0, 40000),
    quotaLeft=st.integers(-5000, 20000),
    requesterProvisioned=st.integers(0, 4),
    requesterFailedLast30Days=st.integers(0, 6),
    expiresAfter=_DURATIONS,
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    sourceChanged=st.booleans(),
    lostData=st.sampled_from([(), ("the database (Store)",)]),
    offers=OFFERS,
)
