"""The port `Findings` on the table `Findings`."""

from collections.abc import Collection
from typing import Any

from boto3.dynamodb.conditions import Attr

from autoprovision.aws.dynamodb.expressions import put
from autoprovision.aws.dynamodb.items import record
from autoprovision.aws.dynamodb.reading import MOST_ITEMS, Dynamo, due_before
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.finding import Finding
from autoprovision.domain.refusals import changed_meanwhile
from autoprovision.ports.pages import Page

_INDEX = "byState"
_STANDING, _GONE = "STANDING", "GONE"
# Behind every moment.
_END_OF_TIME = "9999"


class FindingsTable:
    """One item a finding, for ever: what comes back is known again."""

    def __init__(self, client: Any, table: str) -> None:
        self._dynamo = Dynamo(client)
        self._table = table

    def get(self, finding_id: str) -> Finding:
        """A finding. Raises NotFoundError."""
        item = self._dynamo.get(self._table, {"id": finding_id})
        if item is None:
            raise NotFoundError(f"There is no finding {finding_id}.")
        return record(Finding, item)

    def find(self, ids: Collection[str]) -> list[Finding]:
        """Those of these that were ever seen."""
        keys = [{"id": one} for one in sorted(set(ids))]
        batches = (keys[at : at + MOST_ITEMS] for at in range(0, len(keys), MOST_ITEMS))
        return [
            record(Finding, item)
            for batch in batches
            for item in self._dynamo.get_all(self._table, batch)
        ]

    def list(self, *, standing: bool, limit: int, after: str | None = None) -> Page[Finding]:
        """Findings that stand, or that have gone, those that began first first."""
        ids, following = due_before(
            self._dynamo, self._table, _INDEX, ("state", _STANDING if standing else _GONE),
            ("firstSeen", _END_OF_TIME), limit=min(limit, MOST_ITEMS), after=after, more_key={},
        )  # fmt: skip
        items = self._dynamo.get_all(self._table, [{"id": one} for one in ids])
        found = (record(Finding, item) for item in items)
        return Page(tuple(one for one in found if one.is_standing is standing), following)

    def save(self, finding: Finding, *, expected_version: int) -> Finding:
        """Write on the condition of the version; 0: there is none yet."""
        item = {**finding.document(), "state": _STANDING if finding.is_standing else _GONE}
        condition = (
            Attr("version").eq(expected_version) if expected_version else Attr("id").not_exists()
        )
        try:
            write_alone(self._dynamo.client, put("finding", self._table, item, condition))
        except ConditionsFailedError:
            raise changed_meanwhile(f"finding {finding.id}") from None
        return finding
