"""Approvals and decisions for the tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from autoprovision.domain.approval import Approval, Decision

# A Friday, 15:00 in Singapore.
OPENED = datetime(2026, 11, 20, 7, tzinfo=UTC)
SOON = OPENED + timedelta(hours=1)
END = OPENED + timedelta(days=7)
PLAN = "sha256:" + "a" * 64
OTHER_PLAN = "sha256:" + "b" * 64


def approval(**changes: Any) -> Approval:
    usual: dict[str, Any] = {
        "request_id": "req_01", "plan_digest": PLAN, "approvers_needed": 1,
        "question": "May shop go to prod for $42.00 a month?", "opened_at": OPENED,
        "expires_at": END, "submitted_by": "author", "submitted_by_email": "author@example.edu",
        "business_unit": "ntu-scse-2023-ct1",
    }  # fmt: skip
    return Approval(**{**usual, **changes})


def yes(by: str = "ann", **changes: Any) -> Decision:
    usual: dict[str, Any] = {
        "decision": "APPROVED", "by": by, "by_email": f"{by}@example.edu", "at": SOON,
        "plan_digest": PLAN, "signature": "c2ln", "key_id": "key-1",
    }  # fmt: skip
    return Decision(**{**usual, **changes})


def no(by: str = "ann", **changes: Any) -> Decision:
    return yes(by, **{"decision": "REJECTED", "comment": "Too big.", **changes})
