"""How a plan is shown: what would run, what it costs, what is left, who has to approve."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from autoprovision.cli.render import field, money, show_fields, show_table, status_text

_CENT = 100


def show_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """Print a plan with its price, line by line; members that are missing are left out."""
    quota = plan.get("quota") or {}
    show_fields(
        console,
        [
            *_summary(plan),
            ("quota left", _left(quota)),
            ("", quota.get("advice")),
            ("not priced", plan.get("unpriced")),
            ("parameters", plan.get("parameters")),
            ("digest", plan.get("digest")),
        ],
    )
    _show_price_lines(console, plan.get("priceLines") or [])


def show_plan_summary(console: Console, plan: Mapping[str, Any]) -> None:
    """Print what a request's readers ask first: what, how much, approved by whom and why."""
    show_fields(console, _summary(plan))


def _summary(plan: Mapping[str, Any]) -> list[tuple[str, Any]]:
    approval = plan.get("approval") or {}
    named = [str(plan[key]) for key in ("blueprint", "version") if key in plan]
    return [
        ("blueprint", " ".join(named)),
        ("price", _price(plan, plan.get("quota") or {})),
        ("approval", status_text(approval.get("verdict"))),
        *(("", f"- {reason}") for reason in approval.get("reasons") or ()),
        *(("warning", warning) for warning in plan.get("warnings") or ()),
        ("", approval.get("easiestChange")),
        ("expires after", plan.get("expiresAfter")),
    ]


def _show_price_lines(console: Console, lines: Sequence[Mapping[str, Any]]) -> None:
    priced = [line for line in lines if line.get("unit")]
    free = [str(line.get("resource")) for line in lines if not line.get("unit")]
    if priced:
        console.print()
        show_table(console, priced, _PRICE_COLUMNS)
    if free:
        console.print(f"Free of charge: {', '.join(free)}.")


def _cents(name: str) -> Any:
    """A reader of cents that may be text, so that no digit is lost on the way."""

    def read(line: Mapping[str, Any]) -> str:
        value = line.get(name)
        try:
            return "" if value is None else f"${float(value) / _CENT:,.4f}"
        except (TypeError, ValueError):
            return str(value)

    return read


def _read_on(line: Mapping[str, Any]) -> str:
    """When the price was read, and whether it is an estimate; `--json` has where."""
    day = str(line.get("source") or "").rpartition(", ")[2]
    return f"{day}, estimated" if line.get("estimated") else day


_PRICE_COLUMNS = (
    ("resource", field("resource")),
    ("for", field("description")),
    ("quantity", field("quantity")),
    ("unit", field("unit")),
    ("unit price", lambda line: _cents("unitPriceCents")(line) or _cents("unitPrice")(line)),
    ("a month", _cents("monthlyCents")),
    ("price read", _read_on),
)


def _price(plan: Mapping[str, Any], quota: Mapping[str, Any]) -> str:
    price = money(plan.get("monthlyCredits"))
    if not price:
        return ""
    limit = money(quota.get("limit"))
    return f"{price} of {limit} a month" if limit else f"{price} a month"


def _left(quota: Mapping[str, Any]) -> str:
    left, after = money(quota.get("left")), money(quota.get("leftAfter"))
    return f"{left}, {after} after this" if left and after else left
