"""The table of operations: route, body, answer and status, in one place.

API Gateway matches the route and hands over its key, so there is no router here. `infra/app.yaml`
and the OpenAPI document are held against this table by tests.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from autoprovision.domain.document import parse_json_object
from autoprovision.domain.policy import Policy
from autoprovision.domain.request import RequestTemplate
from autoprovision.functions import bodies, finding_answers, operation_routes
from autoprovision.functions.call import Answer, Call, cursor, listed
from autoprovision.usecases import (
    applications,
    approvals,
    audit,
    blueprints,
    business_units,
    cancellation,
    delegations,
    plans,
    policies,
    reconcile,
    requests,
    resumption,
    rosters,
    submission,
    terminations,
    updates,
    uploads,
    users,
)

_POLICY = 256 * 1024


@dataclass(frozen=True)
class Operation:
    """One operation of the API.

    Attributes:
        name: the operation in `domain.actor.AUTHORIZATION`.
        summary: one line for the OpenAPI document.
        status: the status of success.
        refusals: statuses that it can be refused with, beyond 400, 401, 403, 404 and 429.
        repeatable: whether an Idempotency-Key counts.
    """

    name: str
    summary: str
    run: Callable[[Call], Answer]
    status: int = 200
    body: type[BaseModel] | None = None
    answer: str = "object"
    paged: bool = False
    refusals: tuple[int, ...] = ()
    repeatable: bool = False


def _plan(call: Call) -> Answer:
    return Answer(200, plans.make(call.actor, call.document(), call.platform).shown())


def _submit(call: Call) -> Answer:
    request = submission.submit(
        call.actor, call.document(), call.platform, request_id=f"req_{call.operation_id}"
    )
    return Answer(202, request.shown(), {"Location": f"/requests/{request.id}"})


def _list_requests(call: Call) -> Answer:
    page = requests.list_requests(
        call.actor,
        call.platform,
        limit=call.limit(),
        after=call.after_id("requests"),
        unit=call.query.get("unit"),
    )
    return listed("requests", page, lambda request: request.shown())


def _show_request(call: Call) -> Answer:
    return Answer(200, requests.show(call.actor, call.path["id"], call.platform).shown())


def _events(call: Call) -> Answer:
    name = f"events:{call.path['id']}"
    page = requests.events(
        call.actor, call.path["id"], call.platform, limit=call.limit(), after=call.after_id(name)
    )
    return listed(name, page, lambda event: event.document())


def _cancel(call: Call) -> Answer:
    return Answer(202, cancellation.cancel(call.actor, call.path["id"], call.platform).shown())


def _resume(call: Call) -> Answer:
    body = call.read(bodies.Resumption) if call.body.strip() else bodies.Resumption()
    request = resumption.resume(
        call.actor, call.path["id"], call.platform, retain=body.retain, comment=body.comment
    )
    return Answer(202, request.shown())


def _resubmit(call: Call) -> Answer:
    request = submission.resubmit(
        call.actor,
        call.path["id"],
        call.document() if call.body.strip() else {},
        call.platform,
        new_request_id=f"req_{call.operation_id}",
    )
    return Answer(202, request.shown(), {"Location": f"/requests/{request.id}"})


def _show_policy(call: Call) -> Answer:
    return Answer(200, policies.show(call.actor, call.platform))


def _test_policy(call: Call) -> Answer:
    replay = policies.test(call.actor, parse_json_object(call.body, limit=_POLICY), call.platform)
    return Answer(200, replay.document())


def _publish_policy(call: Call) -> Answer:
    document = parse_json_object(call.body, limit=_POLICY)
    return Answer(200, policies.publish(call.actor, document, call.platform))


def _upload(call: Call) -> Answer:
    return Answer(201, uploads.presign(call.actor, call.platform))


def _list_approvals(call: Call) -> Answer:
    page = approvals.list_approvals(
        call.actor, call.platform, limit=call.limit(), after=call.after_id("approvals")
    )
    return listed("approvals", page, lambda item: item)


def _show_approval(call: Call) -> Answer:
    return Answer(200, approvals.show(call.actor, call.path["requestId"], call.platform))


def _decide(call: Call) -> Answer:
    body = call.read(bodies.Decision)
    return Answer(
        200,
        approvals.decide(
            call.actor, call.path["requestId"], call.platform, decision=body.decision,
            comment=body.comment, plan_digest=body.plan_digest, on_behalf_of=body.on_behalf_of,
        ),
    )  # fmt: skip


def _redrive(call: Call) -> Answer:
    return Answer(200, approvals.redrive(call.actor, call.platform))


def _show_delegations(call: Call) -> Answer:
    return Answer(200, delegations.show(call.actor, call.platform))


def _delegate(call: Call) -> Answer:
    body = call.read(bodies.NewDelegation)
    given = delegations.give(
        call.actor, call.platform, to=body.to, until=body.until, from_at=body.from_at
    )
    return Answer(201, given)


def _take_back(call: Call) -> Answer:
    return Answer(200, delegations.take_back(call.actor, call.platform))


def _list_applications(call: Call) -> Answer:
    page = applications.list_applications(
        call.actor,
        call.platform,
        limit=call.limit(),
        after=call.after_id("applications"),
        unit=call.query.get("unit"),
    )
    return listed("applications", page, lambda application: application.shown())


def _show_application(call: Call) -> Answer:
    return Answer(200, applications.show(call.actor, call.path["id"], call.platform).shown())


def _terminate(call: Call) -> Answer:
    if call.query.get("dryRun", "").lower() == "true":
        return Answer(200, terminations.ending(call.actor, call.path["id"], call.platform))
    accepted = terminations.terminate(
        call.actor, call.path["id"], call.platform, request_id=f"req_{call.operation_id}"
    )
    if accepted.id == call.path["id"]:
        # It waits for a second person.
        return Answer(202, accepted.shown(), {"Location": f"/applications/{accepted.id}"})
    return _accepted(accepted)


def _accepted(request: Any) -> Answer:
    return Answer(202, request.shown(), {"Location": f"/requests/{request.id}"})


def _confirm_termination(call: Call) -> Answer:
    return _accepted(
        terminations.confirm_termination(
            call.actor, call.path["id"], call.platform, request_id=f"req_{call.operation_id}"
        )
    )


def _update(call: Call) -> Answer:
    return _accepted(
        updates.update(
            call.actor, call.path["id"], call.document(), call.platform,
            request_id=f"req_{call.operation_id}",
        )
    )  # fmt: skip


def _preview(call: Call) -> Answer:
    plan, preview = updates.make_preview(
        call.actor, call.path["id"], call.document(), call.platform
    )
    if preview is None:
        return Answer(202, {"plan": plan.shown(), "preview": None})
    return Answer(200, {"plan": plan.shown(), "preview": preview.document()})


def _drift(call: Call) -> Answer:
    return Answer(200, audit.drift_of(call.actor, call.path["id"], call.platform))


def _publish(call: Call) -> Answer:
    return _accepted(
        updates.publish(
            call.actor, call.path["id"], call.platform, request_id=f"req_{call.operation_id}"
        )
    )


def _extend(call: Call) -> Answer:
    body = call.read(bodies.Extension)
    application = applications.extend(call.actor, call.path["id"], body.duration, call.platform)
    return Answer(200, application.shown())


def _move_application(call: Call) -> Answer:
    body = call.read(bodies.Unit)
    application = applications.move(call.actor, call.path["id"], body.business_unit, call.platform)
    return Answer(200, application.shown())


def _list_blueprints(call: Call) -> Answer:
    return Answer(
        200, {"items": blueprints.list_blueprints(call.actor, call.platform), "next": None}
    )


def _show_blueprint(call: Call) -> Answer:
    return Answer(200, blueprints.show(call.actor, call.path["id"], call.platform))


def _list_units(call: Call) -> Answer:
    page = business_units.list_units(
        call.actor, call.platform, limit=call.limit(), after=call.after_id("units")
    )
    return listed("units", page, business_units.shown)


def _show_unit(call: Call) -> Answer:
    balance = business_units.show(call.actor, call.path["unit"], call.platform)
    return Answer(200, business_units.shown(balance))


def _set_unit(call: Call) -> Answer:
    body = call.read(bodies.Quota)
    balance = business_units.set_quota(call.actor, call.path["unit"], body.quota, call.platform)
    return Answer(200, business_units.shown(balance))


def _ledger(call: Call) -> Answer:
    name = f"ledger:{call.path['unit']}"
    items, following = business_units.ledger(
        call.actor,
        call.path["unit"],
        call.platform,
        limit=call.limit(),
        cursor=call.after_movement(name),
    )
    return Answer(200, {"items": items, "next": cursor(name, following)})


def _reconcile(call: Call) -> Answer:
    return Answer(200, reconcile.prove(call.actor, call.platform))


def _me(call: Call) -> Answer:
    return Answer(200, users.me(call.actor, call.platform))


def _list_users(call: Call) -> Answer:
    page = users.list_users(
        call.actor, call.platform, unit=call.query.get("unit"), email=call.query.get("email"),
        limit=call.limit(),
        after=call.after_id("users"),
    )  # fmt: skip
    return listed("users", page, lambda user: user.document())


def _create_user(call: Call) -> Answer:
    body = call.read(bodies.NewUser)
    user = users.create(
        call.actor, call.platform, email=body.email, unit=body.unit, role=body.role,
        approves_for=body.approves_for, quota=body.quota, password=body.password,
    )  # fmt: skip
    return Answer(201, user.document(), {"Location": f"/users/{user.id}"})


def _change_user(call: Call) -> Answer:
    body = call.read(bodies.UserChange)
    changes = body.model_dump(by_alias=True, exclude_unset=True)
    return Answer(200, users.change(call.actor, call.path["id"], call.platform, changes))


def _import_users(call: Call) -> Answer:
    body = call.read(bodies.Roster, limit=256 * 1024)
    outcome: dict[str, Any] = rosters.import_roster(
        call.actor, call.platform, [row.model_dump() for row in body.rows],
        all_or_nothing=body.mode == "all-or-nothing",
    )  # fmt: skip
    return Answer(200, outcome)


OPERATIONS: dict[str, Operation] = {
    "POST /plans": Operation("plan.make", "What a request would come to", _plan, body=RequestTemplate, answer="Plan", refusals=(409, 413)),
    "POST /requests": Operation("request.submit", "Submit a JSON template", _submit, 202, RequestTemplate, "Request", refusals=(409, 413, 422), repeatable=True),
    "GET /requests": Operation("request.list", "List requests, newest first", _list_requests, answer="Request", paged=True),
    "GET /requests/{id}": Operation("request.show", "Show a request", _show_request, answer="Request"),
    "GET /requests/{id}/events": Operation("request.show", "The timeline of a request, oldest first", _events, answer="TimelineEvent", paged=True),
    "GET /requests/{id}/diagnostics": Operation("request.diagnostics", "What an operation's machines brought, with addresses for five minutes", operation_routes.diagnostics, paged=True),
    "POST /requests/{id}/cancel": Operation("request.cancel", "Cancel a request; everything done is undone", _cancel, 202, answer="Request", refusals=(409, 422), repeatable=True),
    "POST /requests/{id}/resume": Operation("request.resume", "Go on with a way back that needed an operator", _resume, 202, bodies.Resumption, "Request", refusals=(409, 422), repeatable=True),
    "POST /requests/{id}/resubmit": Operation("request.submit", "Submit a request again with changes", _resubmit, 202, answer="Request", refusals=(409, 413, 422), repeatable=True),
    "POST /uploads": Operation("upload.make", "A presigned upload into the intake bucket", _upload, 201, refusals=(422,), repeatable=True),
    "GET /approvals": Operation("approval.list", "List open approvals, oldest first", _list_approvals, answer="Approval", paged=True),
    "GET /approvals/{requestId}": Operation("approval.show", "Show an approval with its plan", _show_approval, answer="Approval"),
    "POST /approvals/{requestId}": Operation("approval.decide", "Approve or reject a plan", _decide, body=bodies.Decision, answer="Approval", refusals=(409, 422), repeatable=True),
    "POST /approvals/dead-letters/redrive": Operation("approval.redrive", "Put questions that could not be opened back on the queue", _redrive, refusals=(422,), repeatable=True),
    "GET /delegations": Operation("delegation.show", "Who decides for me, and for whom I do", _show_delegations),
    "POST /delegations": Operation("delegation.give", "Let another approver decide for me for a while", _delegate, 201, bodies.NewDelegation, refusals=(422,), repeatable=True),
    "DELETE /delegations": Operation("delegation.end", "Decide for myself again", _take_back),
    "GET /applications": Operation("application.list", "List applications, newest first", _list_applications, answer="Application", paged=True),
    "GET /applications/{id}": Operation("application.show", "Show an application", _show_application, answer="Application"),
    "DELETE /applications/{id}": Operation("application.terminate", "Terminate an application", _terminate, 202, answer="Request", refusals=(409, 422), repeatable=True),
    "GET /applications/{id}/drift": Operation("application.show", "What was changed by hand behind an application, property by property", _drift),
    "PATCH /applications/{id}": Operation("application.update", "Update an application: the JSON template or parts of it", _update, 202, bodies.Change, "Request", refusals=(409, 413, 422), repeatable=True),
    "POST /applications/{id}/plans": Operation("application.preview", "What an update would do, from a real change set; 202 while it is made", _preview, body=bodies.Change, refusals=(409, 413)),
    "POST /applications/{id}/publish": Operation("application.publish", "Put the project's newest code onto an application", _publish, 202, answer="Request", refusals=(409, 422), repeatable=True),
    "POST /applications/{id}/confirm-termination": Operation("application.confirm", "Confirm the end of a protected application, as a second person", _confirm_termination, 202, answer="Request", refusals=(409, 422), repeatable=True),
    "GET /applications/{id}/operations": Operation("application.operations", "What can be done with an application's machines", operation_routes.offered, paged=True),
    "POST /applications/{id}/operations": Operation("application.operate", "Do something with an application's machines", operation_routes.operate, 202, bodies.AskedOperation, "Request", refusals=(409, 413, 422), repeatable=True),
    "POST /applications/{id}/extend": Operation("application.extend", "Let an application live longer", _extend, body=bodies.Extension, answer="Application", refusals=(409, 422), repeatable=True),
    "PUT /applications/{id}/business-unit": Operation("application.move", "Move an application and its credits to another unit", _move_application, body=bodies.Unit, answer="Application", refusals=(409,)),
    "GET /blueprints": Operation("blueprint.list", "List blueprints", _list_blueprints, paged=True),
    "GET /blueprints/{id}": Operation("blueprint.show", "Show a blueprint", _show_blueprint),
    "GET /business-units": Operation("unit.list", "List business units", _list_units, paged=True),
    "GET /business-units/{unit}": Operation("unit.show", "Show a business unit", _show_unit),
    "PUT /business-units/{unit}": Operation("unit.set", "Set the quota of a business unit", _set_unit, body=bodies.Quota),
    "GET /business-units/{unit}/ledger": Operation("unit.ledger", "Movements of a business unit, newest first", _ledger, paged=True),
    "POST /business-units/reconcile": Operation("unit.reconcile", "Prove that entries, holds, applications and stacks agree", _reconcile, refusals=(422,), repeatable=True),
    "GET /findings": Operation("finding.list", "What the audit has found and still stands; with gone=true what has gone", finding_answers.list_findings, answer="Finding", paged=True),
    "GET /findings/{id}": Operation("finding.show", "Show a finding", finding_answers.show_finding, answer="Finding"),
    "POST /findings/{id}/acknowledge": Operation("finding.acknowledge", "Say that somebody knows of a finding", finding_answers.acknowledge, body=bodies.Remark, answer="Finding", refusals=(409, 422), repeatable=True),
    "POST /findings/{id}/resolve": Operation("finding.resolve", "Close a finding that is dealt with", finding_answers.resolve, body=bodies.Remark, answer="Finding", refusals=(409, 422), repeatable=True),
    "GET /me": Operation("me.show", "Who am I", _me),
    "GET /users": Operation("user.list", "List users", _list_users, answer="User", paged=True),
    "POST /users": Operation("user.create", "Create a user", _create_user, 201, bodies.NewUser, "User", refusals=(409, 422), repeatable=True),
    "PATCH /users/{id}": Operation("user.set", "Change a user, and on demand move their applications", _change_user, body=bodies.UserChange, answer="User", refusals=(409,)),
    "POST /users/import": Operation("user.import", "Create or update a class from a roster", _import_users, body=bodies.Roster, refusals=(413, 422), repeatable=True),
    "GET /policy": Operation("policy.show", "The approval policy in force", _show_policy),
    "PUT /policy": Operation("policy.publish", "Put an approval policy in force", _publish_policy, body=Policy, refusals=(409, 413)),
    "POST /policy/test": Operation("policy.test", "Try a proposed policy on past requests", _test_policy, body=Policy, refusals=(413, 422), repeatable=True),
}  # fmt: skip
PUBLIC = ("GET /openapi.json", "GET /health")
