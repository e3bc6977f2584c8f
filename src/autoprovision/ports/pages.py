"""A page of a list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item", covariant=True)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A page of a list, newest first.

    Attributes:
        next: where the next page begins, opaque; None when there is none.
    """

    items: tuple[Item, ...]
    next: str | None = None
