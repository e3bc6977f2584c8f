"""What the platform keeps of requests, applications and the ledger."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from autoprovision.domain.application import Application
from autoprovision.domain.plan import Plan
from autoprovision.domain.quota import Balance, Entry, Hold
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.ports.pages import Page


class Records(Protocol):
    """Requests, applications and the ledger: what changes together in one transaction."""

    def request(self, request_id: str) -> Request:
        """The request, strongly consistent. Raises NotFoundError."""

    def requests(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests of these units (None: of all), newest first; `after` is the last id seen."""

    def open_requests(
        self, status: RequestStatus, *, updated_before: str, limit: int, after: str | None = None
    ) -> Page[Request]:
        """Requests in a status since before a moment, oldest first, for the sweep."""

    def untold(self, *, updated_before: str, limit: int, after: str | None = None) -> Page[Request]:
        """Requests that came to an end of which nobody was told yet, oldest first."""

    def mark_told(self, request: Request) -> None:
        """Note that its people were told this outcome; nothing, if it has moved on since."""

    def record_refusal(self, request: Request) -> None:
        """Keep a request that never began (INVALID, OVER_QUOTA of the S3 intake); once."""

    def admit(self, request: Request, application: Application | None, hold: Hold | None) -> None:
        """Accept it: request, application, name and hold in one transaction, or nothing.

        The hold's credits are taken from `free` of the person's, the unit's and the organisation's
        account on the condition that each with a limit has them. Admitting the same request again
        changes nothing. An update or terminate brings no new application; then the application's
        `operation` is set to this request on the condition that it is empty, and the hold is what
        the update needs beyond what the application has committed. A new application always comes
        with a hold.

        Raises:
            OverQuotaError: extras `account`, `limit`, `left`, `needed`, `shortBy`.
            NameTakenError: another live application has the name in this environment.
            ConflictError: code OPERATION_IN_PROGRESS, another request changes this application.
            BusyError: contended beyond the retries; nothing was written.
        """

    def move_request(
        self, request_id: str, to: RequestStatus, *, reason: str, message: str, at: str,
        expected: Collection[RequestStatus], **changes: Any,
    ) -> Request:  # fmt: skip
        """Change the status on the condition that it is one of `expected`, and fields with it.

        Returns:
            The request as it is now. When it already has status `to` and `reason`, nothing changes.

        Raises:
            ConflictError: code WRONG_STATUS, extras `status`: it stands elsewhere.
            TypeError: `to` is an end; `succeed` and `close` lead there, because of the hold.
        """

    def patch_request(self, request_id: str, **changes: Any) -> Request:
        """Set fields that no rule guards (stack id, URL, execution count)."""

    def note_build_folder(self, request_id: str, folder: str) -> Request:
        """Say where a request's build takes from and brings to, unless it was said before.

        Returns:
            The request as it is now: with the folder that was said first.
        """

    def ask_to_cancel(self, request_id: str, *, by: str) -> Request:
        """Mark a request that somebody asked to stop; from then on it cannot succeed.

        Returns:
            The request as it is now; whoever asked first stays in the mark.

        Raises:
            ConflictError: code WRONG_STATUS, it is at an end, on its way back, or a termination.
            NotFoundError: there is no such request.
        """

    def application(self, application_id: str) -> Application:
        """The application, strongly consistent. Raises NotFoundError."""

    def applications(
        self, units: Collection[str] | None, *, limit: int, after: str | None = None
    ) -> Page[Application]:
        """Applications of these units (None: of all), newest first."""

    def expiring(self, before: str, *, limit: int, after: str | None = None) -> Page[Application]:
        """Live applications whose `expires_at` is before a moment, soonest first."""

    def patch_application(
        self, application_id: str, *, expected_version: int | None = None, **changes: Any
    ) -> Application:
        """Set fields; with `expected_version`, only if nobody wrote since.

        Raises:
            ConflictError: code CHANGED_MEANWHILE.
        """

    def succeed(
        self, request_id: str, *, message: str, at: str,
        request_reason: str = RequestStatus.SUCCEEDED.value, **application: Any,
    ) -> Request:  # fmt: skip
        """The pivot: commit the hold, request SUCCEEDED, application as given, in one transaction.

        The request's `reason` is SUCCEEDED unless another is given. Its `url` becomes the
        application's, and `message` is said of both. An update's hold is merged into the
        application's, which gets the size of the request's plan; a terminate ends the application
        as `end_application` does. Repeating it changes nothing.

        Raises:
            ConflictError: code WRONG_STATUS, the request is not PROVISIONING any more; code
                CANCEL_REQUESTED, somebody asked to cancel it before.
        """

    def close(
        self, request_id: str, status: RequestStatus, /, *, reason: str, message: str, at: str,
        **application: Any,
    ) -> Request:  # fmt: skip
        """The end of the way back: release the hold, end the request and its application.

        For a first request the application becomes TERMINATED and its name is free again; for an
        update the application's `operation` is cleared, its hold goes back to what was committed
        before, and `application` says how it stands. Repeating it changes nothing.
        """

    def replace_plan(self, request_id: str, plan: Plan, *, at: str) -> Request:
        """Give a request another plan, and its hold the plan's size, in one transaction.

        Repeating it changes nothing.

        Raises:
            OverQuotaError: the plan needs more than is left.
            ConflictError: code WRONG_STATUS, it is on its way back or at an end.
        """

    def end_application(self, application_id: str, *, message: str, at: str) -> Application:
        """TERMINATED: release its committed hold and its name, in one transaction. Repeatable."""

    def move_application(self, application_id: str, unit: str, *, by: str, at: str) -> Application:
        """Move an application and its credits to another unit, in one transaction.

        Raises:
            OverQuotaError: the other unit has too little left.
            ConflictError: code OPERATION_IN_PROGRESS or WRONG_STATUS: it is changing, or ended.
        """

    def move_applications(
        self, application_ids: Sequence[str], unit: str, *, by: str, at: str
    ) -> list[Application]:
        """The same for several at once: all of them, or none.

        Raises:
            ConflictError: as above; code TOO_MANY: more than one transaction takes.
        """

    def record_event(self, event: TimelineEvent) -> None:
        """Append to a request's timeline."""

    def events(
        self, request_id: str, *, limit: int, after: str | None = None
    ) -> Page[TimelineEvent]:
        """The timeline, oldest first; `after` is the last event id seen."""

    def balance(self, account: str) -> Balance:
        """An account, strongly consistent; a new one has no limit and nothing in it.

        Without a limit a person and the organisation may spend; a business unit may not.
        """

    def balances(self, *, limit: int, after: str | None = None) -> Page[Balance]:
        """The accounts of all business units, by name."""

    def set_limit(self, account: str, limit: int | None, *, by: str, at: str) -> Balance:
        """Set an account's limit; lowering it below what is used is allowed. Writes an entry.

        Raises:
            InvalidInputError: out of range, or no limit for a business unit.
        """

    def entries(self, account: str, *, limit: int, after: str | None = None) -> Page[Entry]:
        """Movements of an account, newest first; `after` is the last entry id seen."""

    def hold(self, hold_id: str) -> Hold | None:
        """A hold."""

    def holds(self, *, limit: int, after: str | None = None) -> Page[Hold]:
        """All holds that count in the accounts (HELD, COMMITTED), oldest first, for the proof."""
