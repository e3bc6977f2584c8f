"""How requests and applications end, and how live holds change, in dictionaries."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from autoprovision.domain import movements as ledger
from autoprovision.domain.application import ENDED, Application, ApplicationStatus
from autoprovision.domain.endings import LIVING, PLANNED, must_be_way_back, statuses_before
from autoprovision.domain.plan import Plan
from autoprovision.domain.quota import HoldState, unit_account
from autoprovision.domain.refusals import (
    cancel_requested,
    check_moved_together,
    must_rest,
    no_application,
    no_request,
    wrong_status,
)
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.resource import Resource
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.memory.ledger import MemoryLedger

R = TypeVar("R", bound=Resource)


def changed(record: R, changes: Mapping[str, Any]) -> R:
    """The record with fields changed and checked.

    Raises:
        TypeError: there is no such field.
    """
    kind = type(record)
    unknown = changes.keys() - kind.model_fields.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind.model_validate({**dict(record), **changes})


class MemorySettlement:
    """The part of `MemoryRecords` that settles; each deed looks first, then writes."""

    _lock: threading.RLock
    _ledger: MemoryLedger
    _requests: dict[str, Request]
    _applications: dict[str, Application]
    _ended: set[str]
    _names: dict[tuple[str, str], str]
    _events: dict[str, dict[str, TimelineEvent]]

    def request(self, request_id: str) -> Request:
        """The request. Raises NotFoundError."""
        with self._lock:
            if request_id not in self._requests:
                raise no_request(request_id)
            return self._requests[request_id]

    def application(self, application_id: str) -> Application:
        """The application. Raises NotFoundError."""
        with self._lock:
            if application_id not in self._applications:
                raise no_application(application_id)
            return self._applications[application_id]

    def _write_request(self, request: Request, **changes: Any) -> Request:
        self._requests[request.id] = after = changed(request, changes)
        if after.is_final:
            self._ended.add(request.id)
        return after

    def _write_application(self, application: Application, **changes: Any) -> Application:
        version = application.version_number + 1
        after = changed(application, {**changes, "version_number": version})
        self._applications[application.id] = after
        return after

    def succeed(
        self, request_id: str, *, message: str, at: str,
        request_reason: str = RequestStatus.SUCCEEDED.value, **application: Any,
    ) -> Request:  # fmt: skip
        """The pivot: commit the hold, request SUCCEEDED, application as given."""
        with self._lock:
            request = self.request(request_id)
            if request.status is RequestStatus.SUCCEEDED:
                return request
            if request.status is not RequestStatus.PROVISIONING:
                raise wrong_status(f"request {request_id}", request.status)
            if request.cancel_requested_by:
                raise cancel_requested(request_id)
            target = self.application(request.application_id or "")
            changes = {**application, "message": message, "updated_at": at}
            changed(target, changes)  # what is wrong with them shows before anything is written
            if request.kind == "terminate":
                self._end(target, message, changes)
            elif target.status in ENDED:
                raise wrong_status(f"application {target.id}", target.status)
            else:
                is_update = request.kind in LIVING
                total = self._merge(request, target, at) if is_update else self._commit(request, at)
                changes = {"message": message, **changes, "operation": None,
                           "monthly_credits": total}  # fmt: skip
                self._write_application(target, **changes)
            return self._write_request(
                request, status=RequestStatus.SUCCEEDED, reason=request_reason,
                message=message, updated_at=at, url=changes.get("url", target.url),
            )  # fmt: skip

    def _commit(self, request: Request, at: str) -> int:
        hold = self._ledger.hold(request.id)
        if hold is None or hold.state is not HoldState.HELD:
            raise wrong_status(f"hold {request.id}", hold.state if hold else "missing")
        self._ledger.move(ledger.commit(hold, at=at))
        self._ledger.change_hold(hold, state=HoldState.COMMITTED, updated_at=at)
        return hold.credits

    def _merge(self, request: Request, application: Application, at: str) -> int:
        extra = self._ledger.live_hold(request.id)
        first = self._ledger.live_hold(application.request_id)
        if first is None:
            raise wrong_status(f"hold {application.request_id}", HoldState.RELEASED)
        total = request.plan.monthly_credits if request.plan else first.credits
        resized = ledger.resized(extra, first, total)
        self._refuse_shortage({one: more for one, more in resized.items() if more > 0})
        self._ledger.move(ledger.merge(extra, first, total, at=at))
        if total != first.credits:
            self._ledger.change_hold(first, credits=total, updated_at=at)
        if extra is not None:
            self._ledger.change_hold(extra, state=HoldState.MERGED, updated_at=at)
        return total

    def _refuse_shortage(self, needs: Mapping[str, int]) -> None:
        refusal = self._ledger.shortage(needs)
        if refusal is not None:
            raise refusal

    def close(
        self, request_id: str, status: RequestStatus, /, *, reason: str, message: str, at: str,
        **application: Any,
    ) -> Request:  # fmt: skip
        """The end of the way back: release the hold, end the request, settle its application."""
        must_be_way_back(status)
        with self._lock:
            request = self.request(request_id)
            if request.status is status:
                return request
            if request.status not in statuses_before(status):
                raise wrong_status(f"request {request_id}", request.status)
            changes = {**application, "updated_at": at}
            self._settle(request, changes, reason=reason, message=message)
            return self._write_request(
                request, status=status, reason=reason, message=message, updated_at=at
            )

    def _settle(
        self, request: Request, changes: dict[str, Any], *, reason: str, message: str
    ) -> None:
        if request.application_id is None:
            return
        target = self.application(request.application_id)
        changed(target, changes)  # what is wrong with them shows before anything is written
        if request.kind == "provision":
            self._end(target, message, {"reason": reason, **changes})
            return
        self._release(request.id, changes["updated_at"], message)
        if target.operation == request.id:
            if "status" in changes:
                changes = {"reason": reason, "message": message, **changes}
            self._write_application(target, **{**changes, "operation": None})

    def end_application(self, application_id: str, *, message: str, at: str) -> Application:
        """TERMINATED: release its hold and its name."""
        with self._lock:
            self._end(self.application(application_id), message, {"updated_at": at})
            return self.application(application_id)

    def _end(self, application: Application, message: str, changes: dict[str, Any]) -> None:
        if application.status in ENDED:
            return
        ended = ApplicationStatus.TERMINATED
        given = {"reason": ended.value, "message": message, **changes}
        self._write_application(application, **{**given, "status": ended, "operation": None})
        name = (application.target_environment, application.application_name)
        if self._names.get(name) == application.id:
            del self._names[name]
        self._release(application.request_id, changes["updated_at"], message)

    def _release(self, hold_id: str, at: str, cause: str) -> None:
        hold = self._ledger.live_hold(hold_id)
        if hold is not None:
            self._ledger.move(ledger.release(hold, at=at, cause=cause))
            self._ledger.change_hold(hold, state=HoldState.RELEASED, updated_at=at)

    def move_application(self, application_id: str, unit: str, *, by: str, at: str) -> Application:
        """Move an application and its credits to another unit."""
        return self.move_applications([application_id], unit, by=by, at=at)[0]

    def move_applications(
        self, application_ids: Sequence[str], unit: str, *, by: str, at: str
    ) -> list[Application]:
        """Move applications and their credits to another unit, all or none."""
        check_moved_together(application_ids)
        with self._lock:
            found = [self.application(one) for one in application_ids]
            moving = [one for one in found if one.business_unit != unit]
            for application in moving:
                must_rest(application)
            live = [self._ledger.live_hold(one.request_id) for one in moving]
            holds = [one for one in live if one is not None]
            if holds:
                self._refuse_shortage({unit_account(unit): sum(one.credits for one in holds)})
            for hold in holds:
                self._ledger.move(ledger.move(hold, unit, by=by, at=at))
                self._ledger.change_hold(hold, unit=unit, updated_at=at)
            for application in moving:
                self._write_application(application, business_unit=unit, updated_at=at)
            return [self.application(one) for one in application_ids]

    def replace_plan(self, request_id: str, plan: Plan, *, at: str) -> Request:
        """Give a request another plan, and its hold the plan's size."""
        with self._lock:
            request = self.request(request_id)
            if request.plan is not None and request.plan.digest == plan.digest:
                return request
            if request.status not in PLANNED:
                raise wrong_status(f"request {request_id}", request.status)
            hold = self._ledger.live_hold(request_id)
            if hold is not None:
                size = plan.monthly_credits
                if request.kind == "update":
                    live = self.application(request.application_id or "").monthly_credits
                    size = max(0, size - live)
                more = size - hold.credits
                self._refuse_shortage(dict.fromkeys(hold.accounts, more) if more > 0 else {})
                self._ledger.move(ledger.resize(hold, size, at=at, cause="The plan has changed."))
                self._ledger.change_hold(hold, credits=size, updated_at=at)
            return self._write_request(request, plan=plan, updated_at=at)
