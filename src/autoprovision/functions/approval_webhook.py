"""EventBridge `ApprovalRequested`: the question, posted to the operators' webhook."""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.usecases.chat import tell_question

logger = Logger(service="autoprovision")


def handler(event: dict[str, Any], _context: object) -> dict[str, bool]:
    """Lambda entry point; what fails is tried again by Lambda, then kept as a dead letter."""
    detail = event["detail"]
    tell_question(detail, platform())
    logger.info("question posted", extra={"requestId": detail.get("requestId")})
    return {"posted": True}
