"""Requests, applications and holds for tests, with ids that sort in the order they are made."""

from datetime import UTC, datetime, timedelta
from typing import Any

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.identifiers import application_id_of
from autoprovision.domain.plan import ApprovalVerdict, Plan, QuotaView
from autoprovision.domain.quota import ORGANISATION, Hold, HoldState, unit_account, user_account
from autoprovision.domain.request import Request, RequestKind, RequestStatus
from autoprovision.ports import Records

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
UNIT, OTHER_UNIT, USER = "ntu-scse", "ntu-eee", "user-ada"


def at(second: float = 0) -> str:
    """A moment so many seconds after the start."""
    return iso(START + timedelta(seconds=second))


def request_id(number: int) -> str:
    """The id of the nth request; later ones sort after it."""
    return f"req_01m819{number:020d}"


def a_plan(credits_: int, **changes: Any) -> Plan:
    fields: dict[str, Any] = {
        "blueprint": "static-site", "version": "1.0.0", "blueprint_digest": "sha256:1",
        "template_url": "https://s3/x", "role_arn": "arn:role", "parameters": {"Name": "shop"},
        "monthly_credits": credits_, "price_lines": (), "basis": "sha256:2",
        "approval": ApprovalVerdict(verdict="AUTOMATIC", reasons=("small",)),
        "quota": QuotaView(limit=100, used=0, held=0, left=100),
    }  # fmt: skip
    return Plan.sealed(**{**fields, **changes})


def a_request(
    number: int, credits_: int = 10, *, kind: RequestKind = "provision", unit: str = UNIT,
    name: str | None = None, application: str | None = None, user: str = USER, **changes: Any,
) -> Request:  # fmt: skip
    fields: dict[str, Any] = {
        "id": request_id(number), "kind": kind, "status": RequestStatus.SUBMITTED,
        "reason": "ACCEPTED", "message": "Accepted.", "application_name": name or f"shop-{number}",
        "application_id": application or application_id_of(request_id(number)),
        "target_environment": "dev", "project_type": "Static", "business_unit": unit,
        "template": {"ApplicationName": "shop", "Parameters": {"ratio": 1.5, "big": 10**30}},
        "plan": a_plan(credits_), "project_email": "ada@example.edu",
        "submitted_by": f"{user}@example.edu", "submitted_by_id": user,
        "submitted_at": at(number), "updated_at": at(number),
    }  # fmt: skip
    return Request(**{**fields, **changes})


def its_application(request: Request, **changes: Any) -> Application:
    assert request.application_id
    assert request.plan
    assert request.business_unit
    fields: dict[str, Any] = {
        "id": request.application_id, "status": ApplicationStatus.PROVISIONING,
        "reason": "REQUESTED", "message": "Being provisioned.",
        "application_name": request.application_name, "target_environment": "dev",
        "project_type": "Static", "business_unit": request.business_unit,
        "owner": request.submitted_by, "owner_id": request.submitted_by_id,
        "project_email": "ada@example.edu", "blueprint": "static-site", "version": "1.0.0",
        "blueprint_digest": "sha256:1", "monthly_credits": request.plan.monthly_credits,
        "request_id": request.id, "operation": request.id, "parameters": {"Name": "shop"},
        "created_at": request.submitted_at, "updated_at": request.submitted_at,
    }  # fmt: skip
    return Application(**{**fields, **changes})


def its_hold(request: Request, credits_: int | None = None) -> Hold:
    assert request.application_id
    assert request.plan
    assert request.business_unit
    size = request.plan.monthly_credits if credits_ is None else credits_
    return Hold(
        id=request.id, unit=request.business_unit, user_id=request.submitted_by_id,
        application_id=request.application_id, credits=size, state=HoldState.HELD,
        expires_at=at(10**6), created_at=request.submitted_at, updated_at=request.submitted_at,
    )  # fmt: skip


ACCOUNT, OTHER_ACCOUNT = unit_account(UNIT), unit_account(OTHER_UNIT)
RUNNING = frozenset({RequestStatus.SUBMITTED, RequestStatus.AWAITING_APPROVAL})


def give_quota(records: Records, credits_: int | None, account: str = ACCOUNT) -> None:
    records.set_limit(account, credits_, by="admin", at=at())


def admit(records: Records, number: int, credits_: int = 10, **changes: Any) -> Request:
    """Admit a first request with its application and hold."""
    request = a_request(number, credits_, **changes)
    records.admit(request, its_application(request), its_hold(request))
    return request


def run(records: Records, request: Request, second: float = 100) -> Request:
    """Let a request be on its way."""
    return records.move_request(
        request.id, RequestStatus.PROVISIONING, reason="LAUNCHING", message="On its way.",
        at=at(second), expected=RUNNING,
    )  # fmt: skip


def succeed(records: Records, request: Request, second: float = 200, **changes: Any) -> Request:
    """Take a request over the pivot."""
    fields = {"status": ApplicationStatus.AVAILABLE, "reason": "HEALTHY", **changes}
    return records.succeed(request.id, message="Available.", at=at(second), **fields)


def provisioned(records: Records, number: int, credits_: int = 10, **changes: Any) -> Request:
    """A request that has become an application."""
    request = admit(records, number, credits_, **changes)
    run(records, request)
    return succeed(records, request)


def places(records: Records, account: str = ACCOUNT) -> tuple[int, int, int]:
    """What an account has free, held and committed."""
    balance = records.balance(account)
    return balance.free, balance.held, balance.committed


def everything(records: Records, accounts: tuple[str, ...] = (ACCOUNT, OTHER_ACCOUNT)) -> Any:
    """All there is, to compare before and after."""
    watched = (*accounts, ORGANISATION, user_account(USER))
    return (
        [(records.balance(one), records.entries(one, limit=100).items) for one in watched],
        records.requests(None, limit=100).items,
        records.applications(None, limit=100).items,
        records.holds(limit=100).items,
    )
