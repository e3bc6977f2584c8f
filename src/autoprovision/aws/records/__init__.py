"""`DynamoRecords`: requests, applications and the ledger, which change together."""

from typing import Any

from autoprovision.aws.records.admission import AdmissionRecords
from autoprovision.aws.records.resettlement import ResettlementRecords
from autoprovision.aws.records.tables import Tables


class DynamoRecords(AdmissionRecords, ResettlementRecords):
    """The port `Records` on the tables `Requests`, `Applications` and `Ledger`.

    `client` is the low-level client `dynamodb`.
    """

    def __init__(self, client: Any, *, requests: str, applications: str, ledger: str) -> None:
        self._tables = Tables(client, requests, applications, ledger)
