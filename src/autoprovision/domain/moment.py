"""A moment as records keep it: aware UTC inside, `iso` text outside, whole milliseconds.

Milliseconds because that is what `clock.iso` writes: a record read back equals the one written,
so a signature over it still holds.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, PlainSerializer

from autoprovision.domain.clock import iso


def to_moment(at: datetime) -> datetime:
    """The moment in UTC, cut to whole milliseconds.

    Raises:
        ValueError: it has no time zone, so nobody knows which moment it is.
    """
    if at.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    utc = at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


Moment = Annotated[
    AwareDatetime,
    AfterValidator(to_moment),
    PlainSerializer(iso, return_type=str, when_used="json"),
]
