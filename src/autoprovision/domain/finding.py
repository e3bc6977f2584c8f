"""A finding: something at rest that is not as it should be, and how it stands."""

import hashlib
from enum import StrEnum
from typing import NamedTuple

from autoprovision.domain.resource import Resource


class FindingKind(StrEnum):
    """What is wrong; docs/operations.md tells what to do about each."""

    ENTRIES_DISAGREE = "ENTRIES_DISAGREE"
    LIMIT_DISAGREES = "LIMIT_DISAGREES"
    HOLDS_DISAGREE = "HOLDS_DISAGREE"
    HOLD_WITHOUT_APPLICATION = "HOLD_WITHOUT_APPLICATION"
    HOLD_WITHOUT_REQUEST = "HOLD_WITHOUT_REQUEST"
    APPLICATION_WITHOUT_HOLD = "APPLICATION_WITHOUT_HOLD"
    APPLICATION_WITHOUT_STACK = "APPLICATION_WITHOUT_STACK"
    ORPHAN = "ORPHAN"
    RESOURCE_WITHOUT_APPLICATION = "RESOURCE_WITHOUT_APPLICATION"
    NAME_WITHOUT_APPLICATION = "NAME_WITHOUT_APPLICATION"
    SECRET_WITHOUT_APPLICATION = "SECRET_WITHOUT_APPLICATION"  # noqa: S105 - no secret, a word
    QUESTION_WITHOUT_REQUEST = "QUESTION_WITHOUT_REQUEST"
    GROUP_SUSPENDED = "GROUP_SUSPENDED"
    DRIFTED = "DRIFTED"
    DRIFT_UNKNOWN = "DRIFT_UNKNOWN"
    RETAINED = "RETAINED"
    KEPT = "KEPT"


# What was left on purpose: it is known when it begins, and not found by looking.
LEFT_ON_PURPOSE = frozenset({FindingKind.RETAINED, FindingKind.KEPT})
_PREFIX = "fnd_"
_ID_LENGTH = 26


class FindingStatus(StrEnum):
    """Where a finding stands."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    GONE = "GONE"


class Found(NamedTuple):
    """What one look has found."""

    kind: FindingKind
    subject: str
    sentence: str

    @property
    def id(self) -> str:
        """The same thing found twice is one finding."""
        text = f"{self.kind}\n{self.subject}".encode()
        return _PREFIX + hashlib.sha256(text).hexdigest()[:_ID_LENGTH]


class LeftResource(Resource):
    """A resource that outlives its stack.

    Attributes:
        arn: known once the resource was seen by its tags; from then on its end is seen too.
        by: who decided so; the blueprint when nobody did.
        monthly_credits: what it still costs, estimated; None when that is not known.
    """

    type: str
    physical_id: str
    logical_id: str
    stack_id: str
    application_id: str
    application_name: str
    business_unit: str
    request_id: str
    by: str
    why: str
    arn: str | None = None
    monthly_credits: int | None = None


class Finding(Resource):
    """A finding as it is kept.

    Attributes:
        first_seen: when it began; anew when it comes back.
        last_seen: the last pass that saw it.
        left: the resource, of kinds RETAINED and KEPT.
        version: counts every write, so that a late writer notices.
    """

    id: str
    kind: FindingKind
    subject: str
    sentence: str
    status: FindingStatus = FindingStatus.OPEN
    first_seen: str
    last_seen: str
    acknowledged_by: str | None = None
    acknowledged_at: str | None = None
    comment: str | None = None
    gone_at: str | None = None
    left: LeftResource | None = None
    version: int = 1

    @property
    def is_standing(self) -> bool:
        """Whether it is still there, acknowledged or not."""
        return self.status is not FindingStatus.GONE

    def shown(self) -> dict[str, object]:
        """The finding as operators see it."""
        return self.model_dump(mode="json", by_alias=True, exclude={"version"})


def begun(found: Found, at: str, left: LeftResource | None = None) -> Finding:
    """A finding that is seen for the first time."""
    return Finding(
        id=found.id, kind=found.kind, subject=found.subject, sentence=found.sentence,
        first_seen=at, last_seen=at, left=left,
    )  # fmt: skip


def seen_again(finding: Finding, found: Found, at: str) -> Finding:
    """A finding that a later pass sees too; one that was gone has come back."""
    again = finding.with_(sentence=found.sentence, last_seen=at, version=finding.version + 1)
    if finding.is_standing:
        return again
    return again.with_(
        status=FindingStatus.OPEN, first_seen=at, gone_at=None, acknowledged_by=None,
        acknowledged_at=None, comment=None,
    )  # fmt: skip


def gone(finding: Finding, at: str) -> Finding:
    """A finding that is not there any more."""
    return finding.with_(status=FindingStatus.GONE, gone_at=at, version=finding.version + 1)
