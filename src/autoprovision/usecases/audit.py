"""The audit: what drifted, what belongs to nobody, what is held for nothing. Slow, whole, bounded.

The sweep looks after what is under way; the audit looks at everything at rest. Each pass reads all
applications and holds page by page and all stacks in pages of CloudFormation's, and begins and
reads a bounded number of drift detections, the longest unlooked-at first. It mends only what cannot
do harm: a lock whose request has ended, credentials that nobody can use any more, a group that a
runbook left suspended. The rest is a finding: kept, told to operators once, and closed by the pass
that does not see it any more.
"""

from collections.abc import Iterator
from typing import Any

from autoprovision.domain.actor import Actor, Role
from autoprovision.domain.application import ENDED, STEADY, Application
from autoprovision.domain.clock import iso
from autoprovision.domain.drift import Drift
from autoprovision.domain.errors import AutoprovisionError, NotFoundError
from autoprovision.domain.finding import LEFT_ON_PURPOSE, FindingKind, Found
from autoprovision.ports import Platform
from autoprovision.usecases import leftovers
from autoprovision.usecases.applications import within_reach
from autoprovision.usecases.findings import remember
from autoprovision.usecases.reconcile import prove
from autoprovision.usecases.suspended_groups import KIND, look_after_groups
from autoprovision.usecases.timeline import note

_PAGE = 100
# Calls of CloudFormation a pass: one begins a detection, two or more read one.
_MOST_DETECTIONS = 100
_OPERATOR = Actor(id="autoprovision", email="autoprovision", role=Role.ADMIN)
_MOST_SENTENCE = 2000
# Kinds that every pass looks for to the end, whatever bounds the other looks come to.
_ALWAYS = frozenset(FindingKind) - LEFT_ON_PURPOSE - leftovers.BOUNDED - {KIND}


def audit(platform: Platform) -> dict[str, Any]:
    """One pass.

    Returns:
        `freed` locks, `resumed` groups, `begun` and `read` detections, how many applications have
        `drifted` now, how many things were `found`, by kind, and the `news` among them, which
        operators were told.
    """
    applications: list[Application] = []
    freed = 0
    for application in _applications(platform):
        if application.operation and _is_over(application.operation, platform):
            freed += _free(application, platform)
        applications.append(application)
    counted, applications = _look_for_drift(applications, platform)
    proof = prove(_OPERATOR, platform)["findings"]
    found = [Found(FindingKind(one["kind"]), one["subject"], one["sentence"]) for one in proof]
    found += [one for application in applications for one in _drift_found(application)]
    seen = leftovers.look(applications, platform)
    suspended, resumed = look_after_groups(applications, platform)
    found += [*seen.found, *suspended.found]
    news = remember(found, _ALWAYS | seen.looked_for | suspended.looked_for, platform)
    return {
        "freed": freed, "resumed": resumed, **counted, "found": leftovers.summary(found),
        "news": [one.id for one in news],
    }  # fmt: skip


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


def _look_for_drift(
    applications: list[Application], platform: Platform
) -> tuple[dict[str, int], list[Application]]:
    """Begin and read detections; gives the applications as they are afterwards."""
    counted = {"begun": 0, "read": 0, "drifted": 0}
    now = {one.id: one for one in applications}
    resting = [
        one for one in applications if one.status in STEADY and one.stack_id and not one.operation
    ]
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
            changes = {
                "drift": found, "drift_detection": None, "drift_checked_at": iso(platform.now()),
            }  # fmt: skip
            counted["read"] += 1
            counted["drifted"] += found.status == "DRIFTED"
        now[application.id] = platform.records.patch_application(application.id, **changes)
    return counted, list(now.values())


def _drift_found(application: Application) -> list[Found]:
    """What the last detection has found of an application that lives."""
    drift = application.drift
    if drift is None or application.status in ENDED:
        return []
    name = f"{application.application_name} ({application.target_environment})"
    if drift.status == "DRIFTED":
        lines = [
            f"{one.resource}{one.path}: {one.change} {one.expected} -> {one.actual}"
            for one in drift.differences
        ]
        sentence = f"{name} was changed by hand: {'; '.join(lines)}."[:_MOST_SENTENCE]
        return [Found(FindingKind.DRIFTED, application.id, sentence)]
    if drift.status == "UNKNOWN" and drift.reason:
        sentence = f"The drift of {name} cannot be seen: {drift.reason}"[:_MOST_SENTENCE]
        return [Found(FindingKind.DRIFT_UNKNOWN, application.id, sentence)]
    return []


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
