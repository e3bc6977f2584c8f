"""One thing that a rule found in a blueprint's folder."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """A rule by its name.

    Attributes:
        asks: what it asks for, as a sentence.
        remedy: what to do when it does not hold.
        warning: whether it only warns.
    """

    asks: str
    remedy: str
    warning: bool = False


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, by which rule, and what to do.

    Attributes:
        file: relative to the folder.
        pointer: JSON pointer into it; empty for the whole file.
        detail: what is wrong, as a sentence.
        rule: a name of `table.RULES`, or a linter's own id.
        remedy: what to do about it.
        line: where the pointer stands, when that is known.
        warning: whether it only warns.
    """

    file: str
    pointer: str
    detail: str
    rule: str
    remedy: str = ""
    line: int | None = None
    warning: bool = False

    @property
    def place(self) -> str:
        """File, line and pointer in one text."""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line} {self.pointer}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "file": self.file, "line": self.line, "pointer": self.pointer, "rule": self.rule,
            "detail": self.detail, "remedy": self.remedy,
        }  # fmt: skip
