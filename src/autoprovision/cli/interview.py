"""Asks for secrets: from stdin when told so, else hidden on the terminal; never from arguments.

Arguments are seen by every process of the machine and stay in the shell's history.
"""

import sys

import typer

from autoprovision.cli.errors import MisuseError
from autoprovision.cli.render import Output


class Interview:
    """Answers one command needs from a person.

    Args:
        out: Where questions are asked: always stderr.
        password_stdin: Whether passwords are lines of stdin.
        code: A code given in advance, used once.
    """

    def __init__(
        self, out: Output, *, password_stdin: bool = False, code: str | None = None
    ) -> None:
        self._out = out
        self._stdin = password_stdin
        self._code = code

    def password(self, question: str = "Password") -> str:
        """A password: the next line of stdin, or asked for."""
        if self._stdin:
            line = sys.stdin.readline().rstrip("\r\n")
            if not line:
                raise MisuseError(
                    f"stdin holds no line for: {question}.",
                    "Write one line for each password that is asked for.",
                )
            return line
        self._need_person(question, "--password-stdin")
        return str(typer.prompt(question, hide_input=True, err=True))

    def new_password(self, question: str = "New password") -> str:
        """A password to set: on the terminal it is asked for twice."""
        if self._stdin:
            return self.password(question)
        self._need_person(question, "--password-stdin")
        return str(typer.prompt(question, hide_input=True, confirmation_prompt=True, err=True))

    def code(self, question: str) -> str:
        """A code from an app or a mail."""
        if self._code is not None:
            code, self._code = self._code, None
            return code
        if self._stdin:
            line = sys.stdin.readline().strip()
            if line:
                return line
        self._need_person(question, "--code CODE")
        return str(typer.prompt(question, err=True)).strip()

    def _need_person(self, question: str, instead: str) -> None:
        if not self._out.can_ask:
            raise MisuseError(f"Nobody can answer here: {question}?", f"Use {instead}.")
