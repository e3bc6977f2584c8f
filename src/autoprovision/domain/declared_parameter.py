"""What a blueprint lets people choose: one key under `Parameters`, and what it may hold."""

import re
from typing import Any, Literal

from pydantic import ConfigDict

from autoprovision.domain.request import ParameterValue, TargetEnvironment
from autoprovision.domain.resource import Resource


class ManifestPart(Resource):
    """A part of a manifest: a key that is not known is a fault, not ignored."""

    model_config = ConfigDict(**{**Resource.model_config, "extra": "forbid"})


class DeclaredParameter(ManifestPart):
    """One key that a user may set under `Parameters`.

    Attributes:
        default: used when the user is silent; None makes the parameter required.
    """

    type: Literal["text", "integer", "boolean", "choice"]
    description: str
    default: ParameterValue | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    environments: tuple[TargetEnvironment, ...] = tuple(TargetEnvironment)

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
