"""What the ports without AWS do outside, noted in order, and made to fail on demand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from autoprovision.domain.errors import UnavailableError

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Outside:
    """A clock that stands still until it is set, a diary, and planned failures."""

    def __init__(self, clock: datetime = START) -> None:
        self.clock = clock
        self.done: list[tuple[Any, ...]] = []
        self._planned: dict[str, list[Exception]] = {}
        # Called before every deed with its name, for whoever interleaves or crashes them.
        self.on_deed: Callable[[str], None] = lambda _: None

    def pass_time(self, span: timedelta) -> None:
        """Let the clock go on."""
        self.clock += span

    def seconds(self) -> float:
        """The clock as seconds since 1970."""
        return self.clock.timestamp()

    def plan_failures(self, name: str, *, times: int = 1, error: Exception | None = None) -> None:
        """Let the next deeds of a name fail before they do anything."""
        failure = error or UnavailableError(f"{name} does not answer.")
        self._planned.setdefault(name, []).extend([failure] * times)

    def does(self, name: str, *details: Any) -> None:
        """Note a deed, or fail as planned."""
        self.on_deed(name)
        planned = self._planned.get(name)
        if planned:
            raise planned.pop(0)
        self.done.append((name, *details))

    def deeds(self, name: str) -> list[tuple[Any, ...]]:
        """The details of all deeds of a name, in order."""
        return [one[1:] for one in self.done if one[0] == name]
