"""The records on a DynamoDB that is busy, does not answer, or dies between any two calls."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from tests.kit.embedded import dynamo_records
from tests.kit.records import (
    ACCOUNT,
    OTHER_ACCOUNT,
    OTHER_UNIT,
    a_plan,
    a_request,
    admit,
    at,
    everything,
    give_quota,
    its_application,
    its_hold,
    places,
    run,
    succeed,
)

from autoprovision.aws.records import DynamoRecords
from autoprovision.domain.errors import (
    BusyError,
    UnavailableError,
)
from autoprovision.domain.request import RequestStatus
from autoprovision.memory.records import MemoryRecords
from autoprovision.ports import Records


class _Client:
    """DynamoDB's client with a fault before or after the nth call."""

    def __init__(
        self, real: Any, fault: Callable[[int, str], Exception | None], *, after: bool
    ) -> None:
        self._real, self._fault, self._after = real, fault, after
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls += 1
            error = self._fault(self.calls, name)
            if error and not self._after:
                raise error
            answer = getattr(self._real, name)(**arguments)
            if error:
                raise error
            return answer

        return call


def _conflict(*codes: str) -> ClientError:
    reasons = [{"Code": code} for code in codes]
    error = {"Code": "TransactionCanceledException", "Message": ""}
    return ClientError({"Error": error, "CancellationReasons": reasons}, "TransactWriteItems")  # type: ignore[typeddict-unknown-key]


def _on(real: DynamoRecords, client: Any) -> DynamoRecords:
    tables = real._tables
    return DynamoRecords(
        client, requests=tables.requests, applications=tables.applications, ledger=tables.ledger
    )


@pytest.fixture
def dynamo(client: Callable[[str], Any], prefix: str) -> DynamoRecords:
    records = dynamo_records(client("dynamodb"), prefix)
    give_quota(records, 100)
    return records


def test_a_transaction_that_meets_others_is_tried_again(dynamo: DynamoRecords) -> None:
    faults = {
        1: _conflict("None", "TransactionConflict"),
        2: _conflict("ThrottlingError"),
        3: ClientError({"Error": {"Code": "TransactionInProgressException"}}, "x"),
        4: ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "x"),
    }
    client = _Client(dynamo._tables.client, lambda n, _: faults.get(n), after=False)
    admit(_on(dynamo, client), 1)
    assert client.calls == 5
    assert places(dynamo)[1] == 10


def test_contention_without_end_is_busy_and_nothing_written(
    dynamo: DynamoRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autoprovision.aws.dynamodb.writing.time.sleep", lambda _: None)
    before = everything(dynamo)
    conflict = _conflict("TransactionConflict")
    client = _Client(dynamo._tables.client, lambda *_: conflict, after=False)
    with pytest.raises(BusyError):
        admit(_on(dynamo, client), 1)
    assert everything(dynamo) == before


def test_an_outage_is_unavailable_and_any_other_error_is_itself(dynamo: DynamoRecords) -> None:
    outage = ClientError(
        {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
        "x",  # type: ignore[typeddict-item]
    )
    for error, expected in (
        (outage, UnavailableError),
        (ReadTimeoutError(endpoint_url="x"), UnavailableError),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), ClientError),
    ):
        client = _Client(dynamo._tables.client, lambda *_, e=error: e, after=False)
        broken = _on(dynamo, client)
        for deed in (lambda r=broken: admit(r, 1), lambda r=broken: r.balance(ACCOUNT)):
            with pytest.raises(expected):
                deed()


def _life(records: Records) -> list[Callable[[], Any]]:
    """Every deed that moves credits, in an order that works."""
    first = a_request(1, 30)
    update = a_request(2, 50, kind="update", application=first.application_id)
    failing = a_request(3, 20)
    application = first.application_id or ""
    return [
        lambda: records.admit(first, its_application(first), its_hold(first)),
        lambda: run(records, first),
        lambda: succeed(records, first),
        lambda: records.admit(update, None, its_hold(update, 20)),
        lambda: records.replace_plan(update.id, a_plan(45), at=at(205)),
        lambda: run(records, update, 210),
        lambda: succeed(records, update, 220),
        lambda: records.set_limit(ACCOUNT, 90, by="admin", at=at(221)),
        lambda: records.admit(failing, its_application(failing), its_hold(failing)),
        lambda: records.close(
            failing.id, RequestStatus.CANCELLED, reason="X", message="", at=at(225)
        ),
        lambda: records.move_application(application, OTHER_UNIT, by="admin", at=at(230)),
        lambda: records.end_application(application, message="Over.", at=at(240)),
    ]


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_a_crash_at_any_call_is_made_good_by_repeating(
    client: Callable[[str], Any], prefix: str, after: bool
) -> None:
    model = MemoryRecords()
    _two_quotas(model)
    for deed in _life(model):
        deed()
    real = dynamo_records(client("dynamodb"), prefix)
    _two_quotas(real)
    crashed = _repeating_after_each_crash(real, after=after)
    assert everything(real) == everything(model)
    assert crashed > 25


def _two_quotas(records: Records) -> None:
    give_quota(records, 100)
    give_quota(records, 100, OTHER_ACCOUNT)


def _repeating_after_each_crash(real: DynamoRecords, *, after: bool) -> int:
    """Do every deed, each dying at its first, second, third … call until it comes through."""
    crashed = 0
    for index in range(len(_life(real))):
        nth = 0
        while True:
            nth += 1
            client = _Client(
                real._tables.client,
                lambda n, _, nth=nth: KeyboardInterrupt() if n == nth else None,  # type: ignore[misc,return-value,arg-type]
                after=after,
            )
            try:
                _life(_on(real, client))[index]()
                break
            except KeyboardInterrupt:
                crashed += 1
    return crashed
