"""What the command line tells when something goes wrong: what happened, why, what to run next."""

from collections.abc import Mapping, Sequence
from typing import Any

REFUSED = 1
USED_WRONGLY = 2
INTERRUPTED = 130

_NEXT_BY_CODE = {
    "INVALID_INPUT": "Correct the JSON template. `autoprovision blueprint schema` prints what it"
    " may hold, `autoprovision request plan FILE` checks it without any effect.",
    "OVER_QUOTA": "Terminate something (`autoprovision application list`), or ask an admin for"
    " more (`autoprovision unit set UNIT --quota N`).",
    "NAME_TAKEN": "Choose another ApplicationName, or another TargetEnvironment.",
    "NOT_AUTHENTICATED": "Sign in with `autoprovision login EMAIL`.",
    "FORBIDDEN": "Sign in as somebody whose role allows it:"
    " `autoprovision --profile NAME login EMAIL`.",
    "MFA_REQUIRED": "Run `autoprovision totp enrol`, then sign in again with a code:"
    " `autoprovision login EMAIL`.",
    "NOT_FOUND": "Look the id up with the noun's `list`, such as `autoprovision request list`.",
    "IDEMPOTENCY_MISMATCH": "Leave --idempotency-key out, or send what was sent with it before.",
}
_NEXT_BY_STATUS = {
    400: _NEXT_BY_CODE["INVALID_INPUT"],
    401: _NEXT_BY_CODE["NOT_AUTHENTICATED"],
    403: _NEXT_BY_CODE["FORBIDDEN"],
    404: _NEXT_BY_CODE["NOT_FOUND"],
    409: "Look at its state with the noun's `show`, such as `autoprovision request show ID`.",
    429: "Wait a little and run the same command again.",
}
_SERVER_FAULT = 500


class CliError(Exception):
    """Something a person has to know, with what to do about it.

    Args:
        message: What happened and why, as a sentence.
        hint: What to run next, as a sentence.
        exit_code: 1 refused or failed, 2 used wrongly.
    """

    def __init__(self, message: str, hint: str = "", *, exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        self.details: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, Any]:
        """The error as a problem document, for `--json`."""
        return {"type": "about:blank", "title": "Failed", "detail": self.message}


class MisuseError(CliError):
    """The command was used wrongly: exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, exit_code=USED_WRONGLY)


class UnreachableError(CliError):
    """The API or the sign-in service does not answer."""


class SignInNeededError(CliError):
    """Nobody is signed in with this profile, or no longer."""


class RefusalError(CliError):
    """The API answered with a problem document (RFC 9457).

    Args:
        status: The HTTP status.
        problem: The document; every member may be missing.
        hint: What to run next, where the place knows better than the code.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], hint: str = "") -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code") or "")
        sentence = str(problem.get("detail") or problem.get("title") or "The API refused.")
        super().__init__(f"{sentence} ({self.code or 'HTTP'} {status})", hint or self._next())
        self.details = [_fault(entry) for entry in problem.get("errors") or ()]

    def document(self) -> dict[str, Any]:
        """The problem document as the API sent it."""
        return {"status": self.status, **self.problem}

    def _next(self) -> str:
        advice = self.problem.get("advice")
        if isinstance(advice, str) and advice:
            return advice
        if self.status >= _SERVER_FAULT:
            return "Run the same command again; if it stays, ask the platform team for its log."
        return _NEXT_BY_CODE.get(self.code) or _NEXT_BY_STATUS.get(self.status, "")


def _fault(entry: object) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return "", str(entry)
    return str(entry.get("pointer") or "/"), str(entry.get("detail") or entry.get("code") or "")
