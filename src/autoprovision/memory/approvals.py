"""The port `ApprovalDesk` without AWS."""

import threading

from autoprovision.domain.approval import Approval
from autoprovision.domain.refusals import changed_meanwhile
from autoprovision.memory.pages import page
from autoprovision.ports import Page


class MemoryApprovalDesk:
    """One question a request, the latest, with its task token."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._approvals: dict[str, Approval] = {}
        self._tokens: dict[str, str] = {}

    def open(self, approval: Approval, token: str) -> Approval:
        """Open the question; the same one again only renews the token, a later one replaces it."""
        with self._lock:
            current = self._approvals.get(approval.request_id)
            self._tokens[approval.request_id] = token
            if current is not None:
                asked = (approval.plan_digest, approval.round)
                if (current.plan_digest, current.round) == asked:
                    return current
                version = max(approval.version, current.version + 1)
                approval = approval.with_(version=version)
            self._approvals[approval.request_id] = approval
            return approval

    def get(self, request_id: str) -> Approval | None:
        """The question."""
        return self._approvals.get(request_id)

    def list_open(self, *, limit: int, after: str | None = None) -> Page[Approval]:
        """Open questions, oldest request first."""
        with self._lock:
            found = [one for one in self._approvals.values() if one.is_open]
            return page(found, lambda one: one.request_id, limit=limit, after=after)

    def undelivered(self, *, limit: int) -> list[Approval]:
        """Closed questions whose answer the workflow has not taken yet."""
        with self._lock:
            closed = (
                one
                for one in self._approvals.values()
                if not one.is_open and one.delivered_at is None
            )
            return sorted(closed, key=lambda one: one.request_id)[:limit]

    def save(self, approval: Approval, *, expected_version: int) -> Approval:
        """Write on the condition of the version."""
        with self._lock:
            current = self._approvals.get(approval.request_id)
            if current is None or current.version != expected_version:
                raise changed_meanwhile(f"approval of {approval.request_id}")
            self._approvals[approval.request_id] = approval
            return approval

    def token(self, request_id: str) -> str | None:
        """The task token."""
        return self._tokens.get(request_id)
