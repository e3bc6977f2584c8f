"""Writes what a benchmark found to `results/`, with when and where it was found."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
_GIB = 2**30


def machine() -> str:
    """The kind of machine, in words."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    return f"{cores} cores, {memory:.0f} GiB, {platform.system()} container"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write(name: str, title: str, parts: Sequence[str], *, others: Sequence[str] = ()) -> Path:
    """Write `results/<name>.md` and print it.

    Args:
        name: of the benchmark's program.
        title: the question it answers.
        parts: paragraphs and tables in Markdown.
        others: more lines about versions.
    """
    busy = os.getloadavg()[0]
    about = [
        (
            f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on a machine of {machine()}"
            f" (load average at the end: {busy:.1f}), "
            f"Python {platform.python_version()}, MiniStack {version('ministack')}, "
            f"boto3 {version('boto3')}."
        ),
        *others,
        f"Made by `python -m benchmarks.{name}`; do not edit.",
    ]
    text = "\n\n".join([f"# {title}", "\n".join(about), *parts]) + "\n"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.md"
    path.write_text(text, "utf-8")
    print(text)
    return path
