"""The refusals that every store of records gives, worded once."""

from collections.abc import Sequence

from autoprovision.domain.application import ENDED, Application, ApplicationStatus
from autoprovision.domain.errors import ConflictError, NameTakenError, NotFoundError, OverQuotaError
from autoprovision.domain.quota import ORGANISATION, Balance, dollars, may_be_unlimited
from autoprovision.domain.request import RequestStatus


def over_quota(balance: Balance, needed: int) -> OverQuotaError:
    """An account has too little left, or is a business unit that was never given a quota."""
    if balance.limit is None and not may_be_unlimited(balance.account):
        limit, left = 0, 0
        message = f"{_whose(balance.account)} has no quota yet; an administrator gives it one."
        code = "NO_QUOTA"
    else:
        limit, left = balance.limit or 0, balance.free
        message = (
            f"{_whose(balance.account)} has {dollars(left)} of {dollars(limit)} a month left; "
            f"this needs {dollars(needed)}, which is {dollars(needed - left)} more."
        )
        code = "OVER_QUOTA"
    return OverQuotaError(
        message, code=code, account=balance.account, limit=limit, left=left, needed=needed,
        shortBy=needed - left,
    )  # fmt: skip


def _whose(account: str) -> str:
    if account == ORGANISATION:
        return "The organisation"
    if may_be_unlimited(account):
        return "The person"
    return f"The business unit {account.removeprefix('UNIT#')}"


def name_taken(environment: str, name: str) -> NameTakenError:
    """Another live application has the name."""
    return NameTakenError(
        f"There is an application {name} in {environment} already; choose another name.",
        applicationName=name, targetEnvironment=environment,
    )  # fmt: skip


def operation_in_progress(application_id: str, operation: str | None) -> ConflictError:
    """Another request changes the application."""
    return ConflictError(
        f"The application {application_id} is being changed; wait for its end, or cancel it.",
        code="OPERATION_IN_PROGRESS", operation=operation,
    )  # fmt: skip


def wrong_status(thing: str, status: RequestStatus | ApplicationStatus | str) -> ConflictError:
    """It stands where this cannot be done."""
    return ConflictError(
        f"The {thing} is {status}; this cannot be done any more.",
        code="WRONG_STATUS", status=str(status),
    )  # fmt: skip


def cancel_requested(request_id: str) -> ConflictError:
    """Somebody asked to cancel before it was done: what was accepted is carried out."""
    return ConflictError(
        f"Somebody asked to cancel request {request_id}; it does not succeed any more.",
        code="CANCEL_REQUESTED",
    )


def changed_meanwhile(thing: str) -> ConflictError:
    """Somebody else wrote since it was read."""
    return ConflictError(
        f"The {thing} was changed meanwhile; look at it again.", code="CHANGED_MEANWHILE"
    )


def no_request(request_id: str) -> NotFoundError:
    """There is no such request."""
    return NotFoundError(f"There is no request {request_id}.")


def no_application(application_id: str) -> NotFoundError:
    """There is no such application."""
    return NotFoundError(f"There is no application {application_id}.")


def must_rest(application: Application) -> None:
    """Refuse to touch an application that is changing or has ended.

    Raises:
        ConflictError: code OPERATION_IN_PROGRESS or WRONG_STATUS.
    """
    if application.status in ENDED:
        raise wrong_status(f"application {application.id}", application.status)
    if application.operation or application.status is ApplicationStatus.PROVISIONING:
        raise operation_in_progress(application.id, application.operation)


# Two writes and two ledger entries each, and the two accounts: a transaction takes 100 writes.
MOST_MOVED_TOGETHER = 24


def check_moved_together(application_ids: Sequence[str]) -> None:
    """Refuse to move more applications at once than one transaction takes.

    Raises:
        ConflictError: code TOO_MANY.
    """
    if len(application_ids) > MOST_MOVED_TOGETHER:
        raise ConflictError(
            f"{len(application_ids)} applications do not move at once, {MOST_MOVED_TOGETHER} do; "
            "move some of them one by one first.",
            code="TOO_MANY",
        )
