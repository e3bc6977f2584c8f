"""SQS queue of approvals: opens each question; a message that fails comes again, alone."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.usecases.approval_questions import open_question

logger = Logger(service="autoprovision")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point; reports each message that failed (`ReportBatchItemFailures`)."""
    failed = [one["messageId"] for one in event["Records"] if not _opened(one)]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _opened(record: dict[str, Any]) -> bool:
    """Whether the message was dealt with. Its body holds a task token, so it is never logged."""
    try:
        body = json.loads(record["body"])
        open_question(
            body["requestId"], body["planDigest"], body["taskToken"], platform(),
            expires_at=body["expiresAt"],
        )  # fmt: skip
    except AutoprovisionError as error:
        logger.warning("question not opened", extra={"why": error.reason})
        return False
    except Exception as error:  # noqa: BLE001 - one bad message must not hold up the others
        logger.error("question not opened", extra={"type": type(error).__name__})  # noqa: TRY400
        return False
    return True
