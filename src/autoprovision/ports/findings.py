"""What the audit keeps, and where it looks beyond stacks and records."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from autoprovision.domain.finding import Finding
from autoprovision.ports.pages import Page


class Findings(Protocol):
    """The findings that stand, and those that have gone."""

    def get(self, finding_id: str) -> Finding:
        """A finding, strongly consistent. Raises NotFoundError."""

    def find(self, ids: Collection[str]) -> list[Finding]:
        """Those of these that were ever seen."""

    def list(self, *, standing: bool, limit: int, after: str | None = None) -> Page[Finding]:
        """Findings that stand, or that have gone, those that began first first."""

    def save(self, finding: Finding, *, expected_version: int) -> Finding:
        """Write on the condition of the version; 0: there is none yet.

        Raises:
            ConflictError: code CHANGED_MEANWHILE.
        """


@dataclass(frozen=True)
class TaggedResource:
    """A resource that carries an application's tag."""

    arn: str
    application_id: str


class TaggedResources(Protocol):
    """Whatever carries the tag of an application, in stacks or not."""

    def list(self, *, limit: int, after: str | None = None) -> Page[TaggedResource]:
        """Resources in no order; some that were just deleted may still be among them."""
