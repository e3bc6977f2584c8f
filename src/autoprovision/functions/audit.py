"""EventBridge Scheduler: what drifted, what belongs to nobody, what is held for nothing."""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.usecases.audit import audit

logger = Logger(service="autoprovision")


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point; gives back what was found and mended."""
    done = audit(platform())
    logger.info("audited", extra={"done": done})
    return done
