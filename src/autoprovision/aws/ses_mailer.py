"""The port `Mailer` on SES: a mail is sent, and sent once, whatever is repeated.

SES has no token against sending twice, so the mail's id is claimed in a table first and marked SENT
afterwards. A claim whose sender must have ended without marking it is taken over by the next try.
So no mail is lost; two go out only when the process ends between SES's answer and the mark
(docs/decisions/0011-outcome-mails.md).
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)

from autoprovision.aws.dynamodb.expressions import delete, put
from autoprovision.aws.dynamodb.items import from_item
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.domain.errors import AutoprovisionError, UnavailableError
from autoprovision.domain.mail import SENDER_SECONDS, Mail

logger = logging.getLogger(__name__)

# Longer than any request stays open.
_KEPT_SECONDS = 400 * 24 * 3600
_CLAIMED, _SENT = "CLAIMED", "SENT"
_FIRST_SERVER_ERROR = 500
# These are raised before anything has left this machine.
_NEVER_LEFT = (ConnectTimeoutError, EndpointConnectionError, ParamValidationError)


class SesMailer:
    """Sends from one address. Its `ses` client must not repeat calls by itself."""

    def __init__(
        self, ses: Any, dynamodb: Any, *, table: str, sender: str,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._ses = ses
        self._dynamodb = dynamodb
        self._table = table
        self._sender = sender
        self._clock = clock

    def send(self, mail: Mail) -> bool:
        """Send a mail unless its id was sent before. False: it was.

        Raises:
            UnavailableError: SES did not take it, or it is not known: trying again is safe.
        """
        if not self._claim(mail.id):
            return False
        try:
            self._ses.send_email(
                FromEmailAddress=self._sender, Destination={"ToAddresses": [mail.to]},
                Content={"Simple": {"Subject": _part(mail.subject),
                                    "Body": {"Text": _part(mail.text), "Html": _part(mail.html)}}},
            )  # fmt: skip
        except (BotoCoreError, ClientError) as error:
            if _was_refused(error):
                self._give_back(mail.id)
            raise UnavailableError(f"The mail {mail.id} was not sent.") from error
        self._mark_sent(mail.id)
        return True

    def _claim(self, mail_id: str) -> bool:
        """Claim the mail. False: it was sent.

        Raises:
            UnavailableError: somebody is sending it, or was a moment ago.
        """
        now = self._clock()
        is_free = Attr("key").not_exists()
        was_left = Attr("state").eq(_CLAIMED) & Attr("claimedAt").lt(int(now - SENDER_SECONDS))
        item = {**self._item(mail_id), "state": _CLAIMED, "claimedAt": int(now)}
        try:
            write_alone(self._dynamodb, put("mail", self._table, item, is_free | was_left))
        except ConditionsFailedError as failed:
            claimed = from_item(failed.items["mail"] or {})
            if claimed.get("state") == _CLAIMED:
                raise UnavailableError(f"The mail {mail_id} is being sent.") from None
            return False
        return True

    def _mark_sent(self, mail_id: str) -> None:
        """Say that it is sent. When that fails the mail has gone out all the same."""
        item = {**self._item(mail_id), "state": _SENT}
        try:
            write_alone(self._dynamodb, put("mail", self._table, item))
        except AutoprovisionError as error:
            logger.warning("mail sent and not marked", extra={"mail": mail_id, "why": error.reason})

    def _item(self, mail_id: str) -> dict[str, Any]:
        return {**_key(mail_id), "expiresAtEpoch": int(self._clock()) + _KEPT_SECONDS}

    def _give_back(self, mail_id: str) -> None:
        write_alone(self._dynamodb, delete("mail", self._table, _key(mail_id)))


def _key(mail_id: str) -> dict[str, str]:
    return {"key": f"MAIL#{mail_id}"}


def _part(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}


def _was_refused(error: Exception) -> bool:
    """Whether SES surely did not take the mail."""
    if isinstance(error, ClientError):
        metadata = error.response.get("ResponseMetadata", {})
        return int(metadata.get("HTTPStatusCode", 0)) < _FIRST_SERVER_ERROR
    return isinstance(error, _NEVER_LEFT)
