"""Operations: what an application's blueprint lets its people do with its machines.

An operation costs nothing and holds nothing. It takes the application's lock, so that nothing else
changes it meanwhile, and a runbook of Systems Manager does it.
"""

from typing import Any

from autoprovision.domain.actor import Actor
from autoprovision.domain.application import STEADY, Application
from autoprovision.domain.blueprint import PublishedBlueprint
from autoprovision.domain.canonical import digest
from autoprovision.domain.declared_operation import DeclaredOperation
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import ConflictError, Fault, InvalidInputError
from autoprovision.domain.operation import DiagnosticFile, Machine, checked
from autoprovision.domain.plan import Plan, QuotaView
from autoprovision.domain.policy import PolicyFacts, evaluate
from autoprovision.domain.policy_facts import Operation
from autoprovision.domain.quota import unit_account
from autoprovision.domain.request import Request
from autoprovision.ports import Platform
from autoprovision.usecases import requests
from autoprovision.usecases.applications import begun_before, change_request, within_reach
from autoprovision.usecases.plans import basis_of, refuse_by_policy
from autoprovision.usecases.timeline import note

_SCRIPT = "script"


def folder_of(request: Request) -> str:
    """Where the files of an operation are; an application's machines reach its own only."""
    return f"{request.application_id}/{request.id}"


def offered(actor: Actor, application_id: str, platform: Platform) -> dict[str, Any]:
    """What can be done with an application, and on how many machines.

    Returns:
        `items`: an operation each, with its parameters; `machines`: id and whether it answers.
    """
    application = within_reach(actor, "application.operations", application_id, platform)
    declared = _published(application, platform).manifest.operations
    machines = platform.machines.of(application.id) if declared else ()
    return {
        "items": [{"operation": name, **one.document()} for name, one in sorted(declared.items())],
        "machines": [one.document() for one in machines],
        "next": None,
    }


def _published(application: Application, platform: Platform) -> PublishedBlueprint:
    """An application stays on its blueprint's version until it is upgraded."""
    return platform.catalog.version(application.blueprint, application.version)


def operate(
    actor: Actor, application_id: str, name: str, parameters: dict[str, Any], platform: Platform,
    *, request_id: str,
) -> Request:  # fmt: skip
    """Accept an operation: its request and the application's lock, or nothing.

    Raises:
        InvalidInputError: every fault named.
        ConflictError: code WRONG_STATUS, NO_MACHINES, OPERATION_IN_PROGRESS or REFUSED_BY_POLICY.
    """
    application = within_reach(actor, "application.operate", application_id, platform)
    accepted = begun_before(request_id, platform)
    if accepted is None:
        published = _published(application, platform)
        declared = _declared(published, name)
        values = checked(declared, parameters)
        if application.status not in STEADY:
            raise ConflictError(
                f"The application is {application.status}; nothing can be done with it now.",
                code="WRONG_STATUS", status=application.status.value,
            )  # fmt: skip
        online = reachable(application, platform)
        plan, facts = _plan(application, published, name, declared, values, platform)
        refuse_by_policy(plan)
        accepted = change_request(
            actor, application, "operate", platform, request_id=request_id
        ).with_(
            operation=name, template={"operation": name, "parameters": values}, plan=plan,
            facts=facts.document(), instances=tuple(one.id for one in online),
            message=f"Accepted: {name} on {len(online)} of {application.application_name}.",
        )  # fmt: skip
        platform.records.admit(accepted, None, None)
        note(platform, request_id, "Admission", _admission(actor, declared, online))
    requests.start(accepted, platform)
    return accepted


def _declared(published: PublishedBlueprint, name: str) -> DeclaredOperation:
    known = published.manifest.operations
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        sentence = f"{published.manifest.id} has no operation {name!r}; there are: {there}."
        raise InvalidInputError([Fault(pointer("operation"), sentence, "UNKNOWN_OPERATION")])
    return known[name]


def _admission(actor: Actor, declared: DeclaredOperation, online: tuple[Machine, ...]) -> str:
    where = ", ".join(one.id for one in online)
    said = f"{actor.email} asked for: {declared.title}, on {where}."
    return f"{said} {declared.warning}" if declared.warning else said


def reachable(application: Application, platform: Platform) -> tuple[Machine, ...]:
    """The machines of an application whose agent answers.

    Raises:
        ConflictError: code NO_MACHINES, there are none.
    """
    found = platform.machines.of(application.id)
    online = tuple(one for one in found if one.online)
    if not online:
        there = (
            f"None of its machines ({', '.join(one.id for one in found)}) answers to Systems "
            "Manager now."
            if found
            else "Systems Manager knows no machine of it: it was made before machines were "
            "managed, or is still starting."
        )
        raise ConflictError(there, code="NO_MACHINES")
    return online


def planned_parameters(
    name: str, declared: DeclaredOperation, values: dict[str, str]
) -> dict[str, str]:
    """What of an operation stands in its plan: a script by its digest, all else as it is."""
    shown = {
        key: digest({"script": value}) if declared.parameters[key].type == _SCRIPT else value
        for key, value in values.items()
    }
    return {"operation": name, **shown}


def _plan(
    application: Application, published: PublishedBlueprint, name: str,
    declared: DeclaredOperation, values: dict[str, str], platform: Platform,
) -> tuple[Plan, PolicyFacts]:  # fmt: skip
    """What a person approves: this operation with these parameters, by today's policy."""
    policy = platform.catalog.policy()
    balance = platform.records.balance(unit_account(application.business_unit))
    facts = PolicyFacts(
        operation=Operation.OPERATE, environment=application.target_environment,
        business_unit=application.business_unit, blueprint=application.blueprint,
        project_type=application.project_type, monthly_credits=0, runbook=declared.runbook,
        at=platform.now(),
    )  # fmt: skip
    plan = Plan.sealed(
        blueprint=application.blueprint, version=application.version,
        blueprint_digest=published.digest, template_url=published.template_url,
        role_arn=published.role_arn, parameters=planned_parameters(name, declared, values),
        # The application goes on holding what it holds.
        monthly_credits=application.monthly_credits, price_lines=(),
        approval=evaluate(policy, facts).for_plan(),
        basis=basis_of(published, application.monthly_credits, policy),
        quota=QuotaView(
            limit=balance.limit, used=balance.committed, held=balance.held,
            left=None if balance.limit is None else balance.free,
        ),
        warnings=(declared.warning,) if declared.warning else (),
    )  # fmt: skip
    return plan, facts


def diagnostics(actor: Actor, request_id: str, platform: Platform) -> list[DiagnosticFile]:
    """What an operation's machines brought, with addresses that work for five minutes.

    Raises:
        NotFoundError: there is no such request within reach.
    """
    request = requests.within_reach(actor, "request.diagnostics", request_id, platform)
    if request.kind != "operate":
        return []
    return platform.operation_files.diagnostics(folder_of(request))
