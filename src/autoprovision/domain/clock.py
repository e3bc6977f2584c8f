"""Time as the rules see it: UTC, seconds, ISO 8601 outside."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator

_DURATION = re.compile(r"^(\d{1,5})\s*(m|h|d|w)$", re.IGNORECASE)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def iso(moment: datetime) -> str:
    """A moment as text that sorts by time.

    Returns:
        For example `2026-11-22T09:30:00.000Z`: UTC, milliseconds, always 24 characters.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def moment(text: str) -> datetime:
    """The moment that `iso` wrote."""
    return datetime.fromisoformat(text)


def parse_duration(text: str) -> timedelta:
    """A duration such as `90m`, `12h`, `7d` or `2w`.

    Raises:
        ValueError: with a sentence when the text is not a duration, or is nothing.
    """
    found = _DURATION.match(text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError("Write a duration such as 12h, 7d or 2w.")
    return timedelta(**{_UNITS[found[2].lower()]: int(found[1])})


def as_duration(text: str) -> str:
    """A duration as it is kept. Raises ValueError as `parse_duration` does."""
    parse_duration(text)
    return text.strip().lower()


Duration = Annotated[str, AfterValidator(as_duration)]
"""A field that holds what `parse_duration` reads."""


def duration_text(span: timedelta) -> str:
    """The shortest text for a duration, the inverse of `parse_duration`."""
    minutes = int(span.total_seconds() // 60)
    for size, letter in ((7 * 24 * 60, "w"), (24 * 60, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{letter}"
    return f"{minutes}m"
