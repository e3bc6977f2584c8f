"""The names Step Functions gives to services, fields and errors in `aws-sdk` integrations.

They are those of the AWS SDK for Java 2.x (Step Functions developer guide, "Learning to use AWS
service SDK integrations"). Its code generator splits the name of a service or an error into words
and capitalizes each: `SESv2` is `SesV2`, `StackNotFoundFault` is `StackNotFoundException`. Of a
field it only lowers the leading capitals, and Step Functions raises the first again: `DBInstances`
is `DbInstances`, while `TemplateURL` and `RoleARN` stay as they are.
"""

import re
from functools import cache

# Names that the SDK changes by hand, because a plain one is a reserved word there.
_BY_HAND = {"NULL": "Nul"}


@cache
def words(name: str) -> tuple[str, ...]:
    """Split a model's name into its words, in their own spelling."""
    text = re.sub(r"[^A-Za-z0-9]+", " ", name)
    text = re.sub(r"([^a-z]{2,})v([0-9]+)", r"\1 v\2 ", text)
    text = re.sub(r"([^A-Z]{2,})V([0-9]+)", r"\1 V\2 ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-zA-Z0-9])", " ", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    text = re.sub(r"([0-9])([a-zA-Z])", r"\1 \2", text)
    return tuple(text.split())


def pascal_case(name: str) -> str:
    """The name of a service: `SESv2` is `SesV2`."""
    return "".join(word[:1].upper() + word[1:].lower() for word in words(name))


def field_name(name: str) -> str:
    """The name of a field: `SSEDescription` is `SseDescription`, `RoleARN` is `RoleARN`."""
    if name in _BY_HAND:
        return _BY_HAND[name]
    capitals = re.match(r"[A-Z]*(?![a-z])", name)
    leading = len(capitals[0]) if capitals else 0
    return name[:1].upper() + name[1:leading].lower() + name[max(leading, 1) :]


def exception_name(shape_name: str) -> str:
    """The name of a modelled error, always ending in `Exception`."""
    name = pascal_case(shape_name)
    if name.endswith("Fault"):
        name = name.removesuffix("Fault")
    return name if name.endswith("Exception") else f"{name}Exception"
