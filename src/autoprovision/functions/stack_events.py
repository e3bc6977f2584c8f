"""EventBridge "CloudFormation Stack Status Change": a hint that a stack may be at its end.

The event's own words are not believed: they come late, twice and in any order. The stack is read.
"""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.steps.stack import settle

logger = Logger(service="autoprovision")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point; stacks that nobody waits for are ignored."""
    stack_id = str(event.get("detail", {}).get("stack-id", ""))
    if not stack_id:
        return {"settled": False}
    settled = settle(stack_id, platform())
    logger.info("stack event", extra={"stackId": stack_id, "settled": settled})
    return {"settled": settled}
