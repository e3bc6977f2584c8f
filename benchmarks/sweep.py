"""What a pass of the sweep and of the audit costs with 2,000 applications: calls and seconds.

The platform is the in-memory one with the product's own use cases; every read, write and call of a
port is counted, and what each comes to on AWS follows from its page size. Seconds are this
program's own, without the network: the calls are what a pass costs on AWS.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from autoprovision.domain.application import Application, ApplicationStatus
from autoprovision.domain.clock import iso
from autoprovision.domain.quota import Hold, HoldState, unit_account
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.memory.platform import SETTINGS, MemoryPlatform
from autoprovision.ports import TaggedResource
from autoprovision.steps.sweep import sweep
from autoprovision.usecases.audit import audit
from benchmarks import report

APPLICATIONS, EXPIRING, UNITS = 2000, 40, 20
# Of a site: bucket, distribution; a function or container has more, most have fewer than these.
TAGGED = 6
# Stacks that one DescribeStacks gives, records that one page of ours holds.
STACKS_A_CALL = 100


class Counted:
    """A port that counts what is asked of it."""

    def __init__(self, name: str, port: Any, counts: Counter[str]) -> None:
        self._name, self._port, self._counts = name, port, counts

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._counts[f"{self._name}.{method}"] += 1
            return found(*arguments, **options)

        return call


def filled() -> MemoryPlatform:
    """2,000 applications at rest, a few of them near their end."""
    settings = replace(SETTINGS, domain_name="apps.example", hosted_zone_id="Z1")
    platform = MemoryPlatform(settings=settings)
    at = iso(platform.now())
    for unit in range(UNITS):
        platform.records.set_limit(unit_account(f"u{unit}"), 10**6, by="bench", at=at)
    for number in range(APPLICATIONS):
        _provisioned(platform, number, at)
    return platform


def _provisioned(platform: MemoryPlatform, number: int, at: str) -> None:
    key = f"{number:026d}"
    unit = f"u{number % UNITS}"
    days = 1 if number < EXPIRING else 30
    tags = {"autoprovision:application": f"app_{key}"}
    platform.names.put(f"a{number}.dev.apps.example", "A", "AAAA")
    platform.tagged.found += [
        TaggedResource(f"arn:aws:x:::{key}/{one}", f"app_{key}") for one in range(TAGGED)
    ]
    stack = platform.stacks.complete(platform.stacks.create(f"ap-{number}", tags=tags).id)
    request = Request(
        id=f"req_{key}", status=RequestStatus.SUBMITTED, reason="ACCEPTED", message="",
        application_id=f"app_{key}", application_name=f"a{number}", target_environment="dev",
        business_unit=unit, submitted_by="a@b.c", submitted_by_id="a", submitted_at=at,
        updated_at=at,
    )  # fmt: skip
    application = Application(
        id=f"app_{key}", status=ApplicationStatus.PROVISIONING, reason="", message="",
        application_name=f"a{number}", target_environment="dev", project_type="Static",
        business_unit=unit, owner="a@b.c", owner_id="a", project_email="a@b.c",
        blueprint="static-site", version="1.0.0", blueprint_digest="", monthly_credits=4,
        request_id=request.id, operation=request.id, stack_id=stack.id, created_at=at,
        updated_at=at,
    )  # fmt: skip
    hold = Hold(
        id=request.id, unit=unit, user_id="a", application_id=application.id, credits=4,
        state=HoldState.HELD, expires_at=at, created_at=at, updated_at=at,
    )  # fmt: skip
    platform.records.admit(request, application, hold)
    platform.records.move_request(
        request.id, RequestStatus.PROVISIONING, reason="", message="", at=at,
        expected={RequestStatus.SUBMITTED},
    )  # fmt: skip
    platform.records.succeed(
        request.id, message="", at=at, status=ApplicationStatus.AVAILABLE,
        expires_at=iso(platform.now() + timedelta(days=days)),
    )  # fmt: skip
    platform.records.mark_told(platform.records.request(request.id))


def measured(platform: MemoryPlatform, name: str, one_pass: Callable[[Any], Any]) -> dict[str, Any]:
    """One pass: what it did, the calls it made, and the seconds of its own."""
    counts: Counter[str] = Counter()
    ports = (
        "records", "stacks", "drift", "workflows", "waits", "approvals", "mailer", "operators",
        "names", "tagged", "secrets", "findings", "catalog", "machine_groups",
    )  # fmt: skip
    whole = {port: getattr(platform, port) for port in ports}
    for port in ports:
        setattr(platform, port, Counted(port, whole[port], counts))
    begun = time.perf_counter()
    done = one_pass(platform)
    seconds = time.perf_counter() - begun
    for port in ports:
        setattr(platform, port, whole[port])
    # One listing of all stacks is a page of CloudFormation's for every hundred of them.
    listings = counts.get("stacks.ours", 0)
    calls = sum(counts.values()) + listings * (APPLICATIONS // STACKS_A_CALL - 1)
    return {
        "pass": name, "apiCalls": calls, "ownSeconds": round(seconds, 2), "did": done,
        "byCall": dict(sorted(counts.items())),
    }  # fmt: skip


def main() -> None:
    """Measure two passes of each and write the result."""
    platform = filled()
    passes = [
        measured(platform, "sweep, with reminders due", sweep),
        measured(platform, "sweep, nothing due", sweep),
        measured(platform, "audit, detections begun", audit),
        measured(platform, "audit, detections read", audit),
    ]
    kinds = sorted({name for one in passes for name in one["byCall"]})
    about = (
        f"{APPLICATIONS:,} applications at rest, {EXPIRING} of them near their end, each with "
        f"{TAGGED} tagged resources and one name. Calls of ports; one listing of all stacks "
        f"counts as a call for every {STACKS_A_CALL} of them. Seconds are the program's own, "
        "without the network. A pass of the audit begins or reads 100 drift detections, so each "
        f"application is looked at every {APPLICATIONS * 2 // 100} hours."
    )
    rows = [(one["pass"], f"{one['apiCalls']:,}", one["ownSeconds"], one["did"]) for one in passes]
    calls = [(kind, *(one["byCall"].get(kind, 0) for one in passes)) for kind in kinds]
    parts = [
        about, report.table(("pass", "calls", "seconds", "did"), rows), "## By call",
        report.table(("call", *(one["pass"] for one in passes)), calls),
    ]  # fmt: skip
    report.write("sweep", "What does a pass over 2,000 applications cost?", parts)


if __name__ == "__main__":
    main()
