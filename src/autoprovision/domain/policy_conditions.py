"""The conditions of a policy's rules: their shape as data, and the test each one becomes.

Patterns know only `*` and `?`, and are short, so no policy can make matching slow.
"""

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from autoprovision.domain.policy_facts import NEVER, Operation
from autoprovision.domain.request import TargetEnvironment
from autoprovision.domain.resource import Resource

_PATTERN = r"^[a-z0-9._*?-]{1,64}$"
_MOST_STARS = 5


class PolicyPart(Resource):
    """A part of a policy document: unknown keys are refused, and a key has one spelling."""

    model_config = ConfigDict(
        **{**Resource.model_config, "extra": "forbid", "validate_by_name": False}
    )


def _pattern(text: str) -> str:
    if not re.fullmatch(_PATTERN, text) or text.count("*") > _MOST_STARS:
        raise ValueError(
            "Write 1 to 64 lower-case letters, digits, dots, hyphens or underscores; "
            f"`?` stands for one character and `*` (at most {_MOST_STARS} times) for any number."
        )
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"There is no time zone {name!r}; write an IANA name such as Asia/Singapore."
        ) from None
    return name


Pattern = Annotated[
    str, Field(strict=True, json_schema_extra={"pattern": _PATTERN}), AfterValidator(_pattern)
]
Patterns = Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=50)]
Whole = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Number = Annotated[float, Field(strict=True, ge=-(10**6), le=10**6, allow_inf_nan=False)]
Days = Annotated[float, Field(strict=True, gt=0, le=36500, allow_inf_nan=False)]


class _Range(PolicyPart):
    """Bounds that all hold."""

    def bounds(self) -> dict[str, float]:
        """The bounds that are set, by `gt`, `gte`, `lt` or `lte`."""
        found = {name: getattr(self, name) for name in ("gt", "gte", "lt", "lte")}
        return {name: value for name, value in found.items() if value is not None}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        bounds = self.bounds()
        if not bounds and getattr(self, "never", None) is None:
            raise ValueError("Name at least one of gt, gte, lt, lte.")
        if {"gt", "gte"} <= bounds.keys() or {"lt", "lte"} <= bounds.keys():
            raise ValueError("Name one lower and one upper bound at most.")
        low = bounds.get("gt", bounds.get("gte"))
        high = bounds.get("lt", bounds.get("lte"))
        closed = "gte" in bounds and "lte" in bounds
        if low is not None and high is not None and (low > high or (low == high and not closed)):
            raise ValueError("No value lies between these bounds.")
        return self

    def test(self) -> Callable[[float], bool]:
        """Whether a value lies within the bounds."""
        bounds = self.bounds()
        gt, gte = bounds.get("gt", -NEVER), bounds.get("gte", -NEVER)
        lt, lte = bounds.get("lt"), bounds.get("lte", NEVER)
        has_gt = "gt" in bounds

        def within(value: float) -> bool:
            return (
                (not has_gt or value > gt)
                and gte <= value <= lte
                and (lt is None or value < lt)
            )  # fmt: skip

        return within


class WholeRange(_Range):
    """Bounds on a whole number, all of which hold."""

    gt: Whole | None = None
    gte: Whole | None = None
    lt: Whole | None = None
    lte: Whole | None = None


class NumberRange(_Range):
    """Bounds on a number, all of which hold."""

    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None


class ExpiryRange(_Range):
    """Bounds on days until the end; something that never ends is longer than any number of days.

    Attributes:
        never: true for what has no end, false for what has one.
    """

    gt: Days | None = None
    gte: Days | None = None
    lt: Days | None = None
    lte: Days | None = None
    never: Annotated[bool, Field(strict=True)] | None = None

    def test(self) -> Callable[[float], bool]:
        """Whether a number of days lies within the bounds."""
        within, never = super().test(), self.never
        if never is None:
            return within
        return lambda days: (days == NEVER) is never and within(days)


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEKDAYS = tuple(Weekday)
Hour = Annotated[int, Field(strict=True, ge=0, le=24)]


class Hours(PolicyPart):
    """A part of the day, in whole hours; from 18 until 8 goes through the night.

    Attributes:
        from_: the first hour that counts.
        until: the first hour after it that no longer counts.
    """

    from_: Annotated[int, Field(strict=True, ge=0, le=23, alias="from")]
    until: Hour

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.from_ == self.until:
            raise ValueError("from and until are the same hour; leave hours out for the whole day.")
        return self

    def hold(self, hour: int) -> bool:
        """Whether an hour of the day lies within them."""
        if self.from_ < self.until:
            return self.from_ <= hour < self.until
        return hour >= self.from_ or hour < self.until


class TimeWindow(PolicyPart):
    """When it was asked, on the clock of a named place.

    Attributes:
        zone: an IANA time zone.
    """

    zone: Annotated[str, Field(strict=True, max_length=64), AfterValidator(_zone)]
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] | None = None
    hours: Hours | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.weekdays is None and self.hours is None:
            raise ValueError("Name weekdays, hours or both.")
        return self

    def test(self) -> Callable[[datetime], bool]:
        """Whether a moment lies within the window."""
        zone, hours = ZoneInfo(self.zone), self.hours
        days = frozenset(_WEEKDAYS.index(day) for day in self.weekdays or _WEEKDAYS)

        def within(at: datetime) -> bool:
            local = at.astimezone(zone)
            return local.weekday() in days and (hours is None or hours.hold(local.hour))

        return within


class Check(NamedTuple):
    """One condition, ready to run.

    Attributes:
        fact: the name of the fact it looks at.
        holds: whether it holds for the fact's value.
    """

    fact: str
    holds: Callable[[Any], bool]


class Conditions(PolicyPart):
    """Conditions that must all hold. At least one is named.

    Attributes:
        always: true, for a rule that holds for every request of its units.
    """

    always: Annotated[bool, Field(strict=True)] | None = None
    operation: Annotated[tuple[Operation, ...], Field(min_length=1)] | None = None
    environment: Annotated[tuple[TargetEnvironment, ...], Field(min_length=1)] | None = None
    blueprint: Patterns | None = None
    project_type: (
        Annotated[
            tuple[Annotated[str, Field(strict=True, min_length=1, max_length=40)], ...],
            Field(min_length=1, max_length=50),
        ]
        | None
    ) = None
    monthly_credits: WholeRange | None = None
    quota_share_left: NumberRange | None = None
    requester_provisioned: WholeRange | None = None
    requester_failed_last_30_days: Annotated[
        WholeRange | None, Field(alias="requesterFailedLast30Days")
    ] = None
    expiry_days: ExpiryRange | None = None
    time: TimeWindow | None = None
    source_changed: Annotated[bool, Field(strict=True)] | None = None
    replaces_data: Annotated[bool, Field(strict=True)] | None = None
    runbook: Patterns | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.always is False:
            raise ValueError("always can only be true; delete a rule that should not hold.")
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("Name at least one condition; `always: true` holds for everything.")
        return self

    def checks(self) -> tuple[Check, ...]:
        """The conditions, ready to run; the cheap ones first."""
        found: list[Check] = []
        for fact, members in (("operation", self.operation), ("environment", self.environment)):
            if members is not None:
                found.append(Check(fact, frozenset(members).__contains__))
        if self.source_changed is not None:
            found.append(Check("sourceChanged", frozenset({self.source_changed}).__contains__))
        if self.replaces_data is not None:
            found.append(Check("replacesData", frozenset({self.replaces_data}).__contains__))
        if self.project_type is not None:
            types = frozenset(name.lower() for name in self.project_type)
            found.append(Check("projectType", types.__contains__))
        found += [Check(fact, span.test()) for fact, span in self._ranges() if span is not None]
        if self.blueprint is not None:
            found.append(Check("blueprint", matcher(self.blueprint)))
        if self.runbook is not None:
            found.append(Check("runbook", matcher(self.runbook)))
        if self.time is not None:
            found.append(Check("time", self.time.test()))
        return tuple(found)

    def _ranges(self) -> tuple[tuple[str, _Range | None], ...]:
        return (
            ("monthlyCredits", self.monthly_credits),
            ("quotaShareLeft", self.quota_share_left),
            ("requesterProvisioned", self.requester_provisioned),
            ("requesterFailedLast30Days", self.requester_failed_last_30_days),
            ("expiryDays", self.expiry_days),
        )


class When(Conditions):
    """A rule's conditions: all that are named here, and one of the groups under `any`."""

    any_: Annotated[
        tuple[Conditions, ...] | None, Field(alias="any", min_length=1, max_length=10)
    ] = None

    def parts(self) -> tuple[Conditions, ...]:
        """The conditions and every group."""
        return (self, *(self.any_ or ()))


def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a text matches one of the patterns."""
    plain = frozenset(one for one in patterns if not set(one) & {"*", "?"})
    wild = tuple(one for one in patterns if one not in plain)

    def matches(text: str) -> bool:
        return text in plain or any(fnmatchcase(text, one) for one in wild)

    return matches
