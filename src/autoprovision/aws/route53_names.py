"""The port `Names` on Route 53."""

from collections.abc import Collection, Iterator
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import BusyError
from autoprovision.domain.names import LEADING, is_below, plain
from autoprovision.ports.pages import Page

_SERVICE = "Route 53"
_COMMENT = "An application ends; its names go first."
# A batch is refused whole when one of its records was changed after it was read.
_TRIES = 3
_CHANGED, _AT_WORK, _NO_ZONE = "InvalidChangeBatch", "PriorRequestNotComplete", "NoSuchHostedZone"


class Route53Names:
    """The records of one zone, of names below one domain only."""

    def __init__(self, client: Any, *, zone_id: str, domain: str) -> None:
        self._client, self._zone, self._domain = client, zone_id, domain

    def withdraw(self, names: Collection[str]) -> int:
        """Delete what leads somewhere from these names, in one batch; gone already is fine."""
        for _ in range(_TRIES):
            found = [
                record
                for name in self._ours(names)
                for record in self._records(name)
                if record["Type"] in LEADING
            ]
            if not found or self._delete(found):
                return len(found)
        raise BusyError("The names are being changed by somebody else; try again.")

    def _delete(self, records: list[dict[str, Any]]) -> bool:
        """Whether they are deleted; no: they are not any more what was read."""
        changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in records]
        with answering(_SERVICE):
            try:
                self._client.change_resource_record_sets(
                    HostedZoneId=self._zone, ChangeBatch={"Comment": _COMMENT, "Changes": changes}
                )
            except ClientError as error:
                if code_of(error) == _AT_WORK:
                    raise BusyError("Route 53 still works on a change before; try again.") from None
                if code_of(error) not in {_CHANGED, _NO_ZONE}:
                    raise
                return False
        return True

    def standing(self, names: Collection[str]) -> frozenset[str]:
        """Those of the names that still have a record of any kind."""
        return frozenset(name for name in self._ours(names) if any(self._records(name)))

    def leading(self, *, limit: int, after: str | None = None) -> Page[str]:
        """Names below the domain that lead somewhere."""
        start = {"StartRecordName": after} if after else {}
        with answering(_SERVICE):
            try:
                page = self._client.list_resource_record_sets(
                    HostedZoneId=self._zone, MaxItems=str(limit), **start
                )
            except ClientError as error:
                if code_of(error) != _NO_ZONE:
                    raise
                return Page(())
        found = {
            plain(one["Name"]): None
            for one in page["ResourceRecordSets"]
            if one["Type"] in LEADING and is_below(one["Name"], self._domain)
        }
        following = page.get("NextRecordName") if page["IsTruncated"] else None
        return Page(tuple(found), following)

    def _ours(self, names: Collection[str]) -> list[str]:
        return sorted({plain(name) for name in names if is_below(name, self._domain)})

    def _records(self, name: str) -> Iterator[dict[str, Any]]:
        """Every record of a name, as Route 53 wants it back to delete it."""
        with answering(_SERVICE):
            pages = self._client.get_paginator("list_resource_record_sets").paginate(
                HostedZoneId=self._zone, StartRecordName=name
            )
            try:
                for page in pages:
                    for one in page["ResourceRecordSets"]:
                        # In the order of the zone: behind the name's own records come others'.
                        if plain(one["Name"]) != name:
                            return
                        yield one
            except ClientError as error:
                if code_of(error) != _NO_ZONE:
                    raise
