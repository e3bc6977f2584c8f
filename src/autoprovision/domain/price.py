"""Prices: a dated price file, and what a blueprint's quantities cost with it.

Money is exact: `Decimal` cents inside, whole credits (US cents a month, rounded up) outside.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from autoprovision.domain.plan import PriceLine
from autoprovision.domain.resource import Resource


class Price(Resource):
    """One unit price.

    Attributes:
        cents: US cents for one unit, excluding tax.
        unit: for example `hour`, `GB-month`, `million requests`.
        source: where it stands; for an estimate, how it was derived.
        read_in: where it was read, when that is a copy of the source.
        estimated: the number of this region was not found, so it was derived from others.
        as_of: the day of the number.
    """

    cents: Decimal = Field(ge=0)
    unit: str
    description: str
    source: str
    read_in: str = ""
    estimated: bool = False
    as_of: date

    @property
    def reference(self) -> str:
        """Where the number is from, in one line that ends with its day."""
        parts = (self.source, f"read in {self.read_in}" if self.read_in else "")
        return ", ".join([*(part for part in parts if part), self.as_of.isoformat()])


class PriceBook(Resource):
    """The price file of one region."""

    region: str
    version: str
    prices: dict[str, Price]


def _one_or_many(value: Any) -> Any:
    """`{Node: managed}` says the same as `{Node: [managed]}`."""
    if not isinstance(value, Mapping):
        return value
    return {name: one if isinstance(one, list | tuple) else [one] for name, one in value.items()}


# Declared parameters and the values, as CloudFormation takes them, of which each has to have one.
When = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_one_or_many)]


def holds(when: Mapping[str, tuple[str, ...]], values: Mapping[str, str]) -> bool:
    """Whether every parameter that a condition names has one of the values it names."""
    return all(values.get(name) in wanted for name, wanted in when.items())


class Quantity(Resource):
    """How much of a price one resource of a topology uses in a month.

    Attributes:
        resource: logical id in the template.
        price: key in the price book, or `free`.
        quantity: units a month.
        why: the assumption behind the quantity, or why it is free.
        when: what the request's parameters have to be for the line to count; None is always.
    """

    resource: str
    price: str
    quantity: Decimal = Field(default=Decimal(1), ge=0)
    why: str = ""
    when: When | None = None


def asked_for(quantities: Iterable[Quantity], values: Mapping[str, str]) -> tuple[Quantity, ...]:
    """The lines that count.

    Args:
        values: the declared parameters of a request, as CloudFormation takes them.
    """
    return tuple(line for line in quantities if holds(line.when or {}, values))


def price_lines(quantities: Iterable[Quantity], book: PriceBook) -> tuple[PriceLine, ...]:
    """Price every line.

    Raises:
        KeyError: a price is not in the book; a published blueprint cannot have that.
    """
    lines = []
    for line in quantities:
        if line.price == "free":
            lines.append(_free(line))
            continue
        price = book.prices[line.price]
        lines.append(
            PriceLine(
                resource=line.resource,
                description=": ".join(part for part in (price.description, line.why) if part),
                quantity=_plain(line.quantity),
                unit=price.unit,
                unit_price=_plain(price.cents),
                monthly_cents=_plain(line.quantity * price.cents),
                source=price.reference,
                estimated=price.estimated,
            )
        )
    return tuple(lines)


def _free(line: Quantity) -> PriceLine:
    return PriceLine(
        resource=line.resource,
        description=line.why or "Free of charge",
        quantity=_plain(line.quantity),
        unit="",
        unit_price="0",
        monthly_cents="0",
        source="",
    )


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def credits_of(lines: Iterable[PriceLine]) -> int:
    """The sum in whole credits, rounded up, so that nothing with a price is free."""
    total = sum((Decimal(line.monthly_cents) for line in lines), Decimal(0))
    return int(total.to_integral_value(ROUND_CEILING))


def unpriced(resources: Mapping[str, str], quantities: Iterable[Quantity]) -> tuple[str, ...]:
    """Logical ids with their types that no line mentions.

    Args:
        resources: logical id to resource type, of the template.
    """
    named = {line.resource for line in quantities}
    return tuple(f"{name} ({kind})" for name, kind in resources.items() if name not in named)
