"""EventBridge "CodeBuild Build State Change" and "… Phase Change": hints that a build has moved.

The event's own words are not believed: they come late, twice and in any order. The build is read.
"""

from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.steps.build import note_phase, settle_build

logger = Logger(service="autoprovision")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point; builds that nobody waits for are ignored."""
    detail = event.get("detail", {})
    build_id = str(detail.get("build-id", "")).rpartition("build/")[2]
    if not build_id:
        return {"told": False, "settled": False}
    phase = str(detail.get("completed-phase", ""))
    told = note_phase(build_id, phase, platform()) if phase else False
    settled = settle_build(build_id, platform()) if "build-status" in detail else False
    logger.info("build event", extra={"buildId": build_id, "phase": phase, "settled": settled})
    return {"told": told, "settled": settled}
