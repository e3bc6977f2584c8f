"""Which ends a request may come to, from where, and what may be changed by the way.

Every store of records holds these. What they refuse is a fault of the program, not of a person.
"""

from collections.abc import Mapping
from typing import Any

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.request import FINAL, TRANSITIONS, Request, RequestStatus

# A request may get another plan until it is on its way back or at an end.
PLANNED = frozenset(
    {RequestStatus.SUBMITTED, RequestStatus.AWAITING_APPROVAL, RequestStatus.PROVISIONING}
)
# What goes forward may be asked to stop; a termination only ever goes on to its end.
CANCELLABLE = PLANNED
# Ends of requests that were admitted and have something to give back.
WAY_BACK = frozenset(
    {
        RequestStatus.REJECTED, RequestStatus.EXPIRED, RequestStatus.CANCELLED,
        RequestStatus.FAILED,
    }
)  # fmt: skip


# Kinds of requests after whose success the application lives on, with the credits of their plan.
LIVING = frozenset({"update", "operate"})


def statuses_before(status: RequestStatus) -> frozenset[RequestStatus]:
    """The statuses from which a request may come to this one."""
    return frozenset(one for one, following in TRANSITIONS.items() if status in following)


def can_be_cancelled(request: Request) -> bool:
    """Whether it is not too late to ask a request to stop."""
    return request.kind != "terminate" and request.status in CANCELLABLE


def must_not_end(status: RequestStatus) -> None:
    """Refuse to end a request without settling its hold.

    Raises:
        TypeError: a fault of the program.
    """
    if status in FINAL:
        raise TypeError(f"{status} is an end: use succeed or close, which settle the hold too.")


def must_be_way_back(status: RequestStatus) -> None:
    """Refuse to close a request with a status that is no end of the way back.

    Raises:
        TypeError: a fault of the program.
    """
    if status not in WAY_BACK:
        raise TypeError(f"{status} is no end of the way back.")


def check_request_patch(changes: Mapping[str, Any]) -> None:
    """Refuse a patch of what only other deeds may change.

    Raises:
        TypeError: a fault of the program.
    """
    if {"id", "kind", "status", "cancel_requested_by"} & changes.keys():
        raise TypeError(
            "A request's id and kind are fixed; its status moves by move_request, and "
            "ask_to_cancel marks it."
        )


def check_application_patch(changes: Mapping[str, Any]) -> None:
    """Refuse a patch of what only other deeds may change.

    Raises:
        TypeError: a fault of the program.
    """
    ending = changes.get("status") == ApplicationStatus.TERMINATED
    if ending or {"id", "version_number", "business_unit"} & changes.keys():
        raise TypeError(
            "An application's id and version are fixed; its unit moves by move_application, and "
            "it ends by end_application or close, which settle its credits and its name."
        )
