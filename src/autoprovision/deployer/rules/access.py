"""Who a policy of a template lets in, and what it lets them reach.

The boundary is one for all applications, so it cannot keep them apart: what a role of one may reach
of the others is only what its own policies name.
"""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import accumulate
from typing import Any

from autoprovision.deployer.rules.values import ANYTHING, has_own, is_own_name, texts, whole

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
# A reference ends at two braces after which no third one follows: that would end a variable.
_SECRET = re.compile(r"\{\{\s*resolve:(?:secretsmanager|ssm-secure):(.*?)\}\}(?!\})", re.DOTALL)
_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}/")
_OWN_ACCOUNT = "${AWS::AccountId}"
_PSEUDO = re.compile(r"\$\{AWS::\w+\}")
_FIRST = re.compile(r"\$\{([^}!]+)\}")
# arn:partition:service:region:account:resource, and of a secret arn:…:account:secret:name.
_ARN, _SECRET_ARN = 6, 7
# Properties that hold a policy, or a part of one.
_POLICIES = frozenset(
    {
        "AccessPolicies", "AssumeRolePolicyDocument", "FileSystemPolicy", "KeyPolicy", "Policies",
        "Policy", "PolicyDocument", "RepositoryPolicyText", "ResourcePolicy", "Statement",
    }
)  # fmt: skip
# No policy lies as deep; reading one that does would end in a fault of its own.
_DEEPEST = 50
# What a policy says that cannot be read before the stack is made.
_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
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
_KNOWS_NO_NARROWER = frozenset({"ecr:getauthorizationtoken", "logs:describeloggroups"})
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
    named = [text for one in _allowing(properties) for text in _named(one)]
    if "Principal" in properties:
        named += _principals(properties["Principal"])
        named += [text for name in _BINDING for text in texts(properties.get(name))]
    return any(not text.endswith(".amazonaws.com") and _ACCOUNT.search(text) for text in named)


def callable_by_anyone(properties: Properties) -> bool:
    """Whether a function's permission is for everybody, or for a service on anybody's behalf."""
    principals = _principals(properties.get("Principal"))
    if any(map(_is_wild, principals)):
        return True
    is_bound = any(_names_somebody(properties.get(name)) for name in _BINDING)
    return any(map(_is_service, principals)) and not is_bound


def reaches_others(properties: Properties) -> bool:
    """Whether a role's policies give all actions, or the things of other applications."""
    policies = {name: properties.get(name) for name in ("Policies", "PolicyDocument")}
    return any(map(_is_wide, _allowing(policies)))


def takes_anothers_secret(properties: Properties) -> bool:
    """Whether a value is resolved from a secret that is not the application's own."""
    return any(
        not _is_own_secret(said)
        for one in whole(properties)
        for text in texts(one)
        for said in _SECRET.findall(text)
    )


def is_open_way(block: Any) -> bool:
    """Whether a block is wide open; what is neither written nor a resource's may be anything."""
    if isinstance(block, dict) and "Fn::GetAtt" in block:
        return False
    if isinstance(block, dict) and isinstance(block.get("Fn::If"), list):
        return any(map(is_open_way, block["Fn::If"][1:]))
    return any("{" in text or is_open_block(text) for text in texts(block))


def is_open_block(text: str) -> bool:
    """Whether a block of addresses is so wide that anybody may be in it."""
    try:
        block = ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return block.prefixlen < _WIDEST[block.version] and not block.is_private


def _allowing(value: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Statements that may allow; whatever is no plain Deny may become Allow."""
    if isinstance(value, list):
        for one in value:
            yield from _allowing(one, name)
    elif isinstance(value, str) or (
        isinstance(value, dict) and {"Fn::Sub", "Fn::Join"} & set(value)
    ):
        for text in texts(value):
            yield from _written(text.strip(), name)
    elif isinstance(value, dict):
        if "Effect" in value and value["Effect"] != "Deny":
            yield value
        if name in _POLICIES and _is_unknown(value):
            yield _ALL
        for key, one in value.items():
            yield from _allowing(one, name if key.startswith("Fn::") else key)


def _written(text: str, name: str) -> Iterator[dict[str, Any]]:
    """Statements of a policy that is written as one text of JSON."""
    if not text.startswith(("{", "[", ANYTHING)):
        return
    try:
        said = json.loads(text) if _depth(text) <= _DEEPEST else None
    except ValueError:
        said = None
    if said is None:
        if name in _POLICIES:
            yield _ALL
        return
    yield from _allowing(_with_variables(said), name)


def _depth(text: str) -> int:
    return max(accumulate((one in "{[") - (one in "}]") for one in text))


def _with_variables(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_variables(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_variables(one) for one in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value


def _is_unknown(value: dict[str, Any]) -> bool:
    form = next(iter(value)) if len(value) == 1 else ""
    if form == "Ref":
        return bool(value["Ref"] != "AWS::NoValue")
    return form.startswith("Fn::") and form not in {"Fn::If", "Fn::ToJsonString"}


def _said(value: Any) -> list[str]:
    """What a value may become; what is resolved while the stack is made may be anything."""
    found = [] if value is None else texts(value)
    return [ANYTHING if "{{" in text else text for text in found]


def _principals(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return _said(value)
    if isinstance(value.get("Fn::If"), list):
        return [text for one in value["Fn::If"][1:] for text in _principals(one)]
    if any(key == "Ref" or key.startswith("Fn::") for key in value):
        return _said(value)
    return [text for one in value.values() for text in _said(one)]


def _named(statement: dict[str, Any]) -> Iterator[str]:
    """Whom a statement names, as its principals or in what narrows it."""
    yield from _principals(statement.get("Principal"))
    for _, value in _narrowing(statement.get("Condition")):
        yield from _said(value)


def _is_anyone(statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    return any(map(_is_wild, _principals(statement.get("Principal"))))


def _is_wild(text: str) -> bool:
    # A variable of IAM is whatever the caller brings.
    return any(one in text for one in ("*", "?", "${!"))


def _is_service(text: str) -> bool:
    if ".amazon" in text or "${AWS::URLSuffix}" in text:
        return True
    return bool(text) and not text.startswith(("arn:", "${")) and not _ACCOUNT.fullmatch(text)


def _is_narrowed(condition: Any) -> bool:
    if isinstance(condition, dict) and isinstance(condition.get("Fn::If"), list):
        return all(map(_is_narrowed, condition["Fn::If"][1:]))
    return any(
        not operator.startswith("forallvalues:") and _names_somebody(value)
        for operator, value in _narrowing(condition)
    )


def _narrowing(condition: Any) -> Iterator[tuple[str, Any]]:
    """Operators, in small letters, with the callers that they ask for."""
    for operator, keys in condition.items() if isinstance(condition, dict) else ():
        if operator == "Fn::If" and isinstance(keys, list):
            for one in keys[1:]:
                yield from _narrowing(one)
        asked = operator.lower()
        if "not" in asked or asked == "null" or asked.endswith("ifexists"):
            continue
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if key.lower() in _NARROWING:
                yield asked, value


def _names_somebody(value: Any) -> bool:
    found = _said(value)
    return bool(found) and all(map(_is_somebody, found))


def _is_somebody(text: str) -> bool:
    """Whether a text means callers of one account, or organization, only."""
    if not _is_wild(text):
        return bool(text)
    fields = _PSEUDO.sub("-", text.replace(_OWN_ACCOUNT, "0" * 12)).split(":")
    if fields[0] == "arn":
        return len(fields) >= _ARN and bool(_ACCOUNT.fullmatch(fields[4]))
    first = _FIRST.match(text)
    return bool(first and is_own_name(first[1])) or bool(_ORGANIZATION.match(text))


def _is_wide(statement: dict[str, Any]) -> bool:
    actions = {text.lower() for text in _said(statement.get("Action"))}
    unnamed = any(_is_wild(one) or "${" in one for one in actions)
    if unnamed or {"NotAction", "NotResource"} & set(statement):
        return True
    if not any(one.startswith(_SHARED) for one in actions - _KNOWS_NO_NARROWER):
        return False
    return any(
        _is_wild(text) and not text.endswith(_OF_BUILDS) and not has_own(text)
        for text in _said(statement.get("Resource"))
    )


def _is_own_secret(said: str) -> bool:
    """Whether the id in a reference to a secret is one's own, whatever else the reference says."""
    fields = _PSEUDO.sub("-", said).split(":")
    return has_own(":".join(fields[:_SECRET_ARN]) if fields[0] == "arn" else fields[0])
