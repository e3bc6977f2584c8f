"""The port `Waits` on the table `Waits`: task tokens that wait for a stack."""

from datetime import timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr

from autoprovision.aws.dynamodb.expressions import delete, put
from autoprovision.aws.dynamodb.items import from_item
from autoprovision.aws.dynamodb.reading import Dynamo
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.domain.clock import moment

# Longer than any stack takes; a token that old is dead.
_KEPT = timedelta(days=30)


class WaitsTable:
    """One token a stack."""

    def __init__(self, client: Any, table: str) -> None:
        self._dynamo = Dynamo(client)
        self._table = table

    def put(self, stack_id: str, token: str, *, request_id: str, purpose: str, at: str) -> None:
        """Remember who waits; a new token replaces the old one, which is dead then.

        A write that was under way for long must not put a dead token over the one that lives.
        """
        item = {
            "stackId": stack_id, "token": token, "requestId": request_id, "purpose": purpose,
            "at": at, "expiresAtEpoch": int((moment(at) + _KEPT).timestamp()),
        }  # fmt: skip
        is_newer = Attr("stackId").not_exists() | Attr("at").lte(at)
        try:
            write_alone(self._dynamo.client, put("wait", self._table, item, is_newer))
        except ConditionsFailedError:
            return  # a later one waits

    def get(self, stack_id: str) -> tuple[str, str] | None:
        """Token and purpose, strongly consistent."""
        found = self._read(stack_id)
        return None if found is None else (found["token"], found["purpose"])

    def _read(self, stack_id: str) -> dict[str, Any] | None:
        item = self._dynamo.get(self._table, {"stackId": stack_id})
        return None if item is None else from_item(item)

    def remove(self, stack_id: str, token: str) -> None:
        """Forget a token that was answered, unless another took its place."""
        is_this_one = Attr("token").eq(token)
        write = delete("wait", self._table, {"stackId": stack_id}, is_this_one)
        try:
            write_alone(self._dynamo.client, write)
        except ConditionsFailedError:
            return  # it has gone, or another waits by now

    def of_request(self, request_id: str, stack_id: str) -> str | None:
        """The token by which a request waits."""
        found = self._read(stack_id)
        if found is None or found["requestId"] != request_id:
            return None
        return str(found["token"])
