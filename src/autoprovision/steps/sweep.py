"""The sweep: whatever no event told and no caller finished is found and goes on.

Every pass reads a bounded number of open requests and questions, oldest first, so it costs what is
open, not what the tables hold. Each deed is one that may be done twice: starting an execution under
its own name, answering a token, expiring a question. One that fails is counted and left to the
next pass, so that it does not keep the others waiting.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from autoprovision.domain.approval import Approval
from autoprovision.domain.clock import iso
from autoprovision.domain.endings import PLANNED
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.steps.build import settle_build
from autoprovision.steps.notify import tell
from autoprovision.steps.operation import settle_automation
from autoprovision.steps.stack import settle
from autoprovision.usecases.approval_questions import redeliver, tend
from autoprovision.usecases.approvals import cancel
from autoprovision.usecases.cancellation import give_up_hold
from autoprovision.usecases.expiry import tend_expiring
from autoprovision.usecases.runbooks import started
from autoprovision.usecases.timeline import note

logger = logging.getLogger(__name__)

# Younger ones are most likely about to be started, answered or ended by whoever is at it.
_SETTLED_AFTER = timedelta(seconds=60)
# Longer than Notify tries.
_TOLD_AFTER = timedelta(minutes=5)
_PAGE, _MOST_REQUESTS, _MOST_QUESTIONS = 50, 500, 500
_ENDED = frozenset({"FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"})
_BACK = frozenset({RequestStatus.COMPENSATING, RequestStatus.NEEDS_OPERATOR})
_WORKING = (
    RequestStatus.AWAITING_APPROVAL,
    RequestStatus.PROVISIONING,
    RequestStatus.COMPENSATING,
)


def sweep(platform: Platform) -> dict[str, int]:
    """One pass.

    Returns:
        How many requests were started, answered and sent back, how many questions were tended
        and delivered, and how many of these failed.
    """
    done: Counter[str] = Counter()
    for request in _open(RequestStatus.SUBMITTED, platform):
        _try(done, request.id, partial(_go_on, request, platform))
    for status in _WORKING:
        for request in _open(status, platform):
            _try(done, request.id, partial(_look_after, request, platform))
    for request in _untold(platform):
        _try(done, request.id, partial(_tell, request, platform))
    platform.catalog.refresh()
    done["delivered"] += redeliver(platform, limit=_PAGE)
    _tend_questions(done, platform)
    done.update(tend_expiring(platform))
    return {name: count for name, count in sorted(done.items()) if count}


def _open(status: RequestStatus, platform: Platform) -> Iterator[Request]:
    """Requests that have stood in a status for a while, page by page, up to a bound."""
    before = iso(platform.now() - _SETTLED_AFTER)
    after: str | None = None
    for _ in range(_MOST_REQUESTS // _PAGE):
        page = platform.records.open_requests(
            status, updated_before=before, limit=_PAGE, after=after
        )
        yield from page.items
        after = page.next
        if after is None:
            return


def _untold(platform: Platform) -> Iterator[Request]:
    """Outcomes of which nobody was told, although whoever tells them must have ended by now."""
    before = iso(platform.now() - _TOLD_AFTER)
    for request in _open(RequestStatus.NEEDS_OPERATOR, platform):
        if request.told != request.outcome and request.updated_at < before:
            yield request
    page = platform.records.untold(updated_before=before, limit=_PAGE)
    yield from page.items


def _tell(request: Request, platform: Platform) -> str:
    tell(request, platform)
    return "told"


def _try(done: Counter[str], what: str, deed: Callable[[], str]) -> None:
    try:
        done[deed()] += 1
    except AutoprovisionError as error:
        done["failed"] += 1
        logger.warning("sweep goes on without it", extra={"of": what, "why": error.reason})


def _go_on(request: Request, platform: Platform) -> str:
    """A request whose execution never began begins now."""
    _give_up_hold(request, platform)
    state = platform.workflows.state(request.kind, request.id, execution=request.execution)
    if state is None:
        platform.workflows.start(request.kind, request.id, execution=request.execution)
        note(platform, request.id, "Sweep", "The workflow had not begun; it is started.")
        return "started"
    return _send_back(request, state, platform)


def _look_after(request: Request, platform: Platform) -> str:
    """Answer a wait whose event was lost; else see that somebody is still at the request."""
    if _give_up_hold(request, platform):
        return "holdExpired"
    if request.stack_id and settle(request.stack_id, platform):
        return "answered"
    if request.build_id and settle_build(request.build_id, platform):
        return "answered"
    if request.kind == "operate" and _settle_runbook(request, platform):
        return "answered"
    state = platform.workflows.state(request.kind, request.id, execution=request.execution)
    if state is None:
        # A resume was noted, but the start was lost.
        platform.workflows.start(request.kind, request.id, execution=request.execution)
        return "started"
    return _send_back(request, state, platform)


def _settle_runbook(request: Request, platform: Platform) -> bool:
    found = started(request, platform)
    return found is not None and settle_automation(found.id, platform)


def _give_up_hold(request: Request, platform: Platform) -> bool:
    return request.status in PLANNED and give_up_hold(request, platform)


def _send_back(request: Request, state: str, platform: Platform) -> str:
    """A request whose execution ended without bringing it to an end goes back, by another one."""
    if state not in _ENDED:
        return "running"
    current = platform.records.request(request.id)
    if current.is_final or current.status is RequestStatus.NEEDS_OPERATOR:
        return "ended"
    number = current.execution + 1
    platform.records.patch_request(request.id, execution=number)
    platform.workflows.start(request.kind, request.id, execution=number)
    note(
        platform, request.id, "Sweep",
        "The workflow ended before its time; what it did is being taken back.",
    )  # fmt: skip
    return "sentBack"


def _tend_questions(done: Counter[str], platform: Platform) -> None:
    after: str | None = None
    for _ in range(_MOST_QUESTIONS // _PAGE):
        page = platform.approvals.list_open(limit=_PAGE, after=after)
        for approval in page.items:
            _try(done, approval.request_id, partial(_tend, approval, platform))
        after = page.next
        if after is None:
            return


def _tend(approval: Approval, platform: Platform) -> str:
    request = platform.records.request(approval.request_id)
    if request.status in _BACK or request.is_final:
        # A message that was under way opened it behind the back of the way back.
        cancel(request, platform, by="platform")
        return "withdrawn"
    tend(approval, platform)
    return "tended"
