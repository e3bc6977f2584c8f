"""How a plan is shown: what would run, what it costs, what is left, who has to approve."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from autoprovision.cli.render import field, money, show_fields, show_table, status_text

_CENT = 100


def show_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """Print a plan; members that are missing are left out."""
    quota = plan.get("quota") or {}
    approval = plan.get("approval") or {}
    show_fields(
        console,
        [
            (
                "blueprint",
                " ".join(str(plan[key]) for key in ("blueprint", "version") if key in plan),
            ),
            ("price", _price(plan, quota)),
            ("quota left", _left(quota)),
            ("", quota.get("advice")),
            ("approval", status_text(approval.get("verdict"))),
            *(("", f"- {reason}") for reason in approval.get("reasons") or ()),
            ("", approval.get("easiestChange")),
            ("expires after", plan.get("expiresAfter")),
            ("not priced", plan.get("unpriced")),
            ("parameters", plan.get("parameters")),
            ("digest", plan.get("digest")),
        ],
    )
    lines = plan.get("priceLines") or []
    if lines:
        console.print()
        show_table(console, lines, _PRICE_COLUMNS)


def _cents(name: str) -> Any:
    """A reader of cents that may be text, so that no digit is lost on the way."""

    def read(line: Mapping[str, Any]) -> str:
        value = line.get(name)
        try:
            return "" if value is None else f"${float(value) / _CENT:,.4f}"
        except (TypeError, ValueError):
            return str(value)

    return read


_PRICE_COLUMNS = (
    ("resource", field("resource")),
    ("for", field("description")),
    ("quantity", field("quantity")),
    ("unit", field("unit")),
    ("unit price", lambda line: _cents("unitPriceCents")(line) or _cents("unitPrice")(line)),
    ("a month", _cents("monthlyCents")),
    ("source", field("source")),
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
