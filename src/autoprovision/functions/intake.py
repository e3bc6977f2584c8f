"""S3 object created under `intake/`: the same admission as the API's."""

from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.domain.errors import NotAuthenticatedError
from autoprovision.usecases import uploads

logger = Logger(service="intake")


def handler(event: dict[str, Any], _context: object) -> None:
    """Lambda entry point for S3 notifications; a failure is retried and then kept in the DLQ."""
    for record in event["Records"]:
        key = unquote_plus(record["s3"]["object"]["key"])
        try:
            request = uploads.take_in(key, platform())
        except NotAuthenticatedError:
            # Nobody to answer: the prefix is not that of an active user.
            logger.warning("upload without a user", extra={"key": key})
            continue
        if request is not None:
            logger.info("taken in", extra={"requestId": request.id, "status": request.status})
