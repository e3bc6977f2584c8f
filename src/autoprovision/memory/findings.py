"""What the audit keeps and where it looks, without AWS."""

import threading
from collections.abc import Collection

from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.finding import Finding
from autoprovision.domain.refusals import changed_meanwhile
from autoprovision.memory.pages import page
from autoprovision.ports.findings import TaggedResource
from autoprovision.ports.pages import Page


class MemoryFindings:
    """The port `Findings`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._findings: dict[str, Finding] = {}

    def get(self, finding_id: str) -> Finding:
        """A finding."""
        if finding_id not in self._findings:
            raise NotFoundError(f"There is no finding {finding_id}.")
        return self._findings[finding_id]

    def find(self, ids: Collection[str]) -> list[Finding]:
        """Those of these that were ever seen."""
        return [self._findings[one] for one in sorted(set(ids)) if one in self._findings]

    def list(self, *, standing: bool, limit: int, after: str | None = None) -> Page[Finding]:
        """Findings that stand, or that have gone, those that began first first."""
        found = [one for one in self._findings.values() if one.is_standing is standing]
        return page(found, lambda one: f"{one.first_seen}|{one.id}", limit=limit, after=after)

    def save(self, finding: Finding, *, expected_version: int) -> Finding:
        """Write on the condition of the version; 0: there is none yet."""
        with self._lock:
            current = self._findings.get(finding.id)
            if (current.version if current else 0) != expected_version:
                raise changed_meanwhile(f"finding {finding.id}")
            self._findings[finding.id] = finding
            return finding


class MemoryTaggedResources:
    """The port `TaggedResources`; `found` is filled by whoever simulates."""

    def __init__(self) -> None:
        self.found: list[TaggedResource] = []

    def list(self, *, limit: int, after: str | None = None) -> Page[TaggedResource]:
        """Resources in the order in which they were put there."""
        first = int(after or "0")
        shown = tuple(self.found[first : first + limit])
        more = first + limit < len(self.found)
        return Page(shown, str(first + limit) if more else None)
