"""EventBridge "EC2 Automation Execution Status-change Notification": a runbook has moved.

The event's own words are not believed: they come late, twice and in any order. The execution is
read.
"""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.domain.errors import NotFoundError
from autoprovision.steps.operation import settle_automation

logger = Logger(service="autoprovision")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point; executions that are nobody's are ignored."""
    automation_id = str(event.get("detail", {}).get("ExecutionId", ""))
    if not automation_id:
        return {"settled": False}
    try:
        settled = settle_automation(automation_id, platform())
    except NotFoundError:  # of another platform's request
        settled = False
    logger.info("automation event", extra={"automationId": automation_id, "settled": settled})
    return {"settled": settled}
