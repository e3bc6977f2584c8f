"""Writes a first service role: what a template's types need, on the names that they get."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from autoprovision.deployer.needs.calls import Need, is_set
from autoprovision.deployer.needs.table import NEEDS
from autoprovision.deployer.rules.role import MANAGED, NO_NARROWER, needed_actions
from autoprovision.domain.launch import SITE_BUCKET_PREFIX

_BOUNDARY = (
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PlatformName}-application-boundary"
)
_PLACES = {
    "region": "${AWS::Region}", "account": "${AWS::AccountId}",
    "name": "${PlatformName}-app-*", "name:lower": "ap-*",
}  # fmt: skip
# Where a service's names follow another pattern than `<platform>-app-…`.
_NAMES = {
    "logs": ("log-group:${PlatformName}-app-*:*", "log-group:/${PlatformName}/app_*"),
    "s3": (":::${PlatformName}-app-*", f":::{SITE_BUCKET_PREFIX}*"),
}
# AWS asks for apigateway:TagResource where an API has tags; cfn-lint's list of actions lacks it.
_TAGGED_APIS = {"cfn-lint": {"config": {"ignore_checks": ["W3037"]}}}
_APIS = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/tags/*"
_ROLES = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${PlatformName}-app-*"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_PLATFORM_NAME = {
    "Type": "String",
    "Default": "autoprovision",
    "AllowedPattern": "[a-z][a-z0-9-]{1,18}[a-z0-9]",
    "Description": "Prefix of every name; the same as the platform's.",
}
_RULE_OF_ROLES = ("iam:CreateRole", "iam:PutRolePermissionsBoundary")


def role_document(
    name: str, resources: Mapping[str, Mapping[str, Any]], needs: Mapping[str, Iterable[str]]
) -> dict[str, Any]:
    """A role's template for a blueprint.

    Args:
        needs: actions of the types that the table does not know.
    """
    grants: dict[tuple[str, ...], set[str]] = {}
    passed: set[str] = set()
    for resource in resources.values():
        kind, properties = resource["Type"], resource.get("Properties") or {}
        need = NEEDS.get(kind)
        if need is None:
            for action in needs.get(kind, ()):
                service = action.partition(":")[0]
                if action == "iam:PassRole":
                    passed.add(f"{kind.split('::')[1].lower()}.amazonaws.com")
                    continue
                where = f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:*"
                _grant(grants, (where,), action)
            continue
        passed |= {one for key, one in need.passes.items() if key in properties}
        also = {
            one.action: one.arn for one in need.also if not one.when or is_set(properties, one.when)
        }
        for action in needed_actions(kind, properties):
            if action not in {"iam:PassRole", *MANAGED}:
                _grant(grants, _places(need, action, also), action)
    return _document(name, _statements(grants, passed))


def _grant(grants: dict[tuple[str, ...], set[str]], places: tuple[str, ...], action: str) -> None:
    anywhere = action in NO_NARROWER or action.partition(":")[2].startswith(("Describe", "List"))
    narrow = tuple(place for place in places if place != "*") or places
    grants.setdefault(("*",) if anywhere else narrow, set()).add(action)


def _places(need: Need, action: str, also: Mapping[str, str]) -> tuple[str, ...]:
    arns = [need.arn, *([need.delete_arn] if need.delete_arn else [])]
    if action in also:
        arns = [also[action]]
    places = [_pattern(arn) for arn in arns]
    if action.startswith("apigateway:"):
        # An API's parts are made and changed below its own address.
        places = [
            "arn:${AWS::Partition}:apigateway:${AWS::Region}::/apis",
            "arn:${AWS::Partition}:apigateway:${AWS::Region}::/apis/*",
            _APIS,
        ]
    return tuple(dict.fromkeys(places))


def _pattern(arn: str) -> str:
    """An ARN of the table as a policy names it: our names, and a star for what AWS makes up."""
    if arn in {"*", "{id}"}:
        return "*"
    text = re.sub(r"\{([^}]+)\}", lambda match: _place(match[1]), arn)
    text = text.replace("arn:aws:", "arn:${AWS::Partition}:")
    for service, (given, ours) in _NAMES.items():
        if f":{service}:" in text:
            text = text.replace(given, ours)
    return text


def _place(name: str) -> str:
    # `{FunctionName:last}`: the name of another resource of ours.
    return _PLACES["name"] if name.endswith(":last") else _PLACES.get(name, "*")


def _statements(
    grants: Mapping[tuple[str, ...], set[str]], passed: set[str]
) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = []
    for places, actions in grants.items():
        roles = sorted(actions & set(_RULE_OF_ROLES))
        if roles:
            condition = {"StringEquals": {"iam:PermissionsBoundary": {"Fn::Sub": _BOUNDARY}}}
            bound = {"Effect": "Allow", "Action": [*_RULE_OF_ROLES], "Resource": _resource(places)}
            statements.append({**bound, "Condition": condition})
        if rest := sorted(actions - set(roles)):
            statements.append({"Effect": "Allow", "Action": rest, "Resource": _resource(places)})
    if passed:
        services = {"StringEquals": {"iam:PassedToService": sorted(passed)}}
        pass_on: dict[str, Any] = {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": {"Fn::Sub": _ROLES},
        }
        statements.append({**pass_on, "Condition": services})
    return statements


def _document(name: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    policy = {"Version": "2012-10-17", "Statement": statements}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": {"Fn::Sub": f"${{PlatformName}}-blueprint-{name}"},
            "Description": f"CloudFormation makes stacks of {name} with it",
            "AssumeRolePolicyDocument": _TRUST,
            "Policies": [{"PolicyName": "resources", "PolicyDocument": policy}],
        },
    }
    output = {
        "Description": "What the platform passes to CloudFormation.",
        "Value": {"Fn::GetAtt": ["Role", "Arn"]},
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The role that CloudFormation makes stacks of this blueprint with.",
        **({"Metadata": _TAGGED_APIS} if "apigateway:TagResource" in str(statements) else {}),
        "Parameters": {"PlatformName": _PLATFORM_NAME},
        "Resources": {"Role": role},
        "Outputs": {"RoleArn": output},
    }


def _resource(places: tuple[str, ...]) -> Any:
    named = [one if one == "*" else {"Fn::Sub": one} for one in places]
    return named[0] if len(named) == 1 else named
