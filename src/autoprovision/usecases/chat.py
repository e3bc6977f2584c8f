"""Questions told in a chat: the event that goes to everybody, worded for people."""

from collections.abc import Mapping
from typing import Any

from autoprovision.domain.quota import dollars
from autoprovision.ports import Platform


def tell_question(detail: Mapping[str, Any], platform: Platform) -> None:
    """Post the event `ApprovalRequested` where approvers read.

    It says nothing that the event does not: no address of a person, no secret. Nothing is decided
    there; whoever reads it signs in and looks.

    Args:
        detail: the event's detail.

    Raises:
        ConflictError, UnavailableError: it could not be posted.
    """
    platform.chat.post(message(detail, platform.settings.portal_url))


def message(detail: Mapping[str, Any], portal: str) -> dict[str, Any]:
    """The question in Slack's format; other chats read its `text`."""
    request_id = _plain(detail["requestId"])
    people = "two people" if detail.get("approversNeeded") == 2 else "a person"
    cost = detail.get("monthlyCredits")
    price = f" for {dollars(int(cost))} a month" if cost is not None else ""
    text = (
        f"*Please decide:* {_plain(detail.get('applicationName'))} in "
        f"{_plain(detail.get('targetEnvironment'))}{price}, paid by "
        f"{_plain(detail.get('businessUnit'))}. It needs {people}, until "
        f"{_plain(detail.get('expiresAt'))}.\n`autoprovision approval show {request_id}`"
    )
    if portal:
        text += f"\n<{portal.rstrip('/')}/approvals/{request_id}|Open it in the portal>"
    section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
    return {"text": text, "blocks": [section]}


def _plain(value: Any) -> str:
    """Text in which Slack finds no link, mention or markup of its own."""
    text = "" if value is None else str(value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
