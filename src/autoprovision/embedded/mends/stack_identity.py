"""A stack's name, id and request token identify it as on AWS.

AWS: the name of a stack that exists, ROLLBACK_COMPLETE included, cannot be created again
(AlreadyExistsException); CreateStack repeated with its ClientRequestToken is the same request and
answers the same id, and a token used by another request is TokenAlreadyExistsException; a deleted
stack can be described by its id for 90 days, even when its name is in use again (API reference of
CreateStack and DescribeStacks).

MiniStack: creates over a stack in ROLLBACK_COMPLETE, refuses the repeated request, and forgets a
deleted stack as soon as its name is used again.

Mend: CreateStack is wrapped.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import json
from typing import Any

_FREE = "DELETE_COMPLETE"


def apply() -> None:
    """Wrap CreateStack."""
    from ministack.services import cloudformation
    from ministack.services.cloudformation import handlers, helpers

    create = handlers._ACTION_HANDLERS["CreateStack"]
    answered: dict[str, tuple[str, Any]] = {}

    def create_stack(parameters: dict[str, Any]) -> Any:
        token = helpers._p(parameters, "ClientRequestToken")
        request = json.dumps(parameters, sort_keys=True, default=str)
        if token in answered:
            first_request, answer = answered[token]
            if first_request == request:
                return answer
            return helpers._error(
                "TokenAlreadyExistsException", f"A client request token [{token}] already exists"
            )
        refused = _make_room(cloudformation._stacks, helpers._p(parameters, "StackName"))
        if refused:
            return helpers._error("AlreadyExistsException", refused)
        answer = create(parameters)
        if token and answer[0] == 200:
            answered[token] = (request, answer)
        return answer

    handlers._ACTION_HANDLERS["CreateStack"] = create_stack


def _make_room(stacks: Any, name: str) -> str | None:
    """Keep the deleted stack of that name under its id; why the name is not free, or None."""
    existing = stacks.get(name)
    if existing is None:
        return None
    if existing["StackStatus"] != _FREE:
        return f"Stack [{name}] already exists"
    stacks[existing["StackId"]] = existing
    return None
