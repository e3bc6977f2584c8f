"""What the catalog says of a template that is wrong by itself already.

A person who mends what was named must not hear of the next fault only then. So what is wrong is set
aside, something right put in its place, and the rest held against the catalog.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from autoprovision.domain.blueprint import Catalog
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.domain.git_source import AllowedHosts
from autoprovision.domain.planning import matched
from autoprovision.domain.request import RequestTemplate

_KEYS = {key.lower(): key for key in RequestTemplate.model_fields}
_STAND_INS = {
    "ApplicationName": "stand-in",
    "TargetEnvironment": "dev",
    "ProjectEmail": "stand-in@example.edu",
}
# What does not hang on the environment, where that is what is wrong.
_ANYWHERE = frozenset({"ProjectType", "ProjectURL"})


def further_faults(
    document: dict[str, Any],
    told: Iterable[Fault],
    catalog: Catalog,
    allowed_hosts: AllowedHosts,
) -> list[Fault]:
    """Faults beyond those that were told, of the keys that are right by themselves.

    Args:
        document: the template as it was sent.
        told: what is wrong with it without the catalog.
    """
    wrong = {_key(fault.pointer) for fault in told}
    given = {_KEYS.get(key.strip().lower(), ""): value for key, value in document.items()}
    right = {key: value for key, value in given.items() if key and key not in wrong}
    if "" in wrong:  # The two credentials do not go together.
        right.pop("PrivateKey", None)
    if "ProjectType" not in right:
        return []
    try:
        template = RequestTemplate.model_validate(_STAND_INS | right)
        matched(template, catalog, allowed_hosts)
    except ValidationError:
        return []
    except InvalidInputError as error:
        found = [fault for fault in error.faults if _key(fault.pointer) not in wrong]
        if "TargetEnvironment" in wrong:
            found = [fault for fault in found if _key(fault.pointer) in _ANYWHERE]
        return found
    return []


def _key(pointer: str) -> str:
    """The template's own key that a pointer leads into."""
    first = pointer.lstrip("/").partition("/")[0]
    return _KEYS.get(first.strip().lower(), first)
