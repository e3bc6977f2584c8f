"""Writes the authorization matrix of docs/security.md from the tables the platform decides by.

`python tools/security_page.py` rewrites the block; a test holds the page against the tables.
"""

from pathlib import Path

from autoprovision.domain.actor import AUTHORIZATION, Role, Scope
from autoprovision.functions.routes import OPERATIONS, PUBLIC

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
BEGIN, END = "<!-- begin authorization matrix -->", "<!-- end authorization matrix -->"
_MARKS = {
    Scope.NONE: "403",
    Scope.OWN_UNIT: "own unit",
    Scope.APPROVED_UNITS: "own unit, units approved for",
    Scope.EVERYTHING: "all",
}


def matrix() -> str:
    """A line for every route: the operation and how far each role reaches."""
    lines = [
        f"| route | operation | {' | '.join(Role)} |",
        f"|---|---|{'---|' * len(Role)}",
    ]
    for route, operation in OPERATIONS.items():
        reach = " | ".join(_MARKS[scope] for scope in AUTHORIZATION[operation.name])
        lines.append(f"| `{route}` | `{operation.name}` | {reach} |")
    lines += [f"| `{route}` | without a token | {' | '.join(['all'] * 3)} |" for route in PUBLIC]
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the block made anew."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n{matrix()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
