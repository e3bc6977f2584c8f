"""The port `Mailer` on SES: a mail is sent once, whatever is repeated.

SES has no token against sending twice, so the mail's id is claimed in a table first. When SES
surely did not take the mail, the claim is given back; when that is not known, it stays: a mail
that may be missing is told to operators by whoever called, a doubled one could not be taken back.
"""

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
from autoprovision.aws.dynamodb.writing import ConditionsFailedError, write_alone
from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.mail import Mail

# Longer than any request stays open.
_KEPT_SECONDS = 400 * 24 * 3600
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
            UnavailableError: SES did not take it; or it is not known, and then it stays claimed.
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
        return True

    def _claim(self, mail_id: str) -> bool:
        is_unclaimed = Attr("key").not_exists()
        item = {**_key(mail_id), "expiresAtEpoch": int(self._clock()) + _KEPT_SECONDS}
        try:
            write_alone(self._dynamodb, put("mail", self._table, item, is_unclaimed))
        except ConditionsFailedError:
            return False
        return True

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
