"""Requests: show, list, timeline, and the start of their workflows."""

import logging

from autoprovision.domain.actor import Actor, authorize, narrowed, units_within
from autoprovision.domain.errors import NotFoundError, UnavailableError
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.ports import Page, Platform

logger = logging.getLogger(__name__)


def start(request: Request, platform: Platform) -> None:
    """Start the workflow of an accepted request, if it has not begun."""
    if request.status is not RequestStatus.SUBMITTED:
        return
    try:
        platform.workflows.start(request.kind, request.id, execution=request.execution)
    except UnavailableError:
        # Accepted is accepted: the sweep starts what was not started.
        logger.warning("workflow not started, the sweep will", extra={"requestId": request.id})


def show(actor: Actor, request_id: str, platform: Platform) -> Request:
    """A request. Raises NotFoundError when there is none within reach."""
    return within_reach(actor, "request.show", request_id, platform)


def within_reach(actor: Actor, operation: str, request_id: str, platform: Platform) -> Request:
    """A request on which this person may do that. Raises NotFoundError, ForbiddenError."""
    thing = f"request {request_id}"
    units_within(actor, operation)
    try:
        request = platform.records.request(request_id)
    except NotFoundError:
        raise NotFoundError(f"There is no {thing}.") from None
    if request.business_unit is None and request.submitted_by_id == actor.id:
        return request
    authorize(actor, operation, unit=request.business_unit or "", thing=thing)
    return request


def list_requests(
    actor: Actor, platform: Platform, *, limit: int, after: str | None, unit: str | None = None
) -> Page[Request]:
    """The requests within reach, newest first; of one unit when it is named."""
    units = narrowed(units_within(actor, "request.list"), unit)
    return platform.records.requests(units, limit=limit, after=after)


def events(
    actor: Actor, request_id: str, platform: Platform, *, limit: int, after: str | None
) -> Page[TimelineEvent]:
    """The timeline of a request, oldest first."""
    within_reach(actor, "request.show", request_id, platform)
    return platform.records.events(request_id, limit=limit, after=after)
