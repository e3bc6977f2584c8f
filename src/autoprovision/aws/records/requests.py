"""Requests and their timelines in the table `Requests`."""

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, Key

from autoprovision.aws.dynamodb.expressions import Change, Write, put, update
from autoprovision.aws.dynamodb.items import Item, changed_members, record
from autoprovision.aws.dynamodb.reading import (
    MOST_ITEMS,
    OLDEST_FIRST,
    due_before,
    newest_of,
    page_of,
)
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.aws.records.tables import Tables
from autoprovision.domain.endings import (
    CANCELLABLE,
    can_be_cancelled,
    check_request_patch,
    must_not_end,
)
from autoprovision.domain.refusals import no_request, wrong_status
from autoprovision.domain.request import FINAL, Request, RequestStatus
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.ports import Page

SORT = "REQUEST"
_EVENT = "EVENT#"
_UNTOLD = "UNTOLD"
NOT_CANCELLED = Attr("cancelRequestedBy").not_exists()


def request_key(request_id: str) -> dict[str, str]:
    """Where a request stands."""
    return {"id": request_id, "sort": SORT}


def open_status(status: RequestStatus) -> str:
    """The index attribute `openStatus`: at an end, that nobody was told yet."""
    return _UNTOLD if status in FINAL else status.value


def put_request(tables: Tables, request: Request) -> Write:
    """Write a request that is not there yet."""
    is_new = Attr("id").not_exists()
    # What never began is told by whoever refused it.
    standing = None if request.is_final else request.status.value
    item: Item = {
        **request.document(), "sort": SORT, "kind": SORT, "requestKind": request.kind,
        "unit": request.business_unit, "openStatus": standing,
    }  # fmt: skip
    return put("request", tables.requests, item, is_new)


def request_of(item: dict[str, Any]) -> Request:
    """The request that an item holds; `kind` is the index's, `requestKind` the request's own."""
    return record(Request, {**item, "kind": item["requestKind"]})


def status_write(
    tables: Tables, request_id: str, status: RequestStatus, expected: Collection[RequestStatus],
    *, unless_cancelled: bool = False, **changes: Any,
) -> Write:  # fmt: skip
    """Change a request's status, on the condition of the one before and of no wish to cancel."""
    stands_as_expected = Attr("status").is_in(sorted(one.value for one in expected))
    if unless_cancelled:
        stands_as_expected &= NOT_CANCELLED
    values = {
        **changed_members(Request, changes),
        "status": status.value,
        "openStatus": open_status(status),
    }
    return update(
        "request", tables.requests, request_key(request_id), Change(values), stands_as_expected
    )


class RequestRecords:
    """The part of `Records` about requests alone."""

    _tables: Tables

    def request(self, request_id: str) -> Request:
        """The request, strongly consistent. Raises NotFoundError."""
        item = self._tables.get(self._tables.requests, request_key(request_id))
        if item is None:
            raise no_request(request_id)
        return request_of(item)

    def requests(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests of these units (None: of all), newest first; `after` is the last id seen."""
        limit = min(limit, MOST_ITEMS)
        partitions = (
            [("byKind", "kind", SORT)]
            if units is None
            else [("byUnit", "unit", unit) for unit in sorted(units)]
        )
        ids, following = newest_of(
            self._tables, self._tables.requests, partitions, limit=limit, after=after
        )
        return Page(tuple(self._requests(ids)), following)

    def open_requests(
        self, status: RequestStatus, *, updated_before: str, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests that have stood in a status since before a moment, oldest first."""
        ids, following = due_before(
            self._tables, self._tables.requests, "byOpenStatus", ("openStatus", status.value),
            ("updatedAt", updated_before), limit=min(limit, MOST_ITEMS), after=after,
            more_key={"sort": SORT},
        )  # fmt: skip
        # An index lags: what has moved on meanwhile is left out.
        standing = (
            one
            for one in self._requests(ids)
            if one.status is status and one.updated_at < updated_before
        )
        return Page(tuple(standing), following)

    def untold(self, *, updated_before: str, limit: int, after: str | None = None) -> Page[Request]:
        """Requests that came to an end of which nobody was told yet, oldest first."""
        ids, following = due_before(
            self._tables, self._tables.requests, "byOpenStatus", ("openStatus", _UNTOLD),
            ("updatedAt", updated_before), limit=min(limit, MOST_ITEMS), after=after,
            more_key={"sort": SORT},
        )  # fmt: skip
        found = self._requests(ids)
        untold = (one for one in found if one.is_final and one.told != one.outcome)
        return Page(tuple(untold), following)

    def mark_told(self, request: Request) -> None:
        """Note that the people of a request were told its outcome."""
        values: dict[str, Any] = {"told": request.outcome}
        if request.is_final:
            values["openStatus"] = None
        stands = Attr("status").eq(request.status.value) & Attr("execution").eq(request.execution)
        write = update(
            "request", self._tables.requests, request_key(request.id), Change(values), stands
        )
        try:
            write_alone(self._tables.client, write)
        except ConditionsFailedError:
            return  # it has moved on, and there is another outcome to tell

    def _requests(self, ids: Sequence[str]) -> list[Request]:
        items = self._tables.get_all(self._tables.requests, [request_key(one) for one in ids])
        return [request_of(item) for item in items]

    def record_refusal(self, request: Request) -> None:
        """Keep a request that never began; once."""
        try:
            write_alone(self._tables.client, put_request(self._tables, request))
        except ConditionsFailedError:
            return  # it is kept already

    def move_request(
        self, request_id: str, to: RequestStatus, *, reason: str, message: str, at: str,
        expected: Collection[RequestStatus], **changes: Any,
    ) -> Request:  # fmt: skip
        """Change the status on the condition that it is one of `expected`, and fields with it.

        Raises:
            ConflictError: code WRONG_STATUS, extras `status`: it stands elsewhere.
            NotFoundError: there is no such request.
        """
        must_not_end(to)
        stands_as_expected = Attr("status").is_in(sorted(one.value for one in expected))
        not_there_yet = Attr("status").ne(to.value) | Attr("reason").ne(reason)
        fields = {**changes, "reason": reason, "message": message, "updated_at": at}
        values = {
            **changed_members(Request, fields), "status": to.value, "openStatus": open_status(to)
        }  # fmt: skip
        write = update(
            "request", self._tables.requests, request_key(request_id), Change(values),
            stands_as_expected & not_there_yet,
        )  # fmt: skip
        try:
            return request_of(write_alone(self._tables.client, write))
        except ConditionsFailedError as failed:
            item = failed.items["request"]
            if item is None:
                raise no_request(request_id) from None
            request = request_of(item)
        if request.status is to and request.reason == reason:
            return request
        raise wrong_status(f"request {request_id}", request.status)

    def patch_request(self, request_id: str, **changes: Any) -> Request:
        """Set fields that no rule guards (stack id, URL, execution count)."""
        check_request_patch(changes)
        exists = Attr("id").exists()
        change = Change(changed_members(Request, changes))
        write = update("request", self._tables.requests, request_key(request_id), change, exists)
        try:
            return request_of(write_alone(self._tables.client, write))
        except ConditionsFailedError:
            raise no_request(request_id) from None

    def note_build_folder(self, request_id: str, folder: str) -> Request:
        """Say where a request's build takes from and brings to, unless it was said before."""
        first = Attr("id").exists() & Attr("buildFolder").not_exists()
        change = Change(changed_members(Request, {"build_folder": folder}))
        write = update("request", self._tables.requests, request_key(request_id), change, first)
        try:
            return request_of(write_alone(self._tables.client, write))
        except ConditionsFailedError:
            return self.request(request_id)

    def ask_to_cancel(self, request_id: str, *, by: str) -> Request:
        """Mark a request that somebody asked to stop; from then on it cannot succeed.

        Raises:
            ConflictError: code WRONG_STATUS, it is at an end, on its way back, or a termination.
            NotFoundError: there is no such request.
        """
        goes_forward = Attr("status").is_in(sorted(one.value for one in CANCELLABLE))
        may_stop = goes_forward & Attr("requestKind").ne("terminate") & NOT_CANCELLED
        write = update(
            "request", self._tables.requests, request_key(request_id),
            Change(changed_members(Request, {"cancel_requested_by": by})), may_stop,
        )  # fmt: skip
        try:
            return request_of(write_alone(self._tables.client, write))
        except ConditionsFailedError as failed:
            item = failed.items["request"]
            if item is None:
                raise no_request(request_id) from None
            request = request_of(item)
        if not can_be_cancelled(request):
            raise wrong_status(f"request {request_id}", request.status)
        return request

    def record_event(self, event: TimelineEvent) -> None:
        """Append to a request's timeline; the same event again changes nothing."""
        item = {**event.document(), "id": event.request_id, "sort": _EVENT + event.id}
        write_alone(self._tables.client, put("event", self._tables.requests, item))

    def events(
        self, request_id: str, *, limit: int, after: str | None = None
    ) -> Page[TimelineEvent]:
        """The timeline, oldest first; `after` is the last event id seen."""
        condition = Key("id").eq(request_id) & Key("sort").begins_with(_EVENT)
        start = {"id": request_id, "sort": _EVENT + after} if after else None
        found = self._tables.query(
            self._tables.requests, condition, forward=OLDEST_FIRST, limit=limit + 1, start=start
        )
        seen = [_event_of(item) for item in islice(found, limit + 1)]
        shown, following = page_of(seen, limit, lambda one: one.id)
        return Page(tuple(shown), following)


def _event_of(item: dict[str, Any]) -> TimelineEvent:
    event_id = item["sort"]["S"].removeprefix(_EVENT)
    return record(TimelineEvent, {**item, "id": {"S": event_id}})
