"""The one transaction that accepts a request: everything, or nothing and the reason."""

from dataclasses import replace
from typing import Any

from boto3.dynamodb.conditions import Attr

from autoprovision.aws.dynamodb.expressions import Change, Write, update
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_together
from autoprovision.aws.records.applications import (
    application_of,
    claim_name,
    put_application,
)
from autoprovision.aws.records.ledger import movements, put_hold
from autoprovision.aws.records.requests import put_request
from autoprovision.aws.records.tables import Tables
from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.movements import reserve
from autoprovision.domain.quota import Hold
from autoprovision.domain.refusals import (
    changed_meanwhile,
    no_application,
    operation_in_progress,
    wrong_status,
)
from autoprovision.domain.request import Request


class AdmissionRecords:
    """The part of `Records` that accepts requests."""

    _tables: Tables

    def admit(self, request: Request, application: Application | None, hold: Hold | None) -> None:
        """Accept a request: request, application, name and hold in one transaction, or nothing.

        Raises:
            OverQuotaError, NameTakenError, ConflictError, BusyError: refused, nothing written.
        """
        if application is not None and hold is None:
            raise TypeError("A new application comes with its hold, if only of 0 credits.")
        writes = [put_request(self._tables, request)]
        if application is not None:
            writes += [put_application(self._tables, application)]
            writes += [claim_name(self._tables, application)]
        elif request.application_id is not None:
            writes += [_begin_operation(self._tables, request, request.application_id)]
        if hold is not None:
            needs = dict.fromkeys(hold.accounts, hold.credits)
            entries = reserve(hold, by=request.submitted_by)
            writes += [put_hold(self._tables, hold), *movements(self._tables, entries, needs)]
        try:
            write_together(self._tables.client, writes)
        except ConditionsFailedError as failed:
            if "request" not in failed.items:  # else it was admitted before
                raise failed.refusal or changed_meanwhile(f"request {request.id}") from None


def _begin_operation(tables: Tables, request: Request, application_id: str) -> Write:
    is_live = Attr("applicationName").exists() & Attr("status").ne(ApplicationStatus.TERMINATED)
    nobody_changes_it = Attr("operation").not_exists() | Attr("operation").eq(request.id)
    values = {"operation": request.id, "updatedAt": request.submitted_at}
    key, change = {"id": application_id}, Change(values, {"versionNumber": 1})
    condition = is_live & nobody_changes_it
    write = update("application", tables.applications, key, change, condition)
    return replace(write, refusal=lambda item: _application_refusal(item, application_id))


def _application_refusal(item: dict[str, Any] | None, application_id: str) -> AutoprovisionError:
    if item is None:
        return no_application(application_id)
    application = application_of(item)
    if application.status is ApplicationStatus.TERMINATED:
        return wrong_status(f"application {application_id}", application.status)
    return operation_in_progress(application_id, application.operation)
