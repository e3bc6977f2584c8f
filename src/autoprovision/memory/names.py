"""The port `Names` without AWS."""

from collections.abc import Collection

from autoprovision.domain.names import LEADING, is_below, plain
from autoprovision.memory.outside import Outside
from autoprovision.ports.pages import Page


class MemoryNames:
    """A zone in a dictionary.

    Attributes:
        kept: the kinds of records by name; whoever simulates fills it.
    """

    def __init__(self, outside: Outside, *, domain: str) -> None:
        self._outside, self._domain = outside, domain
        self.kept: dict[str, set[str]] = {}

    def put(self, name: str, *kinds: str) -> None:
        """Let a name have records of these kinds."""
        self.kept.setdefault(plain(name), set()).update(kinds)

    def withdraw(self, names: Collection[str]) -> int:
        """Delete what leads somewhere from these names; gone already is fine."""
        self._outside.does("withdraw", *sorted(names))
        count = 0
        for name in self._ours(names):
            kinds = self.kept.get(name, set())
            count += len(kinds & LEADING)
            kinds -= LEADING
            if not kinds:
                self.kept.pop(name, None)
        return count

    def standing(self, names: Collection[str]) -> frozenset[str]:
        """Those of the names that still have a record of any kind."""
        return frozenset(name for name in self._ours(names) if self.kept.get(name))

    def leading(self, *, limit: int, after: str | None = None) -> Page[str]:
        """Names below the domain that lead somewhere."""
        # A zone is in the order of its names read from the end.
        names = sorted(
            (n for n, kinds in self.kept.items() if kinds & LEADING and is_below(n, self._domain)),
            key=_from_the_end,
        )
        rest = [one for one in names if after is None or _from_the_end(one) >= _from_the_end(after)]
        return Page(tuple(rest[:limit]), rest[limit] if len(rest) > limit else None)

    def _ours(self, names: Collection[str]) -> list[str]:
        return sorted({plain(name) for name in names if is_below(name, self._domain)})


def _from_the_end(name: str) -> list[str]:
    return name.split(".")[::-1]
