"""What outlives a stack: recorded when its application ends, so that somebody knows of it.

Three things do: what an operator left behind because it could not be deleted, what the template
keeps (`DeletionPolicy`), and what AWS keeps of a resource because the template asks for it, such as
the backups of a database. The blueprint's `keeps` says the last in words, before and afterwards.
"""

import math
from decimal import Decimal

from autoprovision.domain.application import Application
from autoprovision.domain.errors import NotFoundError
from autoprovision.domain.finding import FindingKind, LeftResource
from autoprovision.domain.names import is_below
from autoprovision.domain.request import Request, TargetEnvironment
from autoprovision.domain.stack import StackResource
from autoprovision.ports import Platform
from autoprovision.usecases.findings import leave

_SKIPPED, _RECORD = "DELETE_SKIPPED", "AWS::Route53::RecordSet"
_TEMPLATE = "Its blueprint's template keeps it."


def record_left(request: Request, application: Application, platform: Platform) -> str:
    """Record what outlives the application's stack; recording it again changes nothing.

    Returns:
        A sentence that tells the people what is kept and where, or nothing.
    """
    if application.stack_id is None:
        return ""
    keeps = _keeps(application, platform)
    told = []
    for one in platform.stacks.ended(application.stack_id):
        skipped = one.status == _SKIPPED and not _is_gone_record(one, request, platform)
        if skipped:
            kind, why = _reason(one, request)
            _leave(kind, why, one, request, application, platform)
            told.append(f"{one.logical_id} ({one.physical_id})")
        elif one.logical_id in keeps:
            why = f"It is {keeps[one.logical_id]}."
            _leave(FindingKind.KEPT, why, one, request, application, platform)
            told.append(f"of {one.logical_id} ({one.physical_id}) {keeps[one.logical_id]}")
    return f"Kept: {'; '.join(sorted(told))}." if told else ""


def _keeps(application: Application, platform: Platform) -> dict[str, str]:
    try:
        version = platform.catalog.version(application.blueprint, application.version)
    except NotFoundError:
        return {}
    environment = TargetEnvironment(application.target_environment)
    topology = version.manifest.topologies.get(environment)
    return topology.keeps if topology else {}


def _is_gone_record(one: StackResource, request: Request, platform: Platform) -> bool:
    """A record that WithdrawNames had verified gone is left in CloudFormation's words only."""
    ours = is_below(one.physical_id or "", platform.settings.domain_name)
    return one.type == _RECORD and ours and one.logical_id not in request.retain


def _reason(one: StackResource, request: Request) -> tuple[FindingKind, str]:
    if one.logical_id in request.retain:
        return FindingKind.RETAINED, request.retain[one.logical_id]
    return FindingKind.KEPT, _TEMPLATE


def _leave(
    kind: FindingKind, why: str, one: StackResource, request: Request, application: Application,
    platform: Platform,
) -> None:  # fmt: skip
    retained = kind is FindingKind.RETAINED
    left = LeftResource(
        type=one.type, physical_id=one.physical_id or one.logical_id, logical_id=one.logical_id,
        stack_id=application.stack_id or "", application_id=application.id,
        application_name=application.application_name, business_unit=application.business_unit,
        request_id=request.id, why=why,
        by=(request.retained_by or "") if retained else application.blueprint,
        monthly_credits=_credits(one, application, platform) if one.status == _SKIPPED else None,
    )  # fmt: skip
    leave(kind, left, platform)


def _credits(one: StackResource, application: Application, platform: Platform) -> int | None:
    """What the plan reckoned for the resource, rounded up; None when it has no line."""
    try:
        plan = platform.records.request(application.request_id).plan
    except NotFoundError:
        return None
    lines = [line for line in plan.price_lines if line.resource == one.logical_id] if plan else []
    if not lines:
        return None
    return math.ceil(sum(Decimal(line.monthly_cents) for line in lines))
