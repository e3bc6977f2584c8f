"""EventBridge Scheduler: what no event told and no caller finished."""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.steps.sweep import sweep

logger = Logger(service="autoprovision")


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Lambda entry point; gives back what was done, in counts."""
    done = sweep(platform())
    logger.info("swept", extra={"done": done})
    return done
