"""What the command line tells when something goes wrong: what happened, why, what to run next."""

from collections.abc import Mapping, Sequence
from typing import Any

from autoprovision.cli.advice import next_step

REFUSED = 1
USED_WRONGLY = 2
INTERRUPTED = 130


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
        method: The HTTP method that was refused.
        path: What was called.
    """

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, method: str = "", path: str = ""
    ) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code") or "")
        sentence = str(problem.get("detail") or problem.get("title") or "The API refused.")
        hint = next_step(method, path, status, problem)
        super().__init__(f"{sentence} ({self.code or 'HTTP'} {status})", hint)
        self.details = [_fault(entry) for entry in problem.get("errors") or ()]

    def document(self) -> dict[str, Any]:
        """The problem document as the API sent it."""
        return {"status": self.status, **self.problem}


def _fault(entry: object) -> tuple[str, str]:
    if not isinstance(entry, Mapping):
        return "", str(entry)
    return str(entry.get("pointer") or "/"), str(entry.get("detail") or entry.get("code") or "")
