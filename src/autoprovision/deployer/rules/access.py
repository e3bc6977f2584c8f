"""Who a policy of a template lets in, and what it lets them reach.

The boundary is one for all applications, so it cannot keep them apart: what a role of one may reach
of the others is only what its own policies name.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from autoprovision.deployer.rules.folder import many, walk

Properties = dict[str, Any]
# Conditions that let in a named caller only, whatever account it has.
_NARROWING = frozenset(
    {
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
        "aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceowner",
        "aws:sourcevpc", "aws:sourcevpce", "elasticfilesystem:accesspointarn",
        "kms:calleraccount", "sts:externalid",
    }
)  # fmt: skip
_BINDING = ("SourceArn", "SourceAccount", "PrincipalOrgID", "EventSourceToken")
# A whole reference; one that a Join puts together is looked at as a whole too.
_SECRET = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):.*\}\}")
_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_VARIABLE = re.compile(r"\$\{([^}!]+)\}")
# What every application is given alike: a name of these alone is nobody's own.
_ALIKE = frozenset(
    {
        "ApplicationName", "BlueprintId", "BlueprintVersion", "BusinessUnit", "Owner",
        "PlatformName", "TargetEnvironment",
    }
)  # fmt: skip
# Services that the boundary lets a role reach for every application's things.
_SHARED = (
    "dynamodb:",
    "ecr:",
    "elasticfilesystem:",
    "execute-api:",
    "logs:",
    "s3:",
    "secretsmanager:",
)
_KNOWS_NO_NARROWER = frozenset({"ecr:GetAuthorizationToken", "logs:DescribeLogGroups"})
# What every build has alike: recipes are no secret, and a stream of the log is found by its build's
# number alone.
_OF_BUILDS = ("/blueprints/*/recipe", ":log-group:/aws/codebuild/${PlatformName}-build:*")
_WIDEST = {4: 16, 6: 32}


def open_to_anyone(properties: Properties) -> bool:
    """Whether a statement allows everybody and no condition says whom."""
    return any(
        _is_anyone(one) and not _is_narrowed(one.get("Condition")) for one in _allowing(properties)
    )


def lets_in_a_stranger(properties: Properties) -> bool:
    """Whether a statement, or a function's permission, names another account by its number."""
    named = [one.get("Principal") for one in _allowing(properties)]
    named.append(properties.get("Principal"))
    return any(
        isinstance(text, str) and not text.endswith(".amazonaws.com") and _ACCOUNT.search(text)
        for principal in named
        for _, text in walk(principal)
    )


def callable_by_anyone(properties: Properties) -> bool:
    """Whether a function's permission is for everybody, or for a service on anybody's behalf."""
    principal = properties.get("Principal")
    if principal == "*":
        return True
    is_service = isinstance(principal, str) and principal.endswith(".amazonaws.com")
    return is_service and not any(name in properties for name in _BINDING)


def reaches_others(properties: Properties) -> bool:
    """Whether a role's policies give all actions, or the things of other applications."""
    policies = [one for _, one in walk(properties.get("Policies"))]
    policies.append(properties.get("PolicyDocument"))
    return any(
        isinstance(one, dict) and one.get("Effect") == "Allow" and _is_wide(one)
        for document in policies
        for _, one in walk(document)
    )


def takes_anothers_secret(properties: Properties) -> bool:
    """Whether a value is resolved from a secret that is not the application's own."""
    return any(
        _SECRET.search(text) and not is_own(text)
        for _, one in walk(properties)
        if isinstance(one, str) or (isinstance(one, dict) and "Fn::Join" in one)
        for text in texts(one)
    )


def is_own(value: Any) -> bool:
    """Whether a name or an ARN holds something that is one application's alone."""
    return all(bool(set(_VARIABLE.findall(text)) - _ALIKE - _pseudo(text)) for text in texts(value))


def texts(value: Any) -> Iterator[str]:
    """A value as the texts that it may become, with what is not known as `${…}`."""
    if isinstance(value, list):
        for one in value:
            yield from texts(one)
        return
    if not isinstance(value, dict) or len(value) != 1:
        yield str(value)
        return
    ((form, inner),) = value.items()
    if form == "Fn::Sub":
        yield str(inner[0] if isinstance(inner, list) and inner else inner)
    elif form == "Fn::If" and isinstance(inner, list):
        yield from texts(inner[1:])
    elif form == "Fn::Join" and isinstance(inner, list) and len(inner) == 2:
        yield str(inner[0]).join(text for one in many(inner[1]) for text in texts(one))
    else:
        name = inner[0] if isinstance(inner, list) and inner else inner
        yield "" if name == "AWS::NoValue" else f"${{{str(name).partition('.')[0]}}}"


def is_open_block(text: str) -> bool:
    """Whether a block of addresses is so wide that anybody may be in it."""
    try:
        block = ip_network(text, strict=False)
    except ValueError:
        return False
    return block.prefixlen < _WIDEST[block.version] and not block.is_private


def _allowing(properties: Properties) -> Iterator[dict[str, Any]]:
    for _, one in walk(properties):
        if isinstance(one, dict) and one.get("Effect") == "Allow":
            yield one


def _is_anyone(statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    named = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in many(one) for one in named)


def _is_narrowed(condition: Any) -> bool:
    for operator, keys in condition.items() if isinstance(condition, dict) else ():
        if "Not" in operator or operator == "Null" or operator.endswith("IfExists"):
            continue
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if key.lower() in _NARROWING and "*" not in many(value):
                return True
    return False


def _is_wide(statement: dict[str, Any]) -> bool:
    actions = [str(one) for one in many(statement.get("Action"))]
    if {"NotAction", "NotResource"} & set(statement) or any("*" in one for one in actions):
        return True
    if not any(one.startswith(_SHARED) for one in set(actions) - _KNOWS_NO_NARROWER):
        return False
    return any(
        "*" in text and not text.endswith(_OF_BUILDS) and not is_own(text)
        for text in texts(statement.get("Resource"))
    )


def _pseudo(text: str) -> set[str]:
    return {name for name in _VARIABLE.findall(text) if name.startswith("AWS::")}
