"""A policy's rules as people read them: a table in Markdown, for docs and whoever decides."""

from autoprovision.domain.policy_conditions import Conditions, ExpiryRange, TimeWindow, When
from autoprovision.domain.policy_document import Policy
from autoprovision.domain.policy_facts import span_text

_SIGNS = {"gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


def rules_table(policy: Policy) -> str:
    """The rules as a Markdown table, in the policy's order."""
    rows = [
        f"| `{rule.id}` | {rule.weight} | {_cell(conditions_text(rule.when))} | "
        f"{_cell(', '.join(rule.units) if rule.units else 'all')} | {_cell(rule.reason)} |"
        for rule in policy.rules
    ]
    head = ["| rule | weight | when | units | reason |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def conditions_text(when: When) -> str:
    """A rule's conditions as one line."""
    parts = _all_of(when)
    if when.any_:
        groups = " or ".join(f"({' and '.join(_all_of(group))})" for group in when.any_)
        parts.append(groups if not parts else f"[{groups}]")
    return " and ".join(parts)


def _all_of(one: Conditions) -> list[str]:
    found = ["always"] if one.always else []
    lists: tuple[tuple[str, tuple[str, ...] | None], ...] = (
        ("operation", one.operation),
        ("environment", one.environment),
        ("blueprint", one.blueprint),
        ("project type", one.project_type),
        ("runbook", one.runbook),
    )
    found += [f"{name} is {' or '.join(members)}" for name, members in lists if members]
    ranges = (
        ("monthly credits", one.monthly_credits),
        ("share of quota left", one.quota_share_left),
        ("applications ever provisioned", one.requester_provisioned),
        ("failures in 30 days", one.requester_failed_last_30_days),
    )
    found += [
        f"{name} {_SIGNS[sign]} {value:g}" if value < 10**6 else f"{name} {_SIGNS[sign]} {value}"
        for name, span in ranges
        if span
        for sign, value in span.bounds().items()
    ]
    found += _expiry(one.expiry_days) if one.expiry_days else []
    found += [_window(one.time)] if one.time else []
    if one.source_changed is not None:
        found.append(f"{'takes' if one.source_changed else 'does not take'} another repository")
    if one.replaces_data is not None:
        found.append("loses data" if one.replaces_data else "loses no data")
    return found


def _expiry(span: ExpiryRange) -> list[str]:
    words = [
        f"life {_SIGNS[sign]} {span_text(days * 24 * 60)}" for sign, days in span.bounds().items()
    ]
    if span.never is not None:
        words.append("never ends" if span.never else "ends some day")
    return words


def _window(window: TimeWindow) -> str:
    parts = [" or ".join(window.weekdays)] if window.weekdays else []
    if window.hours:
        parts.append(f"{window.hours.from_:02}:00 to {window.hours.until:02}:00")
    return f"asked on {' '.join(parts)} in {window.zone}" if window.weekdays else (
        f"asked from {' '.join(parts)} in {window.zone}"
    )  # fmt: skip


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
