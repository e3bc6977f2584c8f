"""S3 object created under `intake/`: the same admission as the API's."""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.domain.errors import NotAuthenticatedError
from autoprovision.usecases import uploads

logger = Logger(service="intake")


def handler(event: dict[str, Any], _context: object) -> None:
    """Lambda entry point for EventBridge's "Object Created" of S3, whose keys are not encoded.

    A failure is tried again by EventBridge and Lambda and then kept in the dead letter queue.
    """
    key = event["detail"]["object"]["key"]
    try:
        request = uploads.take_in(key, platform())
    except NotAuthenticatedError:
        # Nobody to answer: the prefix is not that of an active user.
        logger.warning("upload without a user", extra={"key": key})
        return
    if request is not None:
        logger.info("taken in", extra={"requestId": request.id, "status": request.status})
