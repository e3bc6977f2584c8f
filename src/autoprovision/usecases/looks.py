"""How the audit looks at a long list: in pages up to a bound, knowing whether it saw all."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from autoprovision.domain.finding import FindingKind, Found
from autoprovision.ports import Page

Item = TypeVar("Item")
PAGE = 100
# Pages of one look; a pass that comes to this bound closes nothing of what it did not see.
_MOST_PAGES = 400


class Look(NamedTuple):
    """What a look has found.

    Attributes:
        looked_for: the kinds that it has looked for to the end.
    """

    found: list[Found]
    looked_for: frozenset[FindingKind]


class Pages:
    """Everything of a list, up to the bound; `whole` tells whether that was all."""

    def __init__(self, most: int | None = None) -> None:
        self.whole = True
        self._most = _MOST_PAGES if most is None else most

    def of(self, read: Callable[..., Page[Item]]) -> Iterator[Item]:
        """The items of every page; `read` takes `limit` and `after`."""
        after: str | None = None
        for _ in range(self._most):
            page = read(limit=PAGE, after=after)
            yield from page.items
            after = page.next
            if after is None:
                return
        self.whole = False
