"""The port `ApprovalDesk` on the table `Approvals`: questions, decisions, and task tokens.

Whoever has a task token can answer for the approvers, so it is encrypted under a key of its own,
bound to its request.
"""

import base64
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key

from autoprovision.aws.answers import using_key
from autoprovision.aws.dynamodb.expressions import Change, update
from autoprovision.aws.dynamodb.items import from_item, record
from autoprovision.aws.dynamodb.reading import MOST_ITEMS, OLDEST_FIRST, Dynamo, page_of
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.domain.approval import Approval
from autoprovision.domain.errors import BusyError
from autoprovision.domain.refusals import changed_meanwhile
from autoprovision.ports import Page

_INDEX = "byKind"
_OPEN, _UNDELIVERED = "OPEN", "UNDELIVERED"
_ATTEMPTS = 10


class ApprovalsTable:
    """One question a request, the latest."""

    def __init__(self, client: Any, table: str, *, kms: Any, key_arn: str) -> None:
        self._dynamo = Dynamo(client)
        self._table = table
        self._kms = kms
        self._key_arn = key_arn

    def open(self, approval: Approval, token: str) -> Approval:
        """Open the question; the same one again only renews the token, a later one replaces it."""
        sealed = self._seal(approval.request_id, token)
        for _ in range(_ATTEMPTS):
            current = self.get(approval.request_id)
            try:
                if current is not None and _is_same(current, approval):
                    self._write(current, _version_is(current.version), taskToken=sealed)
                    return current
                opened = approval
                if current is not None and approval.version <= current.version:
                    opened = approval.with_(version=current.version + 1)
                is_as_read = _version_is(current.version if current else None)
                self._write(opened, is_as_read, taskToken=sealed)
            except ConditionsFailedError:
                continue  # it was decided or replaced meanwhile: look again
            return opened
        raise BusyError("Many are at this approval at once; nothing was done. Try again.")

    def _write(self, approval: Approval, condition: ConditionBase, **more: str) -> None:
        empty: dict[str, None] = dict.fromkeys(
            member.alias or name for name, member in Approval.model_fields.items()
        )
        values = {**empty, **approval.document(), "openKind": _kind(approval), **more}
        key = {"id": approval.request_id}
        write = update("approval", self._table, key, Change(values), condition)
        write_alone(self._dynamo.client, write)

    def get(self, request_id: str) -> Approval | None:
        """The question, strongly consistent."""
        item = self._dynamo.get(self._table, {"id": request_id})
        return None if item is None else record(Approval, item)

    def list_open(self, *, limit: int, after: str | None = None) -> Page[Approval]:
        """Open questions, oldest request first."""
        found, following = self._of_kind(_OPEN, limit=limit, after=after)
        return Page(tuple(one for one in found if one.is_open), following)

    def undelivered(self, *, limit: int) -> list[Approval]:
        """Closed questions whose answer the workflow has not taken yet."""
        found, _ = self._of_kind(_UNDELIVERED, limit=limit, after=None)
        return [one for one in found if _kind(one) == _UNDELIVERED]

    def _of_kind(
        self, kind: str, *, limit: int, after: str | None
    ) -> tuple[list[Approval], str | None]:
        limit = min(limit, MOST_ITEMS)
        condition = Key("openKind").eq(kind)
        if after:
            condition &= Key("id").gt(after)
        found = self._dynamo.query(
            self._table, condition, index=_INDEX, forward=OLDEST_FIRST, limit=limit + 1
        )
        seen = [str(from_item(item)["id"]) for item in islice(found, limit + 1)]
        ids, following = page_of(seen, limit, lambda one: one)
        items = self._dynamo.get_all(self._table, [{"id": one} for one in ids])
        return [record(Approval, item) for item in items], following

    def save(self, approval: Approval, *, expected_version: int) -> Approval:
        """Write on the condition of the version.

        Raises:
            ConflictError: code CHANGED_MEANWHILE.
        """
        try:
            self._write(approval, _version_is(expected_version))
        except ConditionsFailedError:
            raise changed_meanwhile(f"approval of {approval.request_id}") from None
        return approval

    def token(self, request_id: str) -> str | None:
        """The task token, decrypted."""
        item = self._dynamo.get(self._table, {"id": request_id})
        if item is None or "taskToken" not in item:
            return None
        sealed = base64.b64decode(from_item(item)["taskToken"])
        with using_key():
            answer = self._kms.decrypt(
                KeyId=self._key_arn, CiphertextBlob=sealed,
                EncryptionContext={"requestId": request_id},
            )  # fmt: skip
        return str(answer["Plaintext"].decode())

    def _seal(self, request_id: str, token: str) -> str:
        with using_key():
            answer = self._kms.encrypt(
                KeyId=self._key_arn, Plaintext=token.encode(),
                EncryptionContext={"requestId": request_id},
            )  # fmt: skip
        return base64.b64encode(answer["CiphertextBlob"]).decode()


def _version_is(version: int | None) -> ConditionBase:
    return Attr("id").not_exists() if version is None else Attr("version").eq(version)


def _kind(approval: Approval) -> str | None:
    """The index attribute: what still needs somebody, and who."""
    if approval.is_open:
        return _OPEN
    return _UNDELIVERED if approval.delivered_at is None else None


def _is_same(current: Approval, asked: Approval) -> bool:
    return (current.plan_digest, current.round) == (asked.plan_digest, asked.round)
