"""Operations: what they may be given, and the token by which their workflow waits."""

import pytest

from autoprovision.domain.declared_operation import DeclaredOperation
from autoprovision.domain.errors import InvalidInputError
from autoprovision.domain.operation import (
    MOST_VALUE,
    TOKEN_PARAMETERS,
    checked,
    joined_token,
)

DECLARED = DeclaredOperation.model_validate({
    "title": "Clear", "description": "Clears.", "runbook": "clear",
    "parameters": {
        "path": {"type": "text", "description": "Which one.", "default": "/var/cache"},
        "command": {"type": "script", "description": "What.", "default": "true"},
    },
    "runbookParameters": {"Path": "parameters.path", "Source": "script.command"},
})  # fmt: skip


def test_a_token_is_joined_of_its_pieces_in_their_order():
    given = {name: [str(number)] for number, name in enumerate(TOKEN_PARAMETERS)}
    assert joined_token(dict(reversed(given.items()))) == "0123"
    assert joined_token({"TaskToken1": ["short"], "RequestId": ["req_1"]}) == "short"
    assert joined_token({"TaskToken1": ["short"], "TaskToken2": [""]}) == "short"
    assert joined_token({"RequestId": ["req_1"]}) == ""


@pytest.mark.parametrize("path", ["", "x" * (MOST_VALUE + 1)])
def test_a_text_that_systems_manager_would_refuse_is_a_fault(path: str):
    with pytest.raises(InvalidInputError) as refused:
        checked(DECLARED, {"path": path})
    (fault,) = refused.value.faults
    assert (fault.pointer, fault.code) == ("/parameters/path", "INVALID_VALUE")
    assert fault.detail == "path must have 1 to 512 characters."


def test_the_longest_text_and_a_longer_script_are_none():
    given = {"path": "x" * MOST_VALUE, "command": "y" * 2 * MOST_VALUE}
    assert checked(DECLARED, given)["path"] == given["path"]
