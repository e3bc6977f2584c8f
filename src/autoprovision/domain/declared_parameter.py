"""What a blueprint lets people choose: the keys under `Parameters`, and what they may hold."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from autoprovision.domain.price import When, holds
from autoprovision.domain.request import ParameterValue, TargetEnvironment
from autoprovision.domain.resource import ManifestPart

MOST_SCRIPT_BYTES = 16 * 1024


class DeclaredParameter(ManifestPart):
    """One key that a user may set under `Parameters`.

    Attributes:
        default: used when the user is silent; None makes the parameter required.
    """

    type: Literal["text", "script", "integer", "boolean", "choice"]
    description: str
    default: ParameterValue | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    environments: tuple[TargetEnvironment, ...] = tuple(TargetEnvironment)

    @model_validator(mode="after")
    def _default(self) -> Self:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"The pattern is none: {error}.") from error
        if self.default is not None:
            try:
                self.text_of(self.default)
            except ValueError as error:
                raise ValueError(f"The default {error}") from error
        return self

    def text_of(self, value: Any) -> str:
        """The value as CloudFormation takes it.

        Raises:
            ValueError: with the rule that it breaks.
        """
        if self.type == "boolean":
            if not isinstance(value, bool):
                raise ValueError("must be true or false.")
            return "true" if value else "false"
        if self.type == "integer":
            return self._integer(value)
        if not isinstance(value, str):
            raise ValueError("must be text.")
        if self.type == "choice":
            match = {choice.lower(): choice for choice in self.choices}.get(value.lower())
            if match is None:
                raise ValueError(f"must be one of {', '.join(self.choices)}.")
            return match
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ValueError(f"must match {self.pattern}.")
        if self.type == "script":
            return _script(value)
        if any(ord(character) < 32 for character in value):
            raise ValueError("may not hold control characters.")
        return value

    def takes(self, text: str) -> bool:
        """Whether it can be what CloudFormation takes as this text."""
        if self.type == "boolean":
            return text in {"true", "false"}
        value = int(text) if self.type == "integer" and text.isdecimal() else text
        try:
            return self.text_of(value) == text
        except ValueError:
            return False

    def _integer(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number.")
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"must be from {low} to {high}.")
        return str(value)


class ParameterRule(ManifestPart):
    """What parameters have to be for one another, where each alone may be more.

    Attributes:
        when: what the parameters are that ask for something; `TechStack` is the request's.
        needs: what others have to be then.
        why: the reason, as a sentence for whoever chose otherwise.
    """

    when: When
    needs: When
    why: str

    def broken(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The parameters that are not what they have to be."""
        if not holds(self.when, values):
            return ()
        return tuple(name for name, one in self.needs.items() if values.get(name) not in one)


def _script(text: str) -> str:
    """Several lines for a shell, ended as shells expect it."""
    lines = text.replace("\r\n", "\n")
    if not lines.strip():
        raise ValueError("may not be empty.")
    if len(lines.encode()) > MOST_SCRIPT_BYTES:
        raise ValueError(f"may have at most {MOST_SCRIPT_BYTES} bytes.")
    if any(ord(one) < 32 and one not in "\n\t" for one in lines) or "\x7f" in lines:
        raise ValueError("may not hold control characters but line ends and tabs.")
    return lines if lines.endswith("\n") else f"{lines}\n"
