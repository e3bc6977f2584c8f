"""Fills `{{ … }}` in a runbook with parameters, outputs of steps and system variables.

A value that is nothing but one reference keeps its type, so that a list stays a list; within a text
a list is written as JSON (Systems Manager user guide, "Data elements and parameters").
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_REFERENCE = re.compile(r"\{\{\s*([A-Za-z0-9_.:-]+)\s*\}\}")


class Unresolved(Exception):  # noqa: N818
    """A runbook refers to something that is not there."""


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with every reference replaced.

    Raises:
        Unresolved: naming the reference.
    """
    if isinstance(value, Mapping):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value.strip())
    if whole:
        return _looked_up(whole[1], known)
    return _REFERENCE.sub(lambda found: _text(_looked_up(found[1], known)), value)


def _looked_up(name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise Unresolved(f"There is no {name} to put in for {{{{ {name} }}}}")
    return known[name]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def selected(document: Any, selector: str) -> Any:
    """What a JSONPath of the simple kind finds: `$.Names[0].Of[1].Members`.

    Raises:
        Unresolved: it finds nothing, or is of another kind.
    """
    found = document
    for name, number in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", selector):
        try:
            found = found[name] if name else found[int(number)]
        except (KeyError, IndexError, TypeError):
            raise Unresolved(f"{selector} is not in the answer") from None
    return found
