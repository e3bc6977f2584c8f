"""Which ends a request may come to, and from where; the stores of records hold it."""

from autoprovision.domain.request import FINAL, TRANSITIONS, RequestStatus

# A request may get another plan until it is on its way back or at an end.
PLANNED = frozenset(
    {RequestStatus.SUBMITTED, RequestStatus.AWAITING_APPROVAL, RequestStatus.PROVISIONING}
)
# Ends of requests that were admitted and have something to give back.
WAY_BACK = frozenset(
    {
        RequestStatus.REJECTED, RequestStatus.EXPIRED, RequestStatus.CANCELLED,
        RequestStatus.FAILED,
    }
)  # fmt: skip


def statuses_before(status: RequestStatus) -> frozenset[RequestStatus]:
    """The statuses from which a request may come to this one."""
    return frozenset(one for one, following in TRANSITIONS.items() if status in following)


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
