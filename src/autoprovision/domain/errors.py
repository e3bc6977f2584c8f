"""Everything that can go wrong by somebody's doing, as one tree.

AutoprovisionError
├── InvalidInputError        the input has faults, all of them named
├── NotAuthenticatedError    who are you?
├── ForbiddenError           known, but this role may not
├── NotFoundError            does not exist, or is not yours: the same answer
├── ConflictError            the state of things forbids it
│   ├── OverQuotaError       the business unit cannot afford it
│   └── NameTakenError       another application has this name
├── IdempotencyMismatchError the key was used with another body
├── BusyError                contended: try again
└── UnavailableError         something of ours or of AWS's does not answer: try again
"""

from dataclasses import dataclass
from typing import Any, ClassVar


class AutoprovisionError(Exception):
    """Base of every error that has a sentence for the person who caused or meets it.

    Attributes:
        code: upper-case word that programs compare.
        message: the sentence.
        extras: further members for the problem document, lowerCamelCase.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(self, message: str, *, code: str | None = None, **extras: Any) -> None:
        super().__init__(message)
        self.message = message
        self.reason = code or type(self).code
        self.extras = extras


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input.

    Attributes:
        pointer: JSON pointer (RFC 6901) into the document that was sent.
        detail: what is wrong, as a sentence.
        code: upper-case word that programs compare.
    """

    pointer: str
    detail: str
    code: str = "INVALID_VALUE"

    def as_dict(self) -> dict[str, str]:
        """The member of a problem document's `errors`."""
        return {"pointer": self.pointer, "detail": self.detail, "code": self.code}


class InvalidInputError(AutoprovisionError):
    """The input has faults; all of them are named at once."""

    code = "INVALID_INPUT"

    def __init__(self, faults: list[Fault], message: str | None = None) -> None:
        one = "There is 1 fault" if len(faults) == 1 else f"There are {len(faults)} faults"
        super().__init__(message or f"{one} in what was sent.")
        self.faults = faults


class NotAuthenticatedError(AutoprovisionError):
    """The token is missing, of the wrong kind, or of somebody unknown here."""

    code = "NOT_AUTHENTICATED"


class ForbiddenError(AutoprovisionError):
    """The person is known; their role does not allow this operation."""

    code = "FORBIDDEN"


class NotFoundError(AutoprovisionError):
    """It does not exist, or is not theirs."""

    code = "NOT_FOUND"


class ConflictError(AutoprovisionError):
    """The state of things forbids it now."""

    code = "CONFLICT"


class OverQuotaError(ConflictError):
    """The business unit, the organisation or the person has too little quota left."""

    code = "OVER_QUOTA"


class NameTakenError(ConflictError):
    """Another application has this name in this environment."""

    code = "NAME_TAKEN"


class IdempotencyMismatchError(AutoprovisionError):
    """The Idempotency-Key was used before with another body."""

    code = "IDEMPOTENCY_MISMATCH"


class BusyError(AutoprovisionError):
    """Several writers met; nothing was done, and trying again is right."""

    code = "TRY_AGAIN"


class UnavailableError(AutoprovisionError):
    """A service behind us does not answer; nothing was done that is not undone."""

    code = "UNAVAILABLE"
