"""When watched work is over, and whether that was its good end."""

from collections.abc import Mapping
from typing import Any

import typer

from autoprovision.cli.client import Document
from autoprovision.cli.errors import REFUSED
from autoprovision.cli.progress import Subject, Timeline, Watch
from autoprovision.cli.session import Session

_REQUEST_ENDS = {
    "SUCCEEDED", "FAILED", "REJECTED", "EXPIRED", "CANCELLED", "NEEDS_OPERATOR", "INVALID",
    "OVER_QUOTA",
}  # fmt: skip
_APPLICATION_MOVES = {"PROVISIONING", "UPDATING", "TERMINATING"}
_NEXT_AFTER = {
    "FAILED": "`autoprovision request resubmit {id}` tries again.",
    "REJECTED": "Change the JSON template and run `autoprovision request resubmit {id} FILE`.",
    "EXPIRED": "Nobody decided in time; `autoprovision request resubmit {id}` asks again.",
    "NEEDS_OPERATOR": "An admin looks at it, then `autoprovision request resume {id}`.",
    "TAINTED": "It still runs; `autoprovision application update {id} FILE` tries again.",
    "ERROR": "`autoprovision application terminate {id}` cleans up.",
}


# A change of an application is asked for again, not submitted again.
_NEXT_AFTER_CHANGE = {
    "operate": "`autoprovision request show {id}` tells what was done; then ask for it again.",
    "update": "It still runs; `autoprovision application update {application} FILE` tries again.",
    "publish": "It still runs; `autoprovision application publish {application}` tries again.",
}
# Of a change that cannot be made again, by the request's reason.
_NEXT_BY_REASON = {
    "STACK_GONE": "`autoprovision application terminate {application}` gives its name and its quota"
    " back; then request it anew.",
}


def watch_request(session: Session, request_id: str) -> Document:
    """Watch a request to its end; the request in its final state."""
    subject = Subject(
        title=f"request {request_id}",
        read=lambda: session.api.request(request_id),
        is_over=lambda request: request.get("status") in _REQUEST_ENDS,
        resume_with=f"autoprovision request show {request_id} --watch",
    )
    return Watch(subject, Timeline(session.api, request_id), session.out).to_the_end()


def watch_application(
    session: Session, application_id: str, answer: Mapping[str, Any]
) -> tuple[Document, Document]:
    """Watch what moves an application to its end.

    Args:
        session: The command's session.
        application_id: The application's id.
        answer: What the API answered to the command: the application, or the request that
            changes it.

    Returns:
        The application in its final state, and what decided the end: the request that moved it,
        or the application itself when no request is named.
    """
    operation = _operation(answer)
    if operation is not None:
        request = watch_request(session, operation)
        return session.api.application(application_id), request
    subject = Subject(
        title=f"application {application_id}",
        read=lambda: session.api.application(application_id),
        is_over=lambda seen: seen.get("status") not in _APPLICATION_MOVES,
        resume_with=f"autoprovision application show {application_id} --watch",
    )
    final = Watch(subject, Timeline(session.api, None), session.out).to_the_end()
    return final, final


def conclude(session: Session, decisive: Mapping[str, Any], *good: str) -> None:
    """Say how watched work ended.

    Args:
        session: The command's session.
        decisive: The resource whose final status tells.
        good: The statuses that were hoped for.

    Raises:
        typer.Exit: It ended otherwise: exit code 1.
    """
    status = str(decisive.get("status") or "")
    if status in good:
        return
    sentence = decisive.get("message") or decisive.get("reason") or ""
    session.out.say(f"It ended {status}. {sentence}".strip(), "bold red")
    advice = _NEXT_AFTER.get(status)
    if status != "NEEDS_OPERATOR":
        advice = _NEXT_AFTER_CHANGE.get(_change(decisive), advice)
        advice = _NEXT_BY_REASON.get(str(decisive.get("reason") or ""), advice)
    if advice:
        known = {"id": decisive.get("id"), "application": decisive.get("applicationId")}
        session.out.say(f"Next: {advice.format(**known)}")
    raise typer.Exit(REFUSED)


def _change(request: Mapping[str, Any]) -> str:
    """What a request does to an application that lives; an update without a plan only publishes."""
    kind = str(request.get("kind") or "")
    return "publish" if kind == "update" and not request.get("plan") else kind


def _operation(answer: Mapping[str, Any]) -> str | None:
    """The request that moves an application now."""
    identity = str(answer.get("id") or "")
    if identity.startswith("req_"):
        return identity
    if answer.get("operation"):
        return str(answer["operation"])
    first = answer.get("requestId")
    return str(first) if first and answer.get("status") == "PROVISIONING" else None
