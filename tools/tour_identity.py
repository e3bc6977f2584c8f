"""Plays docs/tour-identity.md: people, a second factor, a class, a request that fits or not.

`python tools/tour_identity.py` prints the page that a real run gives; `--write` puts it into docs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.kit import totp

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tour-identity.md"
UNIT, PASSWORD = "ntu-scse-2023-ct1", "Correct-horse-battery-9"
TEMPLATE = {
    "ApplicationName": "shop", "TargetEnvironment": "prod", "ProjectType": "Static",
    "ProjectURL": "https://github.com/acme/site", "ProjectEmail": "ada@example.edu",
}  # fmt: skip


class Tour:
    """The commands of a run and what they print."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._environment = {
            **os.environ, "AUTOPROVISION_DATA": str(data), "COLUMNS": "150", "NO_COLOR": "1",
        }  # fmt: skip
        self.parts: list[str] = []

    def say(self, text: str) -> None:
        """A paragraph."""
        self.parts.append(text)

    def run(self, *words: str, stdin: str = "", before: str = "", keep: int = 30) -> str:
        """Run a command and show what it printed, at most `keep` lines of it."""
        done = subprocess.run(
            [sys.executable, "-m", "autoprovision", *words], env=self._environment, text=True,
            cwd=self._data, input=stdin, check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        lines = [line.rstrip() for line in done.stdout.splitlines()]
        shown = lines if len(lines) <= keep else [*lines[: keep - 3], "…", *lines[-2:]]
        ends = [] if done.returncode == 0 else [f"(exit code {done.returncode})"]
        command = f"$ {before}autoprovision {' '.join(words)}"
        self.parts.append("\n".join(["```console", command, *shown, *ends, "```"]))
        return done.stdout

    def enrol(self, profile: str) -> str:
        """`totp enrol` with an authenticator app; the secret."""
        words = ["--profile", profile, "totp", "enrol", "--code-stdin"]
        with subprocess.Popen(
            [sys.executable, "-m", "autoprovision", *words], env=self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            assert process.stdin
            assert process.stdout
            told = [process.stdout.readline() for _ in range(4)]
            secret = told[2].split()[1]
            process.stdin.write(totp.code(secret) + "\n")
            process.stdin.close()
            told += process.stdout.readlines()
        text = "".join(told).replace(secret, secret[:4] + "…")
        self.parts.append(f"```console\n$ autoprovision {' '.join(words)}\n{text}```")
        return secret


def play(tour: Tour, data: Path) -> None:
    """The tour, in order."""
    tour.run("up", keep=8)
    tour.say("An admin tags a unit with its quota, and invites people into it.")
    tour.run("unit", "set", UNIT, "--quota", "20000")
    secret_in = 'printf %s "$PASSWORD" | '  # noqa: S105 - no password
    for email, role in (("ada@example.edu", "requester"), ("bo@example.edu", "approver")):
        words = ("user", "create", email, "--unit", UNIT, "--role", role, "--password-stdin")
        tour.run(*words, stdin=PASSWORD, before=secret_in)
    tour.say("Bo enrols an authenticator app and signs in with its code.")
    tour.run("--profile", "bo", "login", "bo@example.edu", "--password-stdin",
             stdin=PASSWORD, before=secret_in)  # fmt: skip
    secret = tour.enrol("bo")
    wait_for_next_code()
    tour.run("--profile", "bo", "login", "bo@example.edu", "--password-stdin",
             stdin=f"{PASSWORD}\n{totp.code(secret)}\n",
             before='printf "%s\\n%s\\n" "$PASSWORD" "$CODE" | ')  # fmt: skip
    tour.say("A class of 120 comes from a roster. One line with a fault, and nothing is done:")
    rows = [f"student{number:03d}@example.edu,{UNIT},requester" for number in range(1, 121)]
    roster = data / "roster.csv"
    roster.write_text("\n".join(["email,unit,role", *rows, "nobody,ntu-nowhere,requester"]) + "\n")
    tour.run("user", "import", "roster.csv")
    roster.write_text("\n".join(["email,unit,role", *rows]) + "\n")
    tour.run("user", "import", "roster.csv", keep=9)
    tour.say("A request that fits. The plan says so first, without any effect.")
    (data / "shop.json").write_text(json.dumps(TEMPLATE, indent=1))
    tour.run("--profile", "ada", "login", "ada@example.edu", "--password-stdin",
             stdin=PASSWORD, before=secret_in)  # fmt: skip
    tour.run("--profile", "ada", "request", "plan", "shop.json", keep=12)
    tour.run("--profile", "ada", "request", "submit", "shop.json", keep=14)
    tour.say("The admin lowers the quota. What is held stays; the next request does not fit.")
    tour.run("unit", "set", UNIT, "--quota", "5")
    (data / "blog.json").write_text(json.dumps({**TEMPLATE, "ApplicationName": "blog"}))
    tour.run("--profile", "ada", "request", "submit", "blog.json")
    tour.say("The ledger with its running balance, and the proof.")
    tour.run("unit", "ledger", UNIT)
    tour.run("unit", "reconcile")


def wait_for_next_code() -> None:
    """A code is good once: the sign-in needs the next one, as a person's would."""
    begun = time.time() // totp.PERIOD_SECONDS
    while time.time() // totp.PERIOD_SECONDS == begun:
        time.sleep(0.2)


def page() -> str:
    """The page of one run."""
    with tempfile.TemporaryDirectory() as place:
        data = Path(place)
        tour = Tour(data)
        tour.say(
            "# A tour: people, units and the ledger\n\nOne run on the embedded AWS, pasted by "
            "`python tools/tour_identity.py --write`. `$PASSWORD` and `$CODE` are the person's."
        )
        try:
            play(tour, data)
        finally:
            subprocess.run(
                [sys.executable, "-m", "autoprovision", "down"], check=False, capture_output=True,
                env={**os.environ, "AUTOPROVISION_DATA": str(data)},
            )  # fmt: skip
        text = "\n\n".join(tour.parts) + "\n"
        return text.replace(str(data), "~/data")


if __name__ == "__main__":
    made = page()
    if "--write" in sys.argv[1:]:
        PAGE.write_text(made, "utf-8")
    else:
        sys.stdout.write(made)
