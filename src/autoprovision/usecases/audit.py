"""The audit: what drifted, what belongs to nobody, what is held for nothing. Slow, whole, bounded.

The sweep looks after what is under way; the audit looks at everything at rest. Each pass reads all
applications and holds page by page and all stacks in pages of CloudFormation's, and begins and
reads a bounded number of drift detections, the longest unlooked-at first. It mends only what cannot
do harm: a lock whose request has ended. The rest is told to operators until it is gone.
"""

from collections.abc import Iterator
from typing import Any

from autoprovision.domain.actor import Actor, Role
from autoprovision.domain.application import STEADY, Application
from autoprovision.domain.clock import iso
from autoprovision.domain.drift import Drift
from autoprovision.domain.errors import AutoprovisionError, NotFoundError
from autoprovision.ports import Platform
from autoprovision.usecases.applications import within_reach
from autoprovision.usecases.reconcile import prove
from autoprovision.usecases.timeline import note

_PAGE = 100
# Calls of CloudFormation a pass: one begins a detection, two or more read one.
_MOST_DETECTIONS = 100
_OPERATOR = Actor(id="autoprovision", email="autoprovision", role=Role.ADMIN)
_MOST_TOLD = 20


def audit(platform: Platform) -> dict[str, Any]:
    """One pass.

    Returns:
        `freed` locks, `begun` and `read` detections, how many applications have `drifted` now, and
        the `findings` of the proof.
    """
    resting: list[Application] = []
    freed = 0
    for application in _applications(platform):
        if application.operation and _is_over(application.operation, platform):
            freed += _free(application, platform)
        elif application.status in STEADY and application.stack_id and not application.operation:
            resting.append(application)
    counted = _look_for_drift(resting, platform)
    findings = prove(_OPERATOR, platform)["findings"]
    if findings:
        lines = [f"{one['kind']} {one['subject']}: {one['sentence']}" for one in findings]
        told = "\n".join(lines[:_MOST_TOLD])
        platform.operators.tell(f"{len(findings)} findings of the audit", told)
    return {"freed": freed, **counted, "findings": findings}


def _applications(platform: Platform) -> Iterator[Application]:
    after: str | None = None
    while True:
        page = platform.records.applications(None, limit=_PAGE, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def _is_over(request_id: str, platform: Platform) -> bool:
    """Whether the request that holds the lock has ended; ends free it, so this is a crash's."""
    try:
        return platform.records.request(request_id).is_final
    except NotFoundError:
        return True


def _free(application: Application, platform: Platform) -> int:
    try:
        platform.records.patch_application(
            application.id, expected_version=application.version_number, operation=None
        )
    except AutoprovisionError:
        return 0  # somebody wrote in between; the next pass looks again
    note(platform, application.request_id, "Audit", "A lock that its request had left is freed.")
    return 1


def _look_for_drift(resting: list[Application], platform: Platform) -> dict[str, int]:
    counted = {"begun": 0, "read": 0, "drifted": 0}
    oldest_first = sorted(resting, key=lambda one: one.drift_checked_at or "")
    for application in oldest_first[:_MOST_DETECTIONS]:
        stack_id = application.stack_id or ""
        if application.drift_detection is None:
            detection = platform.drift.begin(stack_id)
            changes: dict[str, Any] = {"drift_detection": detection}
            if detection is None:
                changes["drift_checked_at"] = iso(platform.now())
            counted["begun"] += detection is not None
        else:
            found = platform.drift.result(stack_id, application.drift_detection)
            if found is None:
                continue
            _tell_drift(application, found, platform)
            changes = {
                "drift": found, "drift_detection": None, "drift_checked_at": iso(platform.now()),
            }  # fmt: skip
            counted["read"] += 1
            counted["drifted"] += found.status == "DRIFTED"
        platform.records.patch_application(application.id, **changes)
    return counted


def _tell_drift(application: Application, found: Drift, platform: Platform) -> None:
    """Operators hear of drift when it is not the one they know."""
    if found.status != "DRIFTED" or found == application.drift:
        return
    lines = [
        f"{one.resource}{one.path}: {one.change} {one.expected} -> {one.actual}"
        for one in found.differences
    ]
    platform.operators.tell(
        f"{application.application_name} ({application.target_environment}) was changed by hand",
        "\n".join([application.id, *lines]),
    )


def drift_of(actor: Actor, application_id: str, platform: Platform) -> dict[str, Any]:
    """What the last detection found of an application's stack.

    Returns:
        `{status, reason, differences, checkedAt}`; status NOT_CHECKED before the first one.
    """
    application = within_reach(actor, "application.show", application_id, platform)
    found = application.drift or Drift(status="NOT_CHECKED")
    return {
        **found.model_dump(mode="json", by_alias=True),
        "checkedAt": application.drift_checked_at,
    }
