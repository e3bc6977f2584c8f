"""Groups that do not look after their machines although no operation works on them.

A runbook suspends health checks and replacing while machines restart, and resumes them however it
ends. When Systems Manager itself fails in between, nobody resumes them: what the runbook of an
operation that has ended left so is resumed here. What somebody else has suspended is told, and
stays: there may be a reason for it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from autoprovision.domain.application import ENDED, Application
from autoprovision.domain.errors import AutoprovisionError, ConflictError, NotFoundError
from autoprovision.domain.finding import FindingKind, Found
from autoprovision.domain.operation import SUSPENDED_BY_RUNBOOKS, Automation, MachineGroup
from autoprovision.domain.request import Request
from autoprovision.ports import Platform
from autoprovision.usecases.looks import Look, Pages
from autoprovision.usecases.timeline import note

KIND = FindingKind.GROUP_SUSPENDED
# Of one unit, newest first: an operation that left a group so is not long ago.
_MOST_PAGES_OF_REQUESTS = 5
_MOST_OPERATIONS = 20
_BY_NOBODY = "no operation has left it so, so somebody has suspended it."


class Resumed(NamedTuple):
    """What came of looking after a group.

    Attributes:
        processes: what it does again.
        why_not: in a sentence why it does not do the rest.
    """

    processes: frozenset[str]
    why_not: str


def look_after_groups(applications: Sequence[Application], platform: Platform) -> tuple[Look, int]:
    """Resume what our own runbooks have left suspended, and find the rest.

    Returns:
        What was found, and how many groups do again what they had been kept from.
    """
    ours = {one.id for one in applications if one.status not in ENDED}
    pages, found, mended = Pages(), [], 0
    for listed in pages.of(platform.machine_groups.list):
        if not listed.suspended or listed.application_id not in ours:
            continue
        seen = _at_rest(listed, platform)
        if seen is None:
            continue
        application, group = seen
        done = _resume(application, group, platform)
        if done is None:
            continue  # somebody changes the application now; the next pass looks again
        mended += bool(done.processes)
        left = [one for one in group.suspended if one not in done.processes]
        if left:
            found.append(_found(application, group, left, done.why_not))
    return Look(found, frozenset({KIND} if pages.whole else ())), mended


def _at_rest(listed: MachineGroup, platform: Platform) -> tuple[Application, MachineGroup] | None:
    """The application and its group, both as they are now, if it is true that nothing is done.

    The lists are some moments old; an operation may have begun or ended since.
    """
    try:
        application = platform.records.application(listed.application_id)
    except NotFoundError:
        return None
    if application.operation or application.status in ENDED:
        return None
    group = platform.machine_groups.read(listed.name)
    return (application, group) if group is not None and group.suspended else None


def _resume(application: Application, group: MachineGroup, platform: Platform) -> Resumed | None:
    """Let the group do what our runbook has kept it from. None: somebody changes it now.

    Only what was suspended while it ran: what was so before or since has somebody else's reason.
    """
    candidates = SUSPENDED_BY_RUNBOOKS.intersection(group.suspended)
    request, ran = (_left_by(application, platform) if candidates else None) or (None, None)
    ours = frozenset(
        one for one in candidates if ran and ran.was_under_way(group.since.get(one, ""))
    )
    if request is None or not ours:
        current = platform.records.application(application.id)
        is_same = current.version_number == application.version_number
        return Resumed(frozenset(), _BY_NOBODY) if is_same else None
    resume = partial(platform.machine_groups.resume, group.name, ours)
    try:
        refused = _while_locked(application, request, resume, platform)
    except ConflictError:
        return None
    if refused:
        return Resumed(
            frozenset(), f"{request.id} has left it so, and it is not resumed: {refused}"
        )
    again = f"{group.name} does {', '.join(sorted(ours))} again, which its runbook had not resumed."
    note(platform, request.id, "Audit", again)
    return Resumed(ours, _BY_NOBODY)


def _left_by(
    application: Application, platform: Platform
) -> tuple[Request, Automation] | None:  # fmt: skip
    """Whose runbook was the last to suspend, if it has ended and did not resume; its execution."""
    for number, request in enumerate(_operations_of(application, platform)):
        if number == _MOST_OPERATIONS:
            return None
        ran = platform.automations.read(request.automation_id or "")
        if ran is None:
            return None  # Systems Manager has forgotten it: nobody knows what it did
        if ran.has_suspended:
            ended = request.is_final and ran.is_over
            return (request, ran) if ended and not ran.has_resumed else None
    return None


def _operations_of(application: Application, platform: Platform) -> Iterator[Request]:
    """Its operations that came to a runbook, newest first."""
    read = partial(platform.records.requests, {application.business_unit})
    for request in Pages(_MOST_PAGES_OF_REQUESTS).of(read):
        is_its_own = request.application_id == application.id
        if is_its_own and request.kind == "operate" and request.automation_id:
            yield request


def _while_locked(
    application: Application, request: Request, deed: Callable[[], None], platform: Platform
) -> str:
    """Do something that no operation may come into, under the lock of the one that has ended.

    An operation that began meanwhile would go on without what it has just suspended. If this dies
    in between, the lock is one that its request has left: the next pass frees it.

    Returns:
        Why it was not done; empty when it was.

    Raises:
        ConflictError: somebody changes the application.
    """
    records = platform.records
    locked = records.patch_application(
        application.id, expected_version=application.version_number, operation=request.id
    )
    try:
        deed()
    except AutoprovisionError as error:
        refused = error.message
    else:
        refused = ""
    # Where this fails the lock stays, for the next pass to free.
    with suppress(AutoprovisionError):
        records.patch_application(
            application.id, expected_version=locked.version_number, operation=None
        )
    return refused


def _found(application: Application, group: MachineGroup, left: Sequence[str], why: str) -> Found:
    name = f"{application.application_name} ({application.target_environment})"
    sentence = f"The group of {name} does not do {', '.join(left)}, and no operation runs: {why}"
    return Found(KIND, group.name, sentence)
