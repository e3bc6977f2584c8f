"""Errors to problem documents (RFC 9457), in one table."""

from typing import Any

from autoprovision.domain.errors import (
    AutoprovisionError,
    BusyError,
    ConflictError,
    ForbiddenError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotAuthenticatedError,
    NotFoundError,
    UnavailableError,
)
from autoprovision.functions.call import Answer

# The first class that fits decides.
STATUS: tuple[tuple[type[AutoprovisionError], int, str], ...] = (
    (InvalidInputError, 400, "The input has faults"),
    (NotAuthenticatedError, 401, "Not signed in"),
    (ForbiddenError, 403, "Not allowed"),
    (NotFoundError, 404, "Not found"),
    (ConflictError, 409, "Conflict"),
    (IdempotencyMismatchError, 422, "The Idempotency-Key was used for something else"),
    (BusyError, 429, "Busy"),
    (UnavailableError, 503, "Temporarily unavailable"),
)
_TITLES = {
    "OVER_QUOTA": "Over quota",
    "NAME_TAKEN": "The name is taken",
    "REFUSED_BY_POLICY": "Refused by the approval policy",
}
_RETRY_AFTER_SECONDS = {429: "1", 503: "5"}


def answer(error: AutoprovisionError) -> Answer:
    """The problem document for an error that has a sentence."""
    status, title = next(
        ((status, title) for kind, status, title in STATUS if isinstance(error, kind)),
        (500, "Internal error"),
    )
    if isinstance(error, InvalidInputError) and _too_large(error):
        status = 413
    problem: dict[str, Any] = {
        "type": f"urn:autoprovision:problem:{error.reason.lower().replace('_', '-')}",
        "title": _TITLES.get(error.reason, title),
        "status": status,
        "detail": error.message,
        "code": error.reason,
        # `status` is the HTTP status here (RFC 9457); where the thing stands has another name.
        **{"currentStatus" if name == "status" else name: value
           for name, value in error.extras.items()},
    }  # fmt: skip
    if isinstance(error, InvalidInputError):
        problem["errors"] = [fault.as_dict() for fault in error.faults]
    return _problem(status, problem)


def _too_large(error: InvalidInputError) -> bool:
    return any(fault.code == "TOO_LARGE" for fault in error.faults)


def unexpected(correlation: str) -> Answer:
    """The problem document for what nobody foresaw; the log has the rest under the correlation."""
    return _problem(
        500,
        {
            "type": "urn:autoprovision:problem:internal",
            "title": "Internal error",
            "status": 500,
            "detail": "Something of ours went wrong and is logged under the correlation.",
            "code": "INTERNAL",
            "correlation": correlation,
        },
    )


def _problem(status: int, problem: dict[str, Any]) -> Answer:
    headers = {"Content-Type": "application/problem+json"}
    if status in _RETRY_AFTER_SECONDS:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS[status]
    return Answer(status, problem, headers)
