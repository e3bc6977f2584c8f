"""The ports `Delegations` and `DeadLetters` without AWS."""

import threading
from collections.abc import Collection, Sequence

from autoprovision.domain.approval_authority import Delegation
from autoprovision.memory.outside import Outside


class MemoryDelegations:
    """One delegation for each person who is away."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._given: dict[str, Delegation] = {}

    def save(self, delegation: Delegation) -> None:
        """Keep it; the one before is replaced."""
        with self._lock:
            self._given[delegation.from_user] = delegation

    def forget(self, user_id: str) -> None:
        """Remove what a person gave."""
        with self._lock:
            self._given.pop(user_id, None)

    def given_by(self, user_ids: Collection[str]) -> Sequence[Delegation]:
        """What these people gave."""
        with self._lock:
            return [self._given[one] for one in sorted(set(user_ids)) if one in self._given]

    def received_by(self, user_id: str) -> Sequence[Delegation]:
        """What was given to a person."""
        with self._lock:
            found = [one for one in self._given.values() if one.to_user == user_id]
            return sorted(found, key=lambda one: one.from_user)


class MemoryDeadLetters:
    """Counts; `kept` is how many there are."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self.kept = 0

    def redrive(self, *, limit: int) -> int:
        """Put up to so many back."""
        moved = min(limit, self.kept)
        self._outside.does("redrive", moved)
        self.kept -= moved
        return moved
