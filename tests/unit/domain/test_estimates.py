"""A price that was derived says so wherever it is shown."""

import io
from decimal import Decimal

from rich.console import Console

from autoprovision.cli.planview import show_plan
from autoprovision.domain.price import Price, PriceBook, Quantity, credits_of, price_lines

BOOK = PriceBook(
    region="r",
    version="v",
    prices={
        "read": Price(cents=Decimal("0.4"), unit="hour", description="Read", source="https://a", read_in="https://copy", as_of="2026-09-01"),
        "derived": Price(cents=Decimal("0.3"), unit="hour", description="Derived", source="derived: from others", estimated=True, as_of="2026-09-02"),
    },
)  # fmt: skip


def lines(*names: str):
    return price_lines(
        [Quantity(resource="A", price=name, quantity=Decimal(3)) for name in names], BOOK
    )


def test_a_line_says_where_its_price_is_from_and_whether_it_is_an_estimate():
    read, derived = lines("read", "derived")
    assert (read.source, read.estimated) == ("https://a, read in https://copy, 2026-09-01", False)
    assert (derived.source, derived.estimated) == ("derived: from others, 2026-09-02", True)


def test_credits_are_rounded_up_once_over_the_sum():
    assert credits_of(lines("read")) == 2  # 1.2
    assert credits_of(lines("read", "derived")) == 3  # 1.2 + 0.9 = 2.1, not 2 + 1
    assert credits_of(lines()) == 0


def test_a_plan_shows_the_day_and_the_estimate():
    out = io.StringIO()
    document = {"priceLines": [line.document() for line in lines("read", "derived")]}
    show_plan(Console(file=out, width=200), document)
    assert "2026-09-01" in out.getvalue()
    assert "2026-09-02, estimated" in out.getvalue()
