"""One call of the API, as a route sees it, and its answer."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from autoprovision.domain.actor import Actor
from autoprovision.domain.document import faults_of, parse_json_object, pointer
from autoprovision.domain.errors import Fault, InvalidInputError
from autoprovision.ports import Page, Platform

Body = TypeVar("Body", bound=BaseModel)
_DEFAULT_PAGE, _LONGEST_PAGE = 50, 100
_LONGEST_CURSOR, _LONGEST_ID = 2048, 256
_PLACES = ("free", "held", "committed")


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of a response."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One authenticated call.

    Attributes:
        operation_id: a ULID that stays the same when the call is repeated under its
            Idempotency-Key.
    """

    actor: Actor
    platform: Platform
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    operation_id: str

    def document(self) -> dict[str, Any]:
        """The body as a JSON object. Raises InvalidInputError."""
        return parse_json_object(self.body)

    def read(self, model: type[Body], *, limit: int | None = None) -> Body:
        """The body as a model. Raises InvalidInputError with every fault."""
        document = parse_json_object(self.body, **({"limit": limit} if limit else {}))
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise InvalidInputError(faults_of(error)) from None

    def limit(self) -> int:
        """The page size that was asked for. Raises InvalidInputError."""
        text = self.query.get("limit", str(_DEFAULT_PAGE))
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_LONGEST_PAGE))
        if not (is_number and 1 <= int(text) <= _LONGEST_PAGE):
            raise InvalidInputError(
                [Fault(pointer("limit"), f"limit is a number from 1 to {_LONGEST_PAGE}.")]
            )
        return int(text)

    def after(self, list_name: str) -> Any:
        """What the cursor of this list points at, None at the beginning.

        Raises:
            InvalidInputError: the cursor is damaged, or belongs to another list.
        """
        text = self.query.get("cursor")
        if not text:
            return None
        if len(text) > _LONGEST_CURSOR:
            raise InvalidInputError([_not_a_cursor()])
        try:
            decoded = json.loads(base64.b64decode(text, altchars=b"-_", validate=True))
        except (ValueError, binascii.Error, RecursionError):
            raise InvalidInputError([_not_a_cursor()]) from None
        if not isinstance(decoded, list) or len(decoded) != 2 or decoded[0] != list_name:
            raise InvalidInputError([_not_a_cursor()])
        return decoded[1]

    def after_id(self, list_name: str) -> str | None:
        """The same for lists whose cursor is the last id."""
        position = self.after(list_name)
        if position is None or (isinstance(position, str) and len(position) <= _LONGEST_ID):
            return position
        raise InvalidInputError([_not_a_cursor()])

    def after_movement(self, list_name: str) -> dict[str, Any] | None:
        """The same for ledgers, whose cursor carries the running balance."""
        position = self.after(list_name)
        if position is None:
            return None
        if isinstance(position, dict) and position.keys() == {"after", *_PLACES}:
            last, places = position["after"], [position[place] for place in _PLACES]
            is_id = isinstance(last, str) and len(last) <= _LONGEST_ID
            if is_id and all(type(one) is int for one in places):
                return position
        raise InvalidInputError([_not_a_cursor()])


def _not_a_cursor() -> Fault:
    return Fault(pointer("cursor"), "This is not a cursor of this list.", "INVALID_CURSOR")


def cursor(list_name: str, position: Any) -> str | None:
    """An opaque cursor."""
    if position is None:
        return None
    raw = json.dumps([list_name, position], separators=(",", ":")).encode()
    return base64.b64encode(raw, altchars=b"-_").decode()


def listed(list_name: str, page: Page[Any], shown: Any) -> Answer:
    """The answer of a list."""
    return Answer(
        200,
        {"items": [shown(item) for item in page.items], "next": cursor(list_name, page.next)},
    )
