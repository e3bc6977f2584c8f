"""Input from outside: JSON read strictly, pointers into it, names and addresses in one spelling."""

import json
import re
from typing import Any

from pydantic import ValidationError

from autoprovision.domain.errors import Fault, InvalidInputError

MAX_TEMPLATE_BYTES = 64 * 1024
# One address, as mail systems take it: RFC 5321 lengths, no quoting, no display name, no controls.
_EMAIL = re.compile(
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$",
    re.ASCII,
)

_UNIT = re.compile(r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$", re.ASCII)


def email_address(value: str) -> str:
    """An e-mail address with a lower-case domain.

    Raises:
        ValueError: it is not one plain address.
    """
    if len(value) > 254 or not _EMAIL.match(value) or ".." in value:
        raise ValueError("Write one e-mail address, such as ada@example.edu.")
    local, _, domain = value.rpartition("@")
    if local.startswith(".") or local.endswith("."):
        raise ValueError("Write one e-mail address, such as ada@example.edu.")
    return f"{local}@{domain.lower()}"


def business_unit_name(value: str) -> str:
    """The name of a business unit, in lower case.

    Raises:
        ValueError: it is not 1 to 64 letters, digits, dots, hyphens or underscores.
    """
    name = value.strip().lower()
    if not _UNIT.match(name):
        raise ValueError(
            "A business unit has 1 to 64 letters, digits, dots, hyphens or underscores."
        )
    return name


def parse_json_object(body: bytes, *, limit: int = MAX_TEMPLATE_BYTES) -> dict[str, Any]:
    """A JSON object from the outside.

    Raises:
        InvalidInputError: too large, not UTF-8, not JSON, a key twice, half a character, or not an
            object.
    """
    if len(body) > limit:
        raise InvalidInputError([Fault("", f"Send at most {limit} bytes.", "TOO_LARGE")])
    try:
        document = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise InvalidInputError([Fault("", "Send UTF-8.", "NOT_JSON")]) from None
    except RecursionError:
        raise InvalidInputError([Fault("", "This is nested too deeply.", "NOT_JSON")]) from None
    except ValueError as error:
        raise InvalidInputError([Fault("", f"This is not JSON: {error}.", "NOT_JSON")]) from None
    if not isinstance(document, dict):
        raise InvalidInputError([Fault("", "Send one JSON object.", "NOT_AN_OBJECT")])
    _refuse_unspeakable(document)
    return document


def _refuse_unspeakable(document: dict[str, Any]) -> None:
    """Refuse what JSON can spell and nothing after it can keep: half characters, infinity."""
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        sentence = "A \\ud800 to \\udfff stands alone; that is half a character."
        raise InvalidInputError([Fault("", sentence, "NOT_JSON")]) from None
    except ValueError:
        raise InvalidInputError([Fault("", "A number is too large.", "NOT_JSON")]) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands twice")
    return document


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def pointer(*path: str | int) -> str:
    """A JSON pointer (RFC 6901) from its parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


_SENTENCES = {
    "missing": ("{key} is needed.", "MISSING"),
    "string_type": ("{key} must be text.", "WRONG_TYPE"),
    "dict_type": ("{key} must be an object.", "WRONG_TYPE"),
    "enum": ("{key} must be dev, stag or prod.", "INVALID_VALUE"),
    "extra_forbidden": ("There is no key {key!r} here.", "UNKNOWN_KEY"),
}


def faults_of(error: ValidationError, spelling: dict[str, str] | None = None) -> list[Fault]:
    """Pydantic's findings as faults, without ever repeating a secret's value.

    Args:
        spelling: how the sender wrote each top-level key.
    """
    faults: dict[str, Fault] = {}
    for found in error.errors(include_url=False, include_input=False):
        path = [part for part in found["loc"] if not _is_union_branch(part)]
        key = str(path[-1]) if path else "The template"
        if path and spelling:
            path[0] = spelling.get(str(path[0]), path[0])
        sentence, code = _SENTENCES.get(found["type"], ("", "INVALID_VALUE"))
        detail = sentence.format(key=key) or found["msg"].removeprefix("Value error, ")
        at = pointer(*path)
        faults.setdefault(at, Fault(at, detail, code))
    return list(faults.values())


def _is_union_branch(part: str | int) -> bool:
    return isinstance(part, str) and (
        part in {"int", "float", "bool", "str"} or "constrained" in part
    )
