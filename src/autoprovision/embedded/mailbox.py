"""Reads the mails that SES of the embedded AWS would have sent: nothing leaves the machine."""

import json
import urllib.request
from dataclasses import dataclass
from datetime import datetime

from autoprovision.embedded.launcher import EmbeddedAws


@dataclass(frozen=True)
class Mail:
    """One mail as its receiver would see it; `html` is None for a plain-text mail."""

    message_id: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    sent_at: datetime


def mailbox(aws: EmbeddedAws) -> list[Mail]:
    """All mails sent through SES (v1 and v2) so far, oldest first.

    Raises:
        OSError: The embedded AWS does not answer.
    """
    address = f"{aws.endpoint_url}/_ministack/ses/messages?account={aws.account_id}"
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
        accounts = json.load(answer)["messages"]
    mails = [_mail(entry) for entry in accounts.get(aws.account_id, [])]
    return sorted(mails, key=lambda mail: mail.sent_at)


def _mail(entry: dict[str, object]) -> Mail:
    return Mail(
        message_id=str(entry["MessageId"]),
        sender=str(entry["Source"]),
        to=_addresses(entry["To"]),
        cc=_addresses(entry["CC"]),
        bcc=_addresses(entry["BCC"]),
        subject=str(entry["Subject"]),
        text=str(entry["BodyText"] or ""),
        html=str(entry["BodyHtml"]) if entry["BodyHtml"] else None,
        sent_at=_time(entry["Timestamp"]),
    )


def _addresses(value: object) -> tuple[str, ...]:
    return tuple(str(address) for address in value) if isinstance(value, list) else ()


def _time(value: object) -> datetime:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value).astimezone()
    return datetime.fromisoformat(str(value))
