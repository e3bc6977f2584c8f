"""Holds that go on living but change: another unit pays, or another plan is launched."""

from collections.abc import Sequence

from boto3.dynamodb.conditions import Attr

from autoprovision.aws.dynamodb.expressions import Change, Write, update
from autoprovision.aws.dynamodb.items import changed_members
from autoprovision.aws.dynamodb.writing import write_together
from autoprovision.aws.records.ledger import change_hold, movements
from autoprovision.aws.records.requests import request_key
from autoprovision.aws.records.settlement import SettlementRecords, until_settled
from autoprovision.domain import movements as ledger
from autoprovision.domain.application import Application
from autoprovision.domain.endings import PLANNED
from autoprovision.domain.plan import Plan
from autoprovision.domain.quota import Hold, unit_account
from autoprovision.domain.refusals import check_moved_together, must_rest, wrong_status
from autoprovision.domain.request import Request


class ResettlementRecords(SettlementRecords):
    """The part of `Records` that changes live holds."""

    def move_application(self, application_id: str, unit: str, *, by: str, at: str) -> Application:
        """Move an application and its credits to another unit, in one transaction.

        Raises:
            OverQuotaError: the other unit has too little left.
            ConflictError: code OPERATION_IN_PROGRESS or WRONG_STATUS.
        """
        return self.move_applications([application_id], unit, by=by, at=at)[0]

    def move_applications(
        self, application_ids: Sequence[str], unit: str, *, by: str, at: str
    ) -> list[Application]:
        """Move applications and their credits to another unit, all or none.

        Raises:
            OverQuotaError: the other unit has too little left for all of them.
            ConflictError: code OPERATION_IN_PROGRESS, WRONG_STATUS or TOO_MANY.
        """
        check_moved_together(application_ids)

        def deed() -> list[Application]:
            found = [self.application(one) for one in application_ids]
            moving = [one for one in found if one.business_unit != unit]
            if moving:
                write_together(self._tables.client, self._moving(moving, unit, by=by, at=at))
                return [self.application(one) for one in application_ids]
            return found

        return until_settled(deed)

    def _moving(
        self, applications: Sequence[Application], unit: str, *, by: str, at: str
    ) -> list[Write]:
        writes, entries, needed = [], [], 0
        for application in applications:
            must_rest(application)
            writes += [self._change(application, business_unit=unit, updated_at=at)]
            hold = self._live_hold(application.request_id)
            if hold is not None:
                needed += hold.credits
                entries += ledger.move(hold, unit, by=by, at=at)
                writes += [change_hold(self._tables, hold, unit=unit, updated_at=at)]
        return writes + movements(self._tables, entries, {unit_account(unit): needed})

    def replace_plan(self, request_id: str, plan: Plan, *, at: str) -> Request:
        """Give a request another plan and its hold the plan's size, in one transaction.

        Raises:
            OverQuotaError: the plan needs more than is left.
            ConflictError: code WRONG_STATUS, it is past its plan.
        """

        def deed() -> Request:
            request = self.request(request_id)
            if request.plan is not None and request.plan.digest == plan.digest:
                return request
            if request.status not in PLANNED:
                raise wrong_status(f"request {request_id}", request.status)
            writes = [self._planned(request, plan, at)]
            hold = self._live_hold(request_id)
            if hold is not None:
                writes += self._resizing(hold, self._size_under(request, plan), at)
            write_together(self._tables.client, writes)
            return self.request(request_id)

        return until_settled(deed)

    def _planned(self, request: Request, plan: Plan, at: str) -> Write:
        stands_where_read = Attr("status").eq(request.status.value)
        values = changed_members(Request, {"plan": plan, "updated_at": at})
        key = request_key(request.id)
        return update("request", self._tables.requests, key, Change(values), stands_where_read)

    def _size_under(self, request: Request, plan: Plan) -> int:
        """What the request's own hold must have: an update holds only what it adds."""
        if request.kind != "update":
            return plan.monthly_credits
        application = self.application(request.application_id or "")
        return max(0, plan.monthly_credits - application.monthly_credits)

    def _resizing(self, hold: Hold, size: int, at: str) -> list[Write]:
        more = size - hold.credits
        needs = dict.fromkeys(hold.accounts, more) if more > 0 else {}
        entries = ledger.resize(hold, size, at=at, cause="The plan has changed.")
        # Also when the size stays: of two plans at once, the later must see the earlier's.
        changed = change_hold(self._tables, hold, credits=size, updated_at=at)
        return [changed, *movements(self._tables, entries, needs)]
