"""From what a state caught to a code and a sentence that the person who asked understands.

A state catches `{Error, Cause}` and adds its own name as `Step`. Functions and task tokens write
`CODE: sentence.` into the cause, so that both travel together; AWS's own errors are worded here.
"""

import json
import re
from typing import Any, NamedTuple

from autoprovision.domain.request import RequestStatus

MOST_MESSAGE = 1500
_CODED = re.compile(r"^([A-Z][A-Z0-9_]{2,63}): (.+)", re.DOTALL)
# What Step Functions appends to an SDK's message.
_SDK_TRAILER = re.compile(r"\s*\((?:Service|SDK Attempt Count):.*$", re.DOTALL)
_ENDS = {
    "Cancelled": ("CANCELLED", RequestStatus.CANCELLED),
    "Rejected": ("REJECTED", RequestStatus.REJECTED),
    "Expired": ("EXPIRED", RequestStatus.EXPIRED),
}
_INTERNAL = (
    "The platform failed at the step {step}, not by anything you did. "
    "Everything was taken back; submitting again is safe."
)


class Failure(NamedTuple):
    """Why a request goes back.

    Attributes:
        code: the reason that programs compare.
        end: the final status that it comes to.
    """

    code: str
    message: str
    end: RequestStatus

    def kept(self) -> dict[str, str]:
        """As it is kept with the request."""
        return {"code": self.code, "message": self.message, "end": self.end.value}


def explain(caught: dict[str, Any]) -> Failure:
    """What a caught error means.

    Args:
        caught: `Error`, `Cause` and `Step` of the state; empty when an execution died.
    """
    error, step = str(caught.get("Error", "")), str(caught.get("Step", "the workflow"))
    cause = _message_in(str(caught.get("Cause", "")))
    coded = _CODED.match(cause)
    if error in _ENDS:
        code, end = _ENDS[error]
        return Failure(code, _cut(coded[2] if coded else cause), end)
    if coded:
        return Failure(coded[1], _cut(coded[2]), RequestStatus.FAILED)
    if error == "States.Timeout":
        return Failure("TIMEOUT", f"The step {step} took longer than it may.", RequestStatus.FAILED)
    if error.startswith(("CloudFormation.", "Ssm.")):
        return _by_aws(error, step, _SDK_TRAILER.sub("", cause))
    return Failure("INTERNAL", _INTERNAL.format(step=step), RequestStatus.FAILED)


def _by_aws(error: str, step: str, said: str) -> Failure:
    if error.startswith("Ssm."):
        code, refused = "RUNBOOK_NOT_STARTED", "Systems Manager did not take the runbook"
    elif step == "DeleteStack":
        code, refused = "STACK_NOT_DELETED", "CloudFormation does not delete the stack"
    else:
        code, refused = "STACK_NOT_LAUNCHED", "CloudFormation did not take the stack"
    return Failure(code, _cut(f"{refused}: {said}"), RequestStatus.FAILED)


def sentence(text: str) -> str:
    """Words of somebody else's as a sentence, so that another can follow."""
    said = text.strip()
    return said if said.endswith((".", "!", "?", "…")) else f"{said}."


def _message_in(cause: str) -> str:
    """A function's error comes as a JSON document, a token's as its text."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(document, dict):
        return str(document.get("errorMessage", ""))
    return cause


def _cut(text: str) -> str:
    return text if len(text) <= MOST_MESSAGE else text[: MOST_MESSAGE - 1] + "…"
