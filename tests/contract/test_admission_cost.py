"""What one admission writes, counted: a change that makes it dearer shows here."""

from collections.abc import Callable
from typing import Any

from tests.kit.embedded import make_table
from tests.kit.records import UNIT, a_request, at, its_application, its_hold
from tests.kit.write_units import INDEXES, RecordingClient, units_of

from autoprovision.aws.records import DynamoRecords
from autoprovision.domain.quota import unit_account


def test_an_admission_is_one_transaction_of_known_cost(
    client: Callable[[str], Any], prefix: str
) -> None:
    dynamodb = client("dynamodb")
    tables = {kind: make_table(dynamodb, kind.capitalize(), prefix) for kind in INDEXES}
    recording = RecordingClient(dynamodb)
    records = DynamoRecords(recording, **tables)
    records.set_limit(unit_account(UNIT), 1000, by="a", at=at())
    recording.transactions.clear()
    request = a_request(1, 10)
    records.admit(request, its_application(request), its_hold(request))
    (transaction,) = recording.transactions
    # Request, application, name, hold; and for person, unit and organisation account and entry.
    assert [next(iter(one)) for one in transaction].count("Put") == 7
    assert len(transaction) == 10
    # 2 for each of the 10 small items, 6 entries of indexes, and 2 for each further KB.
    assert 26 <= units_of(transaction) <= 32
