"""Rules of the service role: enough for its template, and no more than named actions."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from autoprovision.deployer.needs.calls import Need, is_set
from autoprovision.deployer.needs.later import LATER
from autoprovision.deployer.needs.registry import registered
from autoprovision.deployer.needs.table import NEEDS
from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import Folder, many, walk
from autoprovision.deployer.rules.values import texts
from autoprovision.deployer.templates import Template
from autoprovision.domain.document import pointer

_READING = ("describe", "get", "list")
# Changing calls that AWS checks against no narrower resource.
NO_NARROWER = frozenset(
    {
        "cloudfront:CreateOriginAccessControl", "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute",
        "ecs:DeregisterTaskDefinition", "kms:CreateKey", "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    }
)  # fmt: skip
_NEVER = ("iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:PutUserPolicy")
# `forbidden-managed` says what to write instead.
MANAGED = {"iam:AttachRolePolicy", "iam:DetachRolePolicy"}
_DOES = {"Action", "NotAction"}
_PROPERTY = 4
_CLOUDFORMATION = {"Service": "cloudformation.amazonaws.com"}


def role_findings(folder: Folder) -> Iterator[Finding]:
    """What is wrong with the role, by itself and for its template."""
    role = folder.role
    if role is None:
        return
    if "RoleArn" not in role.outputs:
        yield folder.found("role-output", folder.role_name, "/Outputs", "It has no RoleArn.")
    resources = role.section("Resources")
    for name, one in resources.items():
        if one["Type"] != "AWS::IAM::Role":
            at = pointer("Resources", name)
            yield folder.found("role-only", folder.role_name, at, f"It makes {one['Type']} too.")
    for name, one in resources.items():
        if one["Type"] == "AWS::IAM::Role":
            yield from _role(folder, pointer("Resources", name, "Properties"), one)
    for at, statement in statements(role):
        yield from _statement(folder, at, statement)
    if folder.template is not None:
        yield from _needs(folder, folder.template, role)


def statements(role: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy of a role's stack, also one alone or under a condition.

    Who may take the role (`AssumeRolePolicyDocument`) is no statement of what it may do.
    """
    for at, value in walk(role.section("Resources"), "/Resources"):
        # "", Resources, the role's own name, Properties, the property.
        if at.split("/")[_PROPERTY : _PROPERTY + 1] == ["AssumeRolePolicyDocument"]:
            continue
        if isinstance(value, dict) and "Effect" in value and _DOES & set(value):
            yield at, value


def _role(folder: Folder, at: str, role: dict[str, Any]) -> Iterator[Finding]:
    properties = role.get("Properties")
    properties = properties if isinstance(properties, dict) else {}
    name = properties.get("RoleName")
    wanted = re.compile(r"^\$\{PlatformName\}-blueprint-(\$\{BlueprintId\}|[a-z0-9-]+)$")
    text = name.get("Fn::Sub") if isinstance(name, dict) else None
    own = {"${BlueprintId}", folder.path.resolve().name}
    found = wanted.match(text) if isinstance(text, str) else None
    if found is None or (found[1] not in own and not folder.shared):
        detail = "Its name is not that of this blueprint's role."
        yield folder.found("role-name", folder.role_name, f"{at}/RoleName", detail)
    trust = properties.get("AssumeRolePolicyDocument")
    stated = many(trust.get("Statement")) if isinstance(trust, dict) else []
    trusted = [one.get("Principal") if isinstance(one, dict) else one for one in stated]
    if trusted != [_CLOUDFORMATION]:
        place = f"{at}/AssumeRolePolicyDocument"
        yield folder.found("role-trust", folder.role_name, place, "Others may take it.")
    if properties.get("ManagedPolicyArns"):
        place = f"{at}/ManagedPolicyArns"
        detail = "It has managed policies, which name no actions here."
        yield folder.found("role-wildcard", folder.role_name, place, detail)


def _statement(folder: Folder, at: str, one: dict[str, Any]) -> Iterator[Finding]:
    file = folder.role_name
    # An intrinsic function may come to Allow.
    if one["Effect"] == "Deny":
        return
    actions = _actions(one)
    if wild := [one for one in actions if _is_wild(one)] or one.get("NotAction"):
        all_of = ", ".join(map(str, many(wild)))
        yield folder.found("role-wildcard", file, at, f"It allows {all_of} without naming actions.")
    # IAM matches actions without regard to case.
    named = {action.lower() for action in actions}
    exempt = {action.lower() for action in NO_NARROWER}
    changing = {
        action
        for action in actions
        if not action.lower().partition(":")[2].startswith(_READING)
        and action.lower() not in exempt
    }
    if changing and (_is_everything(one.get("Resource")) or "NotResource" in one):
        detail = f"{', '.join(sorted(changing))} is allowed on everything."
        yield folder.found("role-resource", file, at, detail)
    bound = one.get("Condition")
    condition = str(bound.get("StringEquals") if isinstance(bound, dict) else "")
    if "iam:createrole" in named and not (
        "iam:PermissionsBoundary" in condition and "application-boundary" in condition
    ):
        yield folder.found("role-boundary", file, at, "It may make roles without the boundary.")
    if "iam:passrole" in named and "iam:PassedToService" not in condition:
        yield folder.found("role-pass", file, at, "It may pass roles to any service.")
    if never := sorted(one for one in _NEVER if one.lower() in named):
        yield folder.found("role-attach", file, at, f"It may call {', '.join(never)}.")


def _actions(statement: dict[str, Any]) -> list[str]:
    """What it names, also by functions."""
    return [text for one in many(statement.get("Action")) for text in texts(one)]


def _is_wild(action: str) -> bool:
    return not {"*", "?", "$"}.isdisjoint(action)


def _is_everything(resource: Any) -> bool:
    """Whether a star alone stands anywhere in it, whatever function it stands in."""
    return any(found == "*" for _, found in walk(resource))


def _needs(folder: Folder, template: Template, role: Template) -> Iterator[Finding]:
    allowed = {action.lower() for _, one in statements(role) for action in _actions(one)}
    if any(map(_is_wild, allowed)):
        return  # `role-wildcard` asks for names first.
    said = folder.manifest.needs if folder.manifest is not None else {}
    for name, resource in template.section("Resources").items():
        kind = resource["Type"]
        at = pointer("Resources", name)
        if kind not in NEEDS and kind not in said:
            yield _unknown(folder, at, kind)
            continue
        properties = resource.get("Properties")
        properties = properties if isinstance(properties, dict) else {}
        needed = {*said.get(kind, ()), *needed_actions(kind, properties)} - MANAGED
        if missing := sorted(one for one in needed if one.lower() not in allowed):
            detail = f"{name} ({kind}, {folder.template_name}{at}) needs {', '.join(missing)}."
            yield folder.found("role-action", folder.role_name, "/Resources", detail)


def _unknown(folder: Folder, at: str, kind: str) -> Finding:
    detail = f"Nobody has said what {kind} needs."
    found = folder.found("role-unknown", folder.template_name, at, detail)
    said = registered(kind, folder.prices.region)
    if said is None or not said.actions:
        return found
    remedy = (
        f"Say it in the manifest; the registry names, for all that it can have: "
        f"needs: {{{kind}: [{', '.join(said.actions)}]}}."
    )
    return replace(found, remedy=remedy)


def needed_actions(kind: str, properties: dict[str, Any]) -> tuple[str, ...]:
    """The calls that make, change, look at and delete a resource of a type that is known."""
    if kind not in NEEDS:
        return ()
    need: Need = NEEDS[kind]
    actions = [*need.create, *need.delete, *LATER.get(kind, ())]
    for asked in (need.by_property, need.delete_by_property):
        actions += [action for name, action in asked.items() if is_set(properties, name)]
    actions += [one.action for one in need.also if not one.when or is_set(properties, one.when)]
    if any(name in properties for name in need.passes):
        actions.append("iam:PassRole")
    return tuple(dict.fromkeys(actions))
