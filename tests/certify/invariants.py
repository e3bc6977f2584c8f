"""What must be true of the world when everything has come to rest, whatever went wrong before."""

import json
from collections import Counter

from tests.certify import runbooks
from tests.certify.engine import FaultyEngine
from tests.certify.updates import update_is_whole_or_nothing
from tests.certify.world import CertifiedWorld
from tests.workflow.world import ROOT, SECRET

from autoprovision.domain.application import ENDED, STEADY, Application, ApplicationStatus
from autoprovision.domain.quota import HoldState
from autoprovision.domain.request import Request
from autoprovision.usecases import reconcile

_MESSAGES = {
    "provision": {"SUCCEEDED": "provisioned"},
    "update": dict.fromkeys(("FAILED", "CANCELLED", "REJECTED", "EXPIRED"), "update-failed")
    | {"SUCCEEDED": "updated"},
    "terminate": {"SUCCEEDED": "terminated"},
    "operate": dict.fromkeys(("FAILED", "CANCELLED", "REJECTED", "EXPIRED"), "operation-failed")
    | {"SUCCEEDED": "operated"},
}


def violations(
    world: CertifiedWorld, engine: FaultyEngine, *, one_update: bool = True
) -> list[str]:  # fmt: skip
    """Every broken promise, in words; none is the certificate.

    Args:
        one_update: whether the world knows how everything stood before its only update.
    """
    found: list[str] = []
    requests = world.records.requests(None, limit=10_000).items
    applications = world.records.applications(None, limit=10_000).items
    for request in requests:
        found += _request(world, request)
        if request.kind == "update" and one_update:
            found += update_is_whole_or_nothing(world, request)
        if request.kind == "operate":
            found += runbooks.violations(world, request)
    for application in applications:
        found += _application(world, application)
    if _may_be_doubled(engine):
        found = [one for one in found if not one.startswith("mails: ") or ": 2}" not in one]
    found += _nothing_open(world, engine)
    found += _outside(world, list(applications))
    proof = reconcile.prove(world.users.by_email(ROOT).actor(), world)
    found += [f"ledger: {one['kind']} {one['sentence']}" for one in proof["findings"]]
    return found


def _may_be_doubled(engine: FaultyEngine) -> bool:
    """The one exception: the process ended between SES's answer and the mark that it was sent."""
    point = engine.injector.point
    return point is not None and point.place.effect.startswith("ses:mail.sent")


def _request(world: CertifiedWorld, request: Request) -> list[str]:
    found = []
    if not request.is_final:
        found.append(f"status: the request ends as {request.status}")
    if not request.reason or not request.message:
        found.append("status: no reason or no sentence")
    if not world.records.events(request.id, limit=1).items:
        found.append("timeline: empty")
    named = _MESSAGES[request.kind].get(request.status, request.status.lower())
    mails = [one.id.split("#")[1] for one in world.mails() if one.id.startswith(request.id)]
    counted = Counter(one for one in mails if one not in {"approval-requested", "needs-operator"})
    if counted != {named: 1}:
        found.append(f"mails: {dict(counted)} for {request.status}")
    if request.status.value not in {
        detail["status"]
        for _, detail in world.events.published
        if detail["requestId"] == request.id
    }:
        found.append(f"events: none says {request.status}")
    return found


def _application(world: CertifiedWorld, application: Application) -> list[str]:
    found = []
    hold = world.records.hold(application.request_id)
    stack = world.stacks.find(application.stack_id) if application.stack_id else None
    is_up = stack is not None and stack.status in {
        "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"
    }  # fmt: skip
    if application.operation is not None:
        found.append(f"application: {application.operation} still has its lock")
    if application.status in ENDED:
        if hold is not None and hold.state is not HoldState.RELEASED:
            found.append(f"hold: {hold.state} of an application that has ended")
        if stack is not None and stack.status != "DELETE_COMPLETE":
            found.append(f"orphan: the stack is {stack.status}")
        if (application.target_environment, application.application_name) in world.records._names:
            found.append("name: not free")
        return found
    if application.status not in {ApplicationStatus.AVAILABLE, ApplicationStatus.TAINTED}:
        found.append(f"application: it stays {application.status}")
    if not is_up:
        found.append("application: it is said to live, its stack does not")
    if hold is None or hold.state is not HoldState.COMMITTED:
        found.append("hold: not committed for a live application")
    if world.target and not (stack is not None and world.live_release(stack.id)):
        found.append("application: it is said to live, nothing is published")
    return found


def _nothing_open(world: CertifiedWorld, engine: FaultyEngine) -> list[str]:
    found = []
    if world.waits._waits:
        found.append(f"tokens: {len(world.waits._waits)} still wait for a stack")
    if world.approvals.list_open(limit=1).items:
        found.append("questions: one is open")
    if world.approvals.undelivered(limit=1):
        found.append("questions: an answer was never taken")
    running = [key for key, run in engine.runs.items() if run["status"] == "RUNNING"]
    if running:
        found.append(f"executions: {running} still run")
    return found


def _builds(world: CertifiedWorld) -> list[str]:
    """No build runs, no source lies about, and an output only of what was published."""
    found = []
    if any(not one.is_over for one in world.builds.known.values()):
        found.append("builds: one still runs")
    if world.build_files.sources:
        found.append("builds: a source is left")
    of = {one.build_folder: one for one in world.records.requests(None, limit=10_000).items}
    left = [
        folder
        for folder in world.build_files.outputs
        if folder not in of or of[folder].status != "SUCCEEDED"
    ]
    if left:
        found.append(f"builds: {len(left)} outputs are left of requests that failed")
    return found


def _images(world: CertifiedWorld, live: list[Application]) -> list[str]:
    """The image of a service that stands can expire, while it runs."""
    standing = {one.outputs.get("ServiceName") for one in live if one.status in STEADY}
    return [
        f"images: the one that {service} runs is not kept"
        for service, image in world.services.live.items()
        if service in standing
        and world.services.kept.get(service, {}).get("live") != image.rpartition(":")[2]
    ]


def _outside(world: CertifiedWorld, applications: list[Application]) -> list[str]:
    found = []
    live = [one for one in applications if one.status not in ENDED]
    if len(world.stacks.live) > len(live):
        found.append(f"orphan: {len(world.stacks.live)} stacks for {len(live)} applications")
    if len(world.names.kept) > len(live):
        found.append("names: a record is left without its application")
    # What is still being made when its names are withdrawn may come to have some afterwards; the
    # deletion of the stack takes them first.
    withdrawn = {name for deed in world.outside.deeds("withdraw") for name in deed}
    named = {world.stacks.name_of(one) for one in world.stacks.deleted_with_names}
    if named - withdrawn:
        found.append("names: a stack began to go while a name led to it")
    if len(world.sites.live) > len(live):
        found.append("files: some are left in a bucket")
    found += _builds(world)
    if world.services.live and not live:
        found.append("services: containers still run")
    found += _images(world, live)
    if world.functions.kept and not live:
        found.append("releases: some are kept of a function that is gone")
    if len(world.secrets.kept) > len(live):
        found.append("secrets: credentials are left")
    told = json.dumps(
        [[str(one) for one in world.outside.done], [mail.text for mail in world.mails()]]
    )
    if SECRET in told:
        found.append("secrets: the canary was told")
    return found
