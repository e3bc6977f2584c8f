"""CommitQuota, the pivot: nothing is taken back after it. Its undo is CloseRequest (outcome.py)."""

from typing import Any

from autoprovision.domain.application import ApplicationStatus
from autoprovision.domain.clock import iso, parse_duration
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.steps.errors import CancelledError
from autoprovision.steps.request import wanted
from autoprovision.steps.update import commit
from autoprovision.steps.url import url_of, without_url


def commit_quota(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Commit the hold; the request is SUCCEEDED and its application AVAILABLE, or nothing is.

    Args:
        event: `requestId` and `stackId`.

    Raises:
        CancelledError: somebody has asked to cancel, and it is not too late.
        ConflictError: the request is not PROVISIONING any more.
    """
    standing = platform.records.request(event["requestId"])
    if standing.status is RequestStatus.SUCCEEDED:
        return {"message": standing.message}
    request = wanted(event, platform)
    stack, url = url_of(event["stackId"], platform)
    if request.kind == "update":
        return {"message": commit(request, stack, url, platform)}
    outcome = without_url(request, stack) or {
        "message": f"{request.application_name} answers at {url}.",
        "reason": "PROVISIONED",
        "url": url,
        "outputs": stack.outputs,
    }
    try:
        platform.records.succeed(
            request.id, at=iso(platform.now()), status=ApplicationStatus.AVAILABLE,
            stack_id=stack.id, stack_name=stack.name, expires_at=_expiry(request, platform),
            **outcome,
        )  # fmt: skip
    except ConflictError as error:
        if error.reason != "CANCEL_REQUESTED":
            raise
        raise CancelledError("The request was cancelled.") from error
    return {"message": outcome["message"]}


def _expiry(request: Request, platform: Platform) -> str | None:
    """The life that was planned begins when there is something to use."""
    if request.plan is None or request.plan.expires_after is None:
        return None
    return iso(platform.now() + parse_duration(request.plan.expires_after))
