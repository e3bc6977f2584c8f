"""CloudFormation makes and deletes resources with the role of the stack.

AWS: the caller needs `iam:PassRole` for `RoleARN`; the role must trust CloudFormation, and is used
for this and every later operation on the stack; what it may not do fails as the resource's
AccessDenied (CloudFormation user guide, "AWS CloudFormation service role"). A policy may tell
requests apart by `cloudformation:RoleArn` and `cloudformation:TemplateUrl`.

MiniStack: ignores `RoleARN`.

Mend: the role is kept with the stack, and the calls that the resource needs are checked against it
before MiniStack makes or deletes it. Types outside `deployer.needs.table.NEEDS` are not checked.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

from autoprovision.deployer.needs.calls import Call, Need, deleting_calls, making_calls
from autoprovision.deployer.needs.table import NEEDS
from autoprovision.embedded import roles

_SERVICE = "cloudformation.amazonaws.com"
_SESSION = "AWSCloudFormation"
_UNKNOWN_ID = "E0EXAMPLE00000"
_OK = 200
_caller: ContextVar[str] = ContextVar("embedded_caller_key", default="")


def apply() -> None:
    """Keep the roles of stacks and check what is done with them."""
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services.cloudformation import handlers, stacks

    _remember_callers(iam_evaluator)
    _tell_condition_keys(iam_actions)
    for operation in ("CreateStack", "UpdateStack", "DeleteStack"):
        handle = handlers._ACTION_HANDLERS[operation]
        handlers._ACTION_HANDLERS[operation] = _with_role(handle)
    provision, delete = stacks._provision_resource, stacks._delete_resource

    def provision_as_role(
        resource_type: str, logical_id: str, properties: dict[str, Any], stack_name: str
    ) -> Any:
        if need := NEEDS.get(resource_type):
            made_up = f"{stack_name}-{logical_id}-0"
            name = _name(need.name_property, properties) or made_up
            name = name.lower() if ":s3:::" in need.arn else name
            _check(stack_name, making_calls(need, properties, _place(need, name, _UNKNOWN_ID)))
        return provision(resource_type, logical_id, properties, stack_name)

    def delete_as_role(
        resource_type: str,
        physical_id: str,
        properties: dict[str, Any],
        stack_name: str | None = None,
        logical_id: str | None = None,
    ) -> Any:
        if stack_name and (need := NEEDS.get(resource_type)):
            name = _name(need.name_property, properties) or physical_id.rpartition("/")[2]
            place = _place(need, name.rpartition(":")[2], physical_id)
            _check(stack_name, deleting_calls(need, properties, place))
        return delete(resource_type, physical_id, properties, stack_name, logical_id)

    stacks._provision_resource = provision_as_role
    stacks._delete_resource = delete_as_role


def caller_key() -> str:
    """The access key that the call being answered was signed with."""
    return _caller.get()


def _remember_callers(iam_evaluator: Any) -> None:
    enforce = iam_evaluator.enforce

    def enforce_and_remember(access_key_id: str, *arguments: Any, **options: Any) -> Any:
        _caller.set(access_key_id)
        return enforce(access_key_id, *arguments, **options)

    iam_evaluator.enforce = enforce_and_remember


def _tell_condition_keys(iam_actions: Any) -> None:
    tag_context = iam_actions.request_tag_context

    def request_context(service: str, action: str, body: bytes, query: Any) -> Any:
        context = tag_context(service, action, body, query)
        if service != "cloudformation":
            return context
        keys = {"RoleARN": "cloudformation:RoleArn", "TemplateURL": "cloudformation:TemplateUrl"}
        named = {
            key: query[parameter][0] for parameter, key in keys.items() if query.get(parameter)
        }
        return {**(context or {}), **named}

    iam_actions.request_tag_context = request_context


def _with_role(handle: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def handle_with_role(parameters: dict[str, Any]) -> Any:
        from ministack.services.cloudformation import handlers, helpers

        role_arn = helpers._p(parameters, "RoleARN")
        refused = _refusal(helpers, role_arn) if role_arn else None
        if refused is not None:
            return refused
        answer = handle(parameters)
        stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
        if role_arn and stack is not None and answer[0] == _OK:
            # The work itself is a task that starts after this handler.
            stack["_role_arn"] = role_arn
        return answer

    return handle_with_role


def _refusal(helpers: Any, role_arn: str) -> Any:
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_region

    denied = iam_evaluator.enforce(
        _caller.get(),
        "iam:PassRole",
        "iam",
        get_region(),
        resource_arn=role_arn,
        service_context={"iam:PassedToService": _SERVICE},
    )
    if denied is not None:
        principal = getattr(denied, "principal_arn", "")
        return helpers._error(
            "AccessDenied",
            f"User: {principal} is not authorized to perform: iam:PassRole on resource: {role_arn} "
            "because no identity-based policy allows the iam:PassRole action",
            403,
        )
    try:
        roles.assume(role_arn, _SERVICE, _SESSION)
    except roles.RoleNotAssumable:
        return helpers._error("ValidationError", f"Role {role_arn} is invalid or cannot be assumed")
    return None


def _check(stack_name: str, calls: Iterable[Call]) -> None:
    from ministack.core.responses import get_region
    from ministack.services.cloudformation import handlers

    stack = handlers._resolve_stack(stack_name)
    role_arn = (stack or {}).get("_role_arn")
    if not role_arn:
        return
    session = roles.assume(role_arn, _SERVICE, _SESSION)
    for call in calls:
        denied = roles.denial(session, call.action, call.arn, get_region(), dict(call.conditions))
        if denied is not None:
            raise ValueError(
                f'Resource handler returned message: "{denied}" (HandlerErrorCode: AccessDenied)'
            )


def _name(name_property: str, properties: dict[str, Any]) -> str:
    value = properties.get(name_property) if name_property else None
    return value if isinstance(value, str) else ""


def _place(need: Need, name: str, identifier: str) -> dict[str, str]:
    from ministack.core.responses import get_account_id, get_region

    # A parameter's name begins with the slash that its ARN has anyway; a log group's is its own.
    told = name.lstrip("/") if "/{name}" in need.arn else name
    return {"region": get_region(), "account": get_account_id(), "name": told, "id": identifier}
