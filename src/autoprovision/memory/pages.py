"""Pages of lists that are kept whole."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from autoprovision.ports import Page

T = TypeVar("T")


def page(
    items: Iterable[T], cursor: Callable[[T], Any], *, limit: int, after: Any = None,
    newest_first: bool = False,
) -> Page[T]:  # fmt: skip
    """A page of items in the order of their cursors.

    Args:
        items: all of them, in any order.
        cursor: what an item is sorted by; also where the next page begins.
        limit: the most items.
        after: the cursor of the last item seen.
        newest_first: whether the largest cursor comes first.
    """
    ordered = sorted(items, key=cursor, reverse=newest_first)
    if after is not None:
        ordered = [
            one for one in ordered
            if (cursor(one) < after if newest_first else cursor(one) > after)
        ]  # fmt: skip
    shown = ordered[:limit]
    return Page(tuple(shown), cursor(shown[-1]) if len(ordered) > limit else None)
