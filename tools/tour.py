"""Plays the README's tour and prints it, so that the README shows what a run really printed.

`python tools/tour.py` prints the tour; `--write` puts it into README.md between its two marks.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- tour: tools/tour.py --write -->", "<!-- end of tour -->"
UNIT = "ntu-scse-2023-ct1"


class Tour:
    """The commands and what they print, as Markdown."""

    def __init__(self, data: Path) -> None:
        self._environment = {**os.environ, "AUTOPROVISION_DATA": str(data), "COLUMNS": "120"}
        self.blocks: list[str] = []

    def run(self, *words: str, keep: int | None = None) -> str:
        """Run a command of ours; show its first `keep` lines."""
        command = [sys.executable, "-m", "autoprovision", *words]
        done = subprocess.run(
            command, env=self._environment, cwd=ROOT, text=True, check=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        lines = [line.rstrip() for line in done.stdout.rstrip().splitlines()]
        if keep is not None and len(lines) > keep:
            lines = [*lines[:keep], "…"]
        self.blocks.append("\n".join([f"$ autoprovision {' '.join(words)}", *lines]))
        return done.stdout

    def read(self, *words: str) -> dict[str, object]:
        """A command's JSON, not shown."""
        command = [sys.executable, "-m", "autoprovision", *words, "--json"]
        out = subprocess.run(
            command, env=self._environment, cwd=ROOT, check=True, capture_output=True, text=True
        )
        document: dict[str, object] = json.loads(out.stdout)
        return document

    def stop(self) -> None:
        """Leave nothing running, whatever happened."""
        command = [sys.executable, "-m", "autoprovision", "down"]
        subprocess.run(command, env=self._environment, check=False, capture_output=True)

    def say(self, text: str) -> None:
        """A paragraph between blocks."""
        self.blocks.append(f"\0{text}")

    def page(self) -> str:
        """The whole tour."""
        parts = [
            block[1:] if block.startswith("\0") else f"```\n{block}\n```" for block in self.blocks
        ]
        return re.sub(r"\n```\n\n```\n", "\n\n", "\n\n".join(parts))


def play(tour: Tour) -> None:
    """The five minutes."""
    up = tour.run("up")
    shown = [
        line for line in up.splitlines() if line.startswith(("Starting", "Signed", "It is", "http"))
    ]
    tour.blocks[-1] = "\n".join(["$ autoprovision up", *shown[:1], "…", *shown[1:]])
    tour.say(
        "Give a business unit a quota (credits are US cents a month), and put a project somewhere: "
        "here the sample in `examples/static-site`, served as a git repository on loopback."
    )
    tour.blocks.append(
        "$ python -m autoprovision.embedded.git_host examples/static-site &\nhttp://127.0.0.1:8418/static-site"
    )
    tour.run("unit", "set", UNIT, "--quota", "20000")
    tour.blocks.append(
        "$ cat examples/requests/static-site.json\n"
        + (ROOT / "examples/requests/static-site.json").read_text("utf-8").rstrip()
    )
    tour.say("What would it come to? A plan has no side effect.")
    tour.run("request", "plan", "examples/requests/static-site.json")
    tour.say("Submit it, and watch every step.")
    tour.run("request", "submit", "examples/requests/static-site.json", "--watch")
    application = tour.read("application", "list")["items"][0]  # type: ignore[index]
    tour.say("The mail has the URL, and the URL has the repository's content.")
    tour.run("mailbox")
    page = subprocess.run(
        ["curl", "-s", f"{application['url']}/"], capture_output=True, text=True, check=True
    )
    lines = page.stdout.splitlines()
    tour.blocks.append("\n".join([f"$ curl -s {application['url']}/", *lines[:12], "…"]))
    tour.say("Look at it, at the ledger, and end it: deleted means verified gone.")
    tour.run("application", "show", application["id"])
    tour.run("unit", "ledger", UNIT)
    tour.run("application", "terminate", application["id"], "--yes", "--watch", keep=14)
    tour.run("down")


def main() -> None:
    """Play it, and print or write it."""
    with tempfile.TemporaryDirectory() as data:
        host = subprocess.Popen(
            [sys.executable, "-m", "autoprovision.embedded.git_host", "examples/static-site"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        tour = Tour(Path(data))
        try:
            assert host.stdout is not None
            host.stdout.readline()
            play(tour)
        finally:
            host.terminate()
            host.wait()
            tour.stop()
    if "--write" not in sys.argv:
        print(tour.page())
        return
    text = README.read_text("utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n\n{tour.page()}\n\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
