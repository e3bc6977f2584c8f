"""How a request ends and how an application does: one transaction each, whole and repeatable.

Each deed reads what is there, returns when it is done already, and writes on the condition that
what it read still stands; else it looks again. So it may be repeated, at any time, by anybody.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from autoprovision.aws.dynamodb.expressions import Write
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_together
from autoprovision.aws.records.applications import (
    ApplicationRecords,
    change_application,
    free_name,
    is_unchanged,
)
from autoprovision.aws.records.ledger import LedgerRecords, change_hold, movements
from autoprovision.aws.records.requests import RequestRecords, status_write
from autoprovision.domain import movements as ledger
from autoprovision.domain.application import ENDED, Application, ApplicationStatus
from autoprovision.domain.endings import LIVING, must_be_way_back, statuses_before
from autoprovision.domain.errors import BusyError, ConflictError
from autoprovision.domain.quota import LIVE_HOLDS, Hold, HoldState
from autoprovision.domain.refusals import cancel_requested, wrong_status
from autoprovision.domain.request import Request, RequestStatus

T = TypeVar("T")
_REREADS = 20
_ENDED = ApplicationStatus.TERMINATED


def until_settled(deed: Callable[[], T]) -> T:
    """Do a deed anew while others change what it read.

    What it reads it reads one by one, so a conflict may come from a change in between: it counts
    when a second look finds it too.

    Raises:
        BusyError: others always came first; nothing was written.
    """
    doubt = True
    for _ in range(_REREADS):
        try:
            return deed()
        except ConflictError:
            if not doubt:
                raise
            doubt = False
        except ConditionsFailedError as failed:
            if failed.refusal is not None:
                raise failed.refusal from None
    raise BusyError("Many are at this at once; nothing was done. Try again.")


class SettlementRecords(RequestRecords, ApplicationRecords, LedgerRecords):
    """The part of `Records` that ends requests and applications."""

    def succeed(
        self, request_id: str, *, message: str, at: str,
        request_reason: str = RequestStatus.SUCCEEDED.value, **application: Any,
    ) -> Request:  # fmt: skip
        """The pivot: commit the hold, request SUCCEEDED, application as given.

        Raises:
            ConflictError: code WRONG_STATUS, the request is not PROVISIONING any more; code
                CANCEL_REQUESTED, somebody asked to cancel it before.
            OverQuotaError: an update's plan needs more than it held and than is left.
        """

        def deed() -> Request:
            request = self.request(request_id)
            if request.status is RequestStatus.SUCCEEDED:
                return request
            if request.status is not RequestStatus.PROVISIONING:
                raise wrong_status(f"request {request_id}", request.status)
            if request.cancel_requested_by:
                raise cancel_requested(request_id)
            changes = {**application, "message": message, "updated_at": at}
            writes = self._success(request, changes, message, request_reason)
            write_together(self._tables.client, writes)
            return self.request(request_id)

        return until_settled(deed)

    def _success(
        self, request: Request, changes: dict[str, Any], message: str, request_reason: str
    ) -> list[Write]:
        at = changes["updated_at"]
        target = self.application(request.application_id or "")
        moved = status_write(
            self._tables, request.id, RequestStatus.SUCCEEDED, {RequestStatus.PROVISIONING},
            unless_cancelled=True, reason=request_reason, message=message,
            updated_at=at, url=changes.get("url", target.url),
        )  # fmt: skip
        if request.kind == "terminate":
            return [moved, *self._ending(target, message, at, changes)]
        if target.status in ENDED:
            raise wrong_status(f"application {target.id}", target.status)
        if request.kind in LIVING:
            total, writes = self._merging(request, target, at)
        else:
            total, writes = self._committing(request, at)
        changes = {"message": message, **changes, "operation": None, "monthly_credits": total}
        return [moved, self._change(target, **changes), *writes]

    def _change(self, application: Application, **changes: Any) -> Write:
        return change_application(self._tables, application, changes, is_unchanged(application))

    def _committing(self, request: Request, at: str) -> tuple[int, list[Write]]:
        """The writes that make what was held permanent, and how much it is."""
        hold = self.hold(request.id)
        if hold is None or hold.state is not HoldState.HELD:
            raise wrong_status(f"hold {request.id}", hold.state if hold else "missing")
        done = change_hold(self._tables, hold, state=HoldState.COMMITTED, updated_at=at)
        moved = movements(self._tables, ledger.commit(hold, at=at))
        return hold.credits, [done, *moved]

    def _merging(
        self, request: Request, application: Application, at: str
    ) -> tuple[int, list[Write]]:
        """The writes that give the application's hold the size of the new plan, and that size."""
        extra = self._live_hold(request.id)
        first = self._live_hold(application.request_id)
        if first is None:
            raise wrong_status(f"hold {application.request_id}", HoldState.RELEASED)
        total = request.plan.monthly_credits if request.plan else first.credits
        needs = {
            account: more
            for account, more in ledger.resized(extra, first, total).items()
            if more > 0
        }
        writes = movements(self._tables, ledger.merge(extra, first, total, at=at), needs)
        if total != first.credits:
            writes += [change_hold(self._tables, first, credits=total, updated_at=at)]
        if extra is not None:
            merged = {"state": HoldState.MERGED, "updated_at": at}
            writes += [change_hold(self._tables, extra, "extra hold", **merged)]
        return total, writes

    def _live_hold(self, hold_id: str) -> Hold | None:
        hold = self.hold(hold_id)
        return hold if hold is not None and hold.state in LIVE_HOLDS else None

    def close(
        self, request_id: str, status: RequestStatus, /, *, reason: str, message: str, at: str,
        **application: Any,
    ) -> Request:  # fmt: skip
        """The end of the way back: release the hold, end the request, settle its application.

        Raises:
            ConflictError: code WRONG_STATUS, the request cannot come to this end from where it is.
        """
        must_be_way_back(status)

        def deed() -> Request:
            request = self.request(request_id)
            if request.status is status:
                return request
            if request.status not in statuses_before(status):
                raise wrong_status(f"request {request_id}", request.status)
            moved = status_write(
                self._tables, request_id, status, statuses_before(status), reason=reason,
                message=message, updated_at=at,
            )  # fmt: skip
            changes = {**application, "updated_at": at}
            settling = self._settling(request, changes, reason=reason, message=message)
            write_together(self._tables.client, [moved, *settling])
            return self.request(request_id)

        return until_settled(deed)

    def _settling(
        self, request: Request, changes: dict[str, Any], *, reason: str, message: str
    ) -> list[Write]:
        if request.application_id is None:
            return []
        target = self.application(request.application_id)
        at = changes["updated_at"]
        if request.kind == "provision":
            ending = {"reason": reason, **changes}
            return self._ending(target, message, at, ending)
        writes = self._releasing(request.id, at, message)
        if target.operation == request.id:
            if "status" in changes:
                changes = {"reason": reason, "message": message, **changes}
            writes.append(self._change(target, operation=None, **changes))
        return writes

    def end_application(self, application_id: str, *, message: str, at: str) -> Application:
        """TERMINATED: release its hold and its name, in one transaction. Repeatable."""

        def deed() -> Application:
            application = self.application(application_id)
            writes = self._ending(application, message, at, {"updated_at": at})
            if writes:
                write_together(self._tables.client, writes)
                return self.application(application_id)
            return application

        return until_settled(deed)

    def _ending(
        self, application: Application, message: str, at: str, changes: dict[str, Any]
    ) -> list[Write]:
        """The writes that end an application; none when it is at its end."""
        if application.status in ENDED:
            return []
        given = {"reason": _ENDED.value, "message": message, **changes}
        ended = {**given, "status": _ENDED, "operation": None}
        return [
            self._change(application, **ended),
            free_name(self._tables, application),
            *self._releasing(application.request_id, at, message),
        ]

    def _releasing(self, hold_id: str, at: str, cause: str) -> list[Write]:
        hold = self._live_hold(hold_id)
        if hold is None:
            return []
        released = change_hold(self._tables, hold, state=HoldState.RELEASED, updated_at=at)
        return [released, *movements(self._tables, ledger.release(hold, at=at, cause=cause))]
