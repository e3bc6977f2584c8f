"""The execution of an operation's runbook: found, and whoever waits for it woken."""

from autoprovision.domain.operation import Automation
from autoprovision.domain.request import Request
from autoprovision.ports import Platform


def wake_runbook(request: Request, platform: Platform, cause: str) -> None:
    """A runbook carries the token by which its workflow waits; it may wait by a later one too."""
    found = started(request, platform)
    if found is None:
        return
    later = platform.waits.of_request(request.id, found.id)
    for token in filter(None, (later, found.token)):
        platform.workflows.fail(token, "Cancelled", cause)


def started(request: Request, platform: Platform) -> Automation | None:
    """The execution of an operation's runbook, by its id or by the request that it carries."""
    if request.automation_id:
        return platform.automations.read(request.automation_id)
    declared = platform.catalog.version(
        request.plan.blueprint if request.plan else "", request.plan.version if request.plan else ""
    ).manifest.operations[request.operation or ""]
    return platform.automations.find(
        request.id, runbook=declared.runbook, since=request.submitted_at
    )
