"""What a value of a template may become, as far as it is known before the stack is made."""

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

from autoprovision.deployer.rules.folder import Folder, many

# Stands for what may be anything; it holds a star, so it is as wide as one.
ANYTHING = "${*}"
# What every application is given alike: a name of these alone is nobody's own.
_ALIKE = frozenset(
    {
        "*", "ApplicationName", "BlueprintId", "BlueprintVersion", "BusinessUnit", "Owner",
        "PlatformName", "TargetEnvironment",
    }
)  # fmt: skip
# Where a parameter comes from, if one application alone has its value, or the platform chose it.
_OWN_SOURCES = ("application.id", "application.bucket", "application.number", "secret.arn")
_ALIKE_SOURCES = (
    "application.owner", "blueprint.", "platform.", "request.ApplicationName",
    "request.BusinessUnit", "request.ProjectType", "request.TargetEnvironment",
    "request.TechStack",
)  # fmt: skip
# Resources whose attributes hold whatever the template, or somebody later, writes into them.
_BEARERS = ("AWS::SSM::Parameter", "AWS::CloudFormation::WaitCondition")
_VARIABLE = re.compile(r"\$\{([^}!]+)\}")
# A value has a few forms; one with more is taken for anything.
_MOST = 64


def is_own(value: Any) -> bool:
    """Whether a name or an ARN holds something that is one application's alone."""
    return all(map(has_own, texts(value)))


def has_own(text: str) -> bool:
    """Whether one of the texts that a value may become holds such a thing."""
    return any(map(is_own_name, _VARIABLE.findall(text)))


def is_own_name(name: str) -> bool:
    """Whether a variable's name stands for something that is one application's alone."""
    return name not in _ALIKE and not name.startswith("AWS::")


def texts(value: Any) -> list[str]:
    """A value as the texts that it may become.

    What a resource or a parameter gives is `${…}`; what may be anything is `ANYTHING`.
    """
    found = list(islice(_texts(value), _MOST + 1))
    return found if len(found) <= _MOST else [ANYTHING]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif not isinstance(value, dict):
        # A variable of IAM, not of a Sub: no reference.
        yield str(value).replace("${", "${!")
    elif len(value) != 1:
        yield ANYTHING
    else:
        ((form, inner),) = value.items()
        yield from _made(form, inner)


def _made(form: str, inner: Any) -> Iterator[str]:
    if form == "Fn::Sub":
        yield from _filled(inner)
    elif form == "Fn::If" and isinstance(inner, list):
        yield from _texts(inner[1:])
    elif form == "Fn::Join" and isinstance(inner, list) and len(inner) == 2:
        for parts in product(*(texts(one) for one in many(inner[1]))):
            yield str(inner[0]).join(parts)
    elif form == "Ref" and isinstance(inner, str):
        yield "" if inner == "AWS::NoValue" else f"${{{inner}}}"
    elif form == "Fn::GetAtt" and inner:
        yield f"${{{str(many(inner)[0]).partition('.')[0]}}}"
    else:
        yield ANYTHING


def _filled(inner: Any) -> Iterator[str]:
    """What a Sub becomes: what it says of its variables itself is put in."""
    text, said = inner if isinstance(inner, list) and len(inner) == 2 else (inner, {})
    if not isinstance(text, str) or not isinstance(said, dict):
        yield ANYTHING
        return
    for chosen in product(*(texts(one) for one in said.values())):
        put = dict(zip(map(str, said), chosen, strict=True))
        yield _put_in(text, put)


def _put_in(text: str, put: dict[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        name = found[1].strip()
        return put[name] if name in put else _bare(name)

    return _VARIABLE.sub(one, text)


def _bare(name: str) -> str:
    """A variable without its attribute."""
    bare = name.strip().partition(".")[0]
    return "" if bare == "AWS::NoValue" else f"${{{bare}}}"


def whole(value: Any) -> Iterator[Any]:
    """The texts in a plain value, and the forms that make one, each as a whole."""
    if isinstance(value, dict) and not {"Fn::Sub", "Fn::Join"} & set(value):
        for one in value.values():
            yield from whole(one)
    elif isinstance(value, list):
        for one in value:
            yield from whole(one)
    elif isinstance(value, (str, dict)):
        yield value


def sources(folder: Folder) -> dict[str, str]:
    """Names of the template that do not mean one application's own, with what they stand for."""
    if folder.template is None or folder.manifest is None:
        return {}
    found = {
        name: "*" for name, kind in folder.template.resources.items() if kind.startswith(_BEARERS)
    }
    for name in folder.template.parameter_names:
        source = folder.manifest.stack_parameters.get(name, "")
        if source.startswith(_ALIKE_SOURCES):
            found[name] = name if name in _ALIKE else "PlatformName"
        elif not source.startswith(_OWN_SOURCES):
            found[name] = "*"
    return found


def settled(value: Any, known: dict[str, str]) -> Any:
    """A value with every reference to a known name as a reference to what that stands for."""
    if isinstance(value, list):
        return [settled(one, known) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((form, inner),) = value.items()
        if form == "Ref" and isinstance(inner, str):
            return {"Ref": known.get(inner, inner)}
        if form == "Fn::GetAtt" and inner:
            name = str(many(inner)[0]).partition(".")[0]
            return {"Ref": known[name]} if name in known else value
        if form == "Fn::Sub":
            return {form: _settled_sub(inner, known)}
    return {key: settled(one, known) for key, one in value.items()}


def _settled_sub(inner: Any, known: dict[str, str]) -> Any:
    text, *rest = inner if isinstance(inner, list) and inner else [inner]
    said = set(rest[0]) if rest and isinstance(rest[0], dict) else set()
    if isinstance(text, str):
        text = _VARIABLE.sub(lambda found: _settled_name(found, said, known), text)
    return [text, *settled(rest, known)] if rest else text


def _settled_name(found: re.Match[str], said: set[str], known: dict[str, str]) -> str:
    name = found[1].strip().partition(".")[0]
    return found[0] if found[1].strip() in said or name not in known else f"${{{known[name]}}}"
