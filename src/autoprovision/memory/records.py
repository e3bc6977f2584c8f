"""Requests, applications and the ledger in dictionaries under one lock: `MemoryRecords`.

Every deed first looks at everything that could refuse it, then writes: so it is whole or nothing.
"""

import threading
from collections.abc import Collection, Iterable
from typing import Any

from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.endings import (
    can_be_cancelled,
    check_application_patch,
    check_request_patch,
    must_not_end,
)
from autoprovision.domain.movements import reserve
from autoprovision.domain.quota import Balance, Entry, Hold
from autoprovision.domain.refusals import (
    changed_meanwhile,
    name_taken,
    operation_in_progress,
    wrong_status,
)
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.memory.ledger import MemoryLedger
from autoprovision.memory.pages import page
from autoprovision.memory.settlement import MemorySettlement, changed
from autoprovision.ports import Page

_SEPARATOR = "|"


class MemoryRecords(MemorySettlement):
    """The port `Records` without AWS."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ledger = MemoryLedger()
        self._requests: dict[str, Request] = {}
        self._ended: set[str] = set()
        self._applications: dict[str, Application] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._events: dict[str, dict[str, TimelineEvent]] = {}

    def requests(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests of these units (None: of all), newest first."""
        with self._lock:
            found = _of_units(self._requests.values(), units)
            return page(found, lambda one: one.id, limit=limit, after=after, newest_first=True)

    def open_requests(
        self, status: RequestStatus, *, updated_before: str, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests in a status since before a moment, oldest first."""
        with self._lock:
            standing = [
                one
                for one in self._requests.values()
                if one.status is status and not one.is_final and one.updated_at < updated_before
            ]
            return page(
                standing, lambda one: f"{one.updated_at}{_SEPARATOR}{one.id}", limit=limit,
                after=after,
            )  # fmt: skip

    def untold(self, *, updated_before: str, limit: int, after: str | None = None) -> Page[Request]:
        """Requests that came to an end of which nobody was told yet, oldest first."""
        with self._lock:
            ended = [
                one
                for one in self._requests.values()
                if one.id in self._ended
                and one.told != one.outcome
                and one.updated_at < updated_before
            ]
            return page(
                ended, lambda one: f"{one.updated_at}{_SEPARATOR}{one.id}", limit=limit,
                after=after,
            )  # fmt: skip

    def mark_told(self, request: Request) -> None:
        """Note that the people of a request were told its outcome."""
        with self._lock:
            standing = self.request(request.id)
            if standing.outcome == request.outcome:
                self._write_request(standing, told=request.outcome)

    def record_refusal(self, request: Request) -> None:
        """Keep a request that never began; once."""
        with self._lock:
            self._requests.setdefault(request.id, request)

    def admit(self, request: Request, application: Application | None, hold: Hold | None) -> None:
        """Accept it: request, application, name and hold together, or nothing."""
        if application is not None and hold is None:
            raise TypeError("A new application comes with its hold, if only of 0 credits.")
        with self._lock:
            if request.id in self._requests:
                return
            if application is not None:
                self._check_name(application)
            elif request.application_id is not None:
                self._check_operation(request, request.application_id)
            needs = dict.fromkeys(hold.accounts, hold.credits) if hold else {}
            refusal = self._ledger.shortage(needs)
            if refusal is not None:
                raise refusal
            self._write_admitted(request, application, hold)

    def _check_name(self, application: Application) -> None:
        name = (application.target_environment, application.application_name)
        if self._names.get(name, application.id) != application.id:
            raise name_taken(*name)

    def _check_operation(self, request: Request, application_id: str) -> None:
        target = self.application(application_id)
        if target.status in ENDED:
            raise wrong_status(f"application {application_id}", target.status)
        if target.operation not in (None, request.id):
            raise operation_in_progress(application_id, target.operation)

    def _write_admitted(
        self, request: Request, application: Application | None, hold: Hold | None
    ) -> None:
        self._requests[request.id] = request
        if application is not None:
            name = (application.target_environment, application.application_name)
            self._names[name] = application.id
            self._applications[application.id] = application
        elif request.application_id is not None:
            target = self.application(request.application_id)
            self._write_application(target, operation=request.id, updated_at=request.submitted_at)
        if hold is not None:
            self._ledger.all_holds[hold.id] = hold
            self._ledger.move(reserve(hold, by=request.submitted_by))

    def move_request(
        self, request_id: str, to: RequestStatus, *, reason: str, message: str, at: str,
        expected: Collection[RequestStatus], **changes: Any,
    ) -> Request:  # fmt: skip
        """Change the status on the condition that it is one of `expected`, and fields with it."""
        must_not_end(to)
        with self._lock:
            request = self.request(request_id)
            if request.status is to and request.reason == reason:
                return request
            if request.status not in expected:
                raise wrong_status(f"request {request_id}", request.status)
            return self._write_request(
                request, **changes, status=to, reason=reason, message=message, updated_at=at
            )

    def patch_request(self, request_id: str, **changes: Any) -> Request:
        """Set fields that no rule guards."""
        check_request_patch(changes)
        with self._lock:
            return self._write_request(self.request(request_id), **changes)

    def note_build_folder(self, request_id: str, folder: str) -> Request:
        """Say where a request's build takes from and brings to, unless it was said before."""
        with self._lock:
            request = self.request(request_id)
            if request.build_folder:
                return request
            return self._write_request(request, build_folder=folder)

    def ask_to_cancel(self, request_id: str, *, by: str) -> Request:
        """Mark a request that somebody asked to stop; from then on it cannot succeed."""
        with self._lock:
            request = self.request(request_id)
            if not can_be_cancelled(request):
                raise wrong_status(f"request {request_id}", request.status)
            if request.cancel_requested_by:
                return request
            return self._write_request(request, cancel_requested_by=by)

    def applications(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Application]:
        """Applications of these units (None: of all), newest first."""
        with self._lock:
            found = _of_units(self._applications.values(), units)
            return page(found, lambda one: one.id, limit=limit, after=after, newest_first=True)

    def expiring(self, before: str, *, limit: int, after: str | None = None) -> Page[Application]:
        """Live applications whose `expires_at` is before a moment, soonest first."""
        with self._lock:
            due = [
                one
                for one in self._applications.values()
                if one.status not in ENDED and one.expires_at and one.expires_at < before
            ]
            return page(
                due, lambda one: f"{one.expires_at}{_SEPARATOR}{one.id}", limit=limit, after=after
            )

    def patch_application(
        self, application_id: str, *, expected_version: int | None = None, **changes: Any
    ) -> Application:
        """Set fields; with `expected_version`, only if nobody wrote since."""
        check_application_patch(changes)
        with self._lock:
            application = self.application(application_id)
            if expected_version not in (None, application.version_number):
                raise changed_meanwhile(f"application {application_id}")
            return self._write_application(application, **changes)

    def record_event(self, event: TimelineEvent) -> None:
        """Append to a request's timeline."""
        with self._lock:
            self._events.setdefault(event.request_id, {})[event.id] = event

    def events(
        self, request_id: str, *, limit: int, after: str | None = None
    ) -> Page[TimelineEvent]:
        """The timeline, oldest first."""
        with self._lock:
            found = self._events.get(request_id, {}).values()
            return page(found, lambda one: one.id, limit=limit, after=after)

    def balance(self, account: str) -> Balance:
        """An account; a new one has no limit and nothing in it."""
        with self._lock:
            return self._ledger.balance(account)

    def balances(self, *, limit: int, after: str | None = None) -> Page[Balance]:
        """The accounts of all business units, by name."""
        with self._lock:
            return self._ledger.balances(limit=limit, after=after)

    def set_limit(self, account: str, limit: int | None, *, by: str, at: str) -> Balance:
        """Set an account's limit. Writes an entry."""
        with self._lock:
            return self._ledger.set_limit(account, limit, by=by, at=at)

    def entries(self, account: str, *, limit: int, after: str | None = None) -> Page[Entry]:
        """Movements of an account, newest first."""
        with self._lock:
            return self._ledger.entries(account, limit=limit, after=after)

    def hold(self, hold_id: str) -> Hold | None:
        """A hold."""
        with self._lock:
            return self._ledger.hold(hold_id)

    def holds(self, *, limit: int, after: str | None = None) -> Page[Hold]:
        """All holds that count in the accounts, oldest first."""
        with self._lock:
            return self._ledger.holds(limit=limit, after=after)


def _of_units(records: Iterable[Any], units: Collection[str] | None) -> list[Any]:
    return [one for one in records if units is None or one.business_unit in units]


__all__ = ["MemoryRecords", "changed"]
