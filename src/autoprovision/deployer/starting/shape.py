"""What a template's parts have to be before anything is added to them."""

from collections.abc import Iterator
from typing import Any

from autoprovision.deployer.rules.folder import walk

_SECTIONS = ("Conditions", "Mappings", "Metadata", "Outputs", "Parameters", "Rules")
_NUMBERS = ("Default", "MinValue", "MaxValue")
_LISTS = ("ManagedPolicyArns", "Policies")


def shape_faults(document: dict[str, Any]) -> Iterator[str]:
    """What of it is not what it has to be, a sentence each.

    Args:
        document: a template whose resources are mappings with a Type each.
    """
    for name in _SECTIONS:
        if not isinstance(document.get(name, {}), dict):
            yield f"{name} is no mapping."
    parameters = document.get("Parameters", {})
    for name, one in parameters.items() if isinstance(parameters, dict) else ():
        yield from _parameter(f"Parameters/{name}", one)
    for name, one in document["Resources"].items():
        yield from _resource(f"Resources/{name}", one)
    for at, value in walk(document):
        if isinstance(value, dict) and len(value) == 1:
            ((form, inner),) = value.items()
            taken = str if form == "Ref" else str | list | dict
            if (form == "Ref" or form.startswith("Fn::")) and not isinstance(inner, taken):
                yield f"{at.lstrip('/')} gives {form} nothing that it takes."


def _parameter(at: str, one: Any) -> Iterator[str]:
    if not isinstance(one, dict) or not isinstance(one.get("Type", "String"), str):
        yield f"{at} is no parameter with a Type."
        return
    for key in _NUMBERS:
        if one.get("Type") == "Number" and not _is_whole(one.get(key, 0)):
            yield f"{at}/{key} is no whole number."


def _is_whole(value: Any) -> bool:
    try:
        return not isinstance(value, bool | float) and str(int(value)) == str(value)
    except (TypeError, ValueError):
        return False


def _resource(at: str, one: dict[str, Any]) -> Iterator[str]:
    for part in ("Metadata", "Properties"):
        if not isinstance(one.get(part, {}), dict):
            yield f"{at}/{part} is no mapping."
    properties = one.get("Properties")
    if one["Type"] != "AWS::IAM::Role" or not isinstance(properties, dict):
        return
    for key in _LISTS:
        if not isinstance(properties.get(key, []), list):
            yield f"{at}/Properties/{key} is no list."
