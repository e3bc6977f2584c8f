"""Working days: people decide on them, so deadlines count them.

A working day is over when its hours have passed on a day that is neither weekend nor holiday:
from Friday 15:00 one working day ends on Monday 15:00, and from Saturday at the end of Monday.
"""

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from autoprovision.domain.clock import parse_duration
from autoprovision.domain.request import TargetEnvironment
from autoprovision.domain.resource import Resource

WEEKEND = (5, 6)
_WORKING_DAYS = re.compile(r"(\d{1,3})wd", re.ASCII)
_SECONDS = re.compile(r"([1-9]\d{0,4})s", re.ASCII)


def add_working_days(
    at: datetime, days: int, zone: str, holidays: Collection[date] = ()
) -> datetime:
    """The moment a number of working days later, at the same time of day in a zone.

    Args:
        at: an aware moment; outside working days the count starts where the next one begins.
        days: how many, 0 or more; 0 gives the moment itself.
        zone: IANA time zone whose calendar counts.
        holidays: days on which nobody works, besides Saturdays and Sundays.

    Returns:
        The moment, in UTC.

    Raises:
        ValueError: days is negative.
    """
    if days < 0:
        raise ValueError("Working days are counted forward.")
    if days == 0:
        return at.astimezone(UTC)
    place, off = ZoneInfo(zone), frozenset(holidays)
    local = at.astimezone(place)
    day, clock = local.date(), local.time()
    if _is_off(day, off):
        day, clock = _next_working_day(day, off), time(0)
    for _ in range(days):
        day = _next_working_day(day, off)
    return datetime.combine(day, clock, place).astimezone(UTC)


def _next_working_day(day: date, holidays: frozenset[date]) -> date:
    day += timedelta(days=1)
    while _is_off(day, holidays):
        day += timedelta(days=1)
    return day


def _is_off(day: date, holidays: frozenset[date]) -> bool:
    return day.weekday() in WEEKEND or day in holidays


def _span(text: str) -> str:
    if not _WORKING_DAYS.fullmatch(text) and not _SECONDS.fullmatch(text):
        parse_duration(text)
    return text


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"There is no time zone {name!r}.") from None
    return name


Span = Annotated[str, AfterValidator(_span)]


class WorkingCalendar(Resource):
    """Where and when people decide, and how long they have.

    Spans are working days such as `5wd`, or durations such as `2h` or `30s` that run on through
    weekends.

    Attributes:
        zone: IANA time zone of the people who decide.
        holidays: days on which nobody works, besides Saturdays and Sundays.
        remind_after: spans after which the approvers are reminded.
        escalate_after: the span after which the next group is told.
        expire_after: the span after which an open approval expires.
        expire_after_in: the same for environments that have a span of their own.
    """

    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    holidays: tuple[date, ...] = ()
    remind_after: tuple[Span, ...] = ("1wd", "3wd")
    escalate_after: Span = "2wd"
    expire_after: Span = "5wd"
    expire_after_in: dict[TargetEnvironment, Span] = Field(default_factory=dict)

    @classmethod
    def from_texts(
        cls, *, expiry: str, reminders: str, escalation: str, zone: str, holidays: str
    ) -> Self:
        """Read the platform's settings; an empty one leaves its default.

        Args:
            expiry: one span for all environments, or a comma-separated list in which an
                environment may have its own: `5wd,dev=1wd`.
            reminders: comma-separated spans.
            escalation: one span.
            zone: IANA time zone.
            holidays: comma-separated dates, `2026-12-25`.

        Raises:
            ValueError: naming the fault; pydantic's is one.
        """
        spans = [one.partition("=") for one in _listed(expiry)]
        general = [name for name, sign, _ in spans if not sign]
        if len(general) > 1:
            raise ValueError(f"{expiry!r} names more than one span for all environments.")
        given: dict[str, Any] = {
            "expire_after": general[0] if general else "",
            "expire_after_in": {name: span for name, sign, span in spans if sign},
            "remind_after": _listed(reminders),
            "escalate_after": escalation.strip(),
            "zone": zone.strip(),
            "holidays": _listed(holidays),
        }
        return cls.model_validate({name: value for name, value in given.items() if value})

    def expiry(self, at: datetime, environment: str | None) -> datetime:
        """When a question that is opened now expires, in an environment."""
        own = {one.value: span for one, span in self.expire_after_in.items()}
        return self.after(at, own.get(environment or "", self.expire_after))

    def after(self, at: datetime, span: str) -> datetime:
        """The moment a span later.

        Raises:
            ValueError: the span is neither working days nor a duration nor seconds.
        """
        if found := _WORKING_DAYS.fullmatch(span):
            return add_working_days(at, int(found[1]), self.zone, self.holidays)
        if found := _SECONDS.fullmatch(span):
            return at.astimezone(UTC) + timedelta(seconds=int(found[1]))
        return at.astimezone(UTC) + parse_duration(span)
