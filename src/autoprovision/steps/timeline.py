"""The timeline of a request: a sentence for people about every step.

The timeline is a courtesy: losing a line never fails a step, and is logged.
"""

import logging
from typing import NamedTuple

from autoprovision.domain.clock import iso
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.domain.identifiers import new_id
from autoprovision.domain.timeline import StepStatus, TimelineEvent
from autoprovision.ports import Platform

logger = logging.getLogger(__name__)


class Words(NamedTuple):
    """How a step is told.

    Attributes:
        doing: the sentence when it begins; empty for a step that tells its own lines.
        done: the sentence when it has succeeded and gives none itself.
        seconds: how long it usually takes.
    """

    doing: str
    done: str
    seconds: int


STEPS = {
    "PreparePlan": Words("Checking that the plan is still today's.", "The plan holds.", 1),
    "ExpireApproval": Words("Closing the question.", "The question is closed.", 1),
    "AuthorizeLaunch": Words("Checking what the launch rests on.", "The launch is authorized.", 1),
    "AdoptStack": Words("Looking at the stack that is there already.", "It is this request's.", 1),
    "AwaitStack": Words("", "The stack is complete.", 120),
    "PublishProject": Words("Fetching the code and putting it live.", "The code is live.", 10),
    "CheckUrl": Words("Asking the URL until it answers.", "The URL answers.", 5),
    "CommitQuota": Words("Making the quota's hold permanent.", "The application is yours.", 1),
    "BeginCompensation": Words("", "Taking back what was done.", 1),
    "UnpublishProject": Words("Emptying the stack's buckets.", "The buckets are empty.", 5),
    "AwaitStackDeletion": Words("", "The stack is verified gone.", 90),
    "ForgetSecrets": Words("Deleting the credentials.", "No credentials are kept.", 1),
    "CloseRequest": Words("Giving the quota back.", "Everything is taken back.", 1),
    "MarkNeedsOperator": Words("", "An operator is needed.", 1),
    "BeginTermination": Words("Preparing to terminate.", "The application is terminating.", 1),
    "EndApplication": Words("Giving the quota back.", "The application is terminated.", 1),
    "Notify": Words("Telling how it ended.", "The mail is sent.", 1),
}


def record(
    platform: Platform,
    request_id: str,
    step: str,
    status: StepStatus,
    message: str,
    *,
    expected_seconds: int | None = None,
) -> None:
    """Append a line; when that fails it is logged and the step goes on.

    Args:
        expected_seconds: how long the step usually takes, for a line that begins one.
    """
    event = TimelineEvent(
        id=new_id("evt"), request_id=request_id, at=iso(platform.now()), step=step, status=status,
        message=message, expected_seconds=expected_seconds,
    )  # fmt: skip
    try:
        platform.records.record_event(event)
    except AutoprovisionError as error:
        logger.warning(
            "timeline line lost", extra={"requestId": request_id, "step": step, "why": error.reason}
        )


def waiting(platform: Platform, request_id: str, step: str, message: str, seconds: int) -> None:
    """Tell that a step waits for something outside."""
    record(
        platform, request_id, step, StepStatus.WAITING, message, expected_seconds=seconds
    )  # fmt: skip
