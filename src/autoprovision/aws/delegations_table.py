"""The port `Delegations` on the table `Approvals`: who decides for whom, beside the questions.

They are few, so the ones given to a person are found among all of them.
"""

from collections.abc import Collection, Sequence
from typing import Any

from boto3.dynamodb.conditions import Key

from autoprovision.aws.dynamodb.expressions import delete, put
from autoprovision.aws.dynamodb.items import from_item, record
from autoprovision.aws.dynamodb.reading import MOST_ITEMS, OLDEST_FIRST, Dynamo
from autoprovision.aws.dynamodb.writing import write_alone
from autoprovision.domain.approval_authority import Delegation

_INDEX = "byKind"
_KIND = "DELEGATION"


class DelegationsTable:
    """One item for each person who is away."""

    def __init__(self, client: Any, table: str) -> None:
        self._dynamo = Dynamo(client)
        self._table = table

    def save(self, delegation: Delegation) -> None:
        """Keep it; the one that the same person gave before is replaced."""
        key = _key(delegation.from_user)
        item = {**delegation.document(), **key, "openKind": _KIND}
        write_alone(self._dynamo.client, put("delegation", self._table, item))

    def forget(self, user_id: str) -> None:
        """Remove what a person gave; nothing there is fine."""
        write_alone(self._dynamo.client, delete("delegation", self._table, _key(user_id)))

    def given_by(self, user_ids: Collection[str]) -> Sequence[Delegation]:
        """What these people gave, strongly consistent."""
        return self._read([_key(one)["id"] for one in sorted(set(user_ids))])

    def received_by(self, user_id: str) -> Sequence[Delegation]:
        """What was given to a person; one given a moment ago may not show yet."""
        found = self._dynamo.query(
            self._table, Key("openKind").eq(_KIND), index=_INDEX, forward=OLDEST_FIRST,
            limit=MOST_ITEMS,
        )  # fmt: skip
        ids = [str(from_item(item)["id"]) for item in found]
        return [one for one in self._read(ids) if one.to_user == user_id]

    def _read(self, ids: Sequence[str]) -> list[Delegation]:
        batches = (ids[at : at + MOST_ITEMS] for at in range(0, len(ids), MOST_ITEMS))
        return [
            record(Delegation, item)
            for batch in batches
            for item in self._dynamo.get_all(self._table, [{"id": one} for one in batch])
        ]


def _key(user_id: str) -> dict[str, str]:
    return {"id": f"{_KIND}#{user_id}"}
