"""A line of a request's timeline. It is a courtesy: losing a line never loses the work."""

import logging

from autoprovision.domain.clock import iso
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.identifiers import new_id
from autoprovision.domain.timeline import StepStatus, TimelineEvent
from autoprovision.ports import Platform

logger = logging.getLogger(__name__)


def note(
    platform: Platform,
    request_id: str,
    step: str,
    message: str,
    status: StepStatus = StepStatus.INFO,
    *,
    expected_seconds: int | None = None,
) -> None:
    """Append a line, as far as the table can be reached.

    Args:
        step: state of the workflow, or what somebody did.
        expected_seconds: how long the step usually takes.
    """
    event = TimelineEvent(
        id=new_id("evt"),
        request_id=request_id,
        at=iso(platform.now()),
        step=step,
        status=status,
        message=message,
        expected_seconds=expected_seconds,
    )
    try:
        platform.records.record_event(event)
    except AutoprovisionError:
        logger.warning("timeline line lost", extra={"requestId": request_id, "step": step})
