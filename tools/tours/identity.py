"""docs/tour-identity.md: people, a second factor, a class, a request that fits or not."""

import subprocess
import time

from tests.kit import totp
from tools.tours.stage import PASSWORD, PASSWORD_IN, ROOT, Stage, stage

PAGE = ROOT / "docs" / "tour-identity.md"
UNIT = "ntu-scse-2023-ct1"
TEMPLATE = {
    "ApplicationName": "shop", "TargetEnvironment": "prod", "ProjectType": "Static",
    "ProjectURL": "https://github.com/acme/site", "ProjectEmail": "ada@example.edu",
}  # fmt: skip


def play() -> str:
    """The page of one run."""
    with stage(keep=30) as tour:
        tour.say(
            "# A tour: people, units and the ledger\n\nOne run on the embedded AWS, by "
            "`python -m tools.tours identity --write`. `$PASSWORD` and `$CODE` are the person's."
        )
        _people(tour)
        _class(tour)
        _requests(tour)
        return tour.page() + "\n"


def _people(tour: Stage) -> None:
    tour.run("up", keep=8)
    tour.say("An admin tags a unit with its quota, and invites people into it.")
    tour.run("unit", "set", UNIT, "--quota", "20000")
    for email, role in (("ada@example.edu", "requester"), ("bo@example.edu", "approver")):
        words = ("user", "create", email, "--unit", UNIT, "--role", role, "--password-stdin")
        tour.run(*words, stdin=PASSWORD, before=PASSWORD_IN)
    tour.say("Bo enrols an authenticator app and signs in with its code.")
    login = ("--profile", "bo", "login", "bo@example.edu", "--password-stdin")
    tour.run(*login, stdin=PASSWORD, before=PASSWORD_IN)
    secret = _enrol(tour, "bo")
    _wait_for_next_code()
    tour.run(*login, stdin=f"{PASSWORD}\n{totp.code(secret)}\n",
             before='printf "%s\\n%s\\n" "$PASSWORD" "$CODE" | ')  # fmt: skip


def _enrol(tour: Stage, profile: str) -> str:
    """`totp enrol` with an authenticator app; the secret."""
    words = ["--profile", profile, "totp", "enrol", "--code-stdin"]
    with subprocess.Popen(
        tour.command(*words), env=tour.environment, text=True,
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
    tour.show(f"$ autoprovision {' '.join(words)}", *text.splitlines())
    return secret


def _wait_for_next_code() -> None:
    """A code is good once: the sign-in needs the next one, as a person's would."""
    begun = time.time() // totp.PERIOD_SECONDS
    while time.time() // totp.PERIOD_SECONDS == begun:
        time.sleep(0.2)


def _class(tour: Stage) -> None:
    tour.say("A class of 120 comes from a roster. One line with a fault, and nothing is done:")
    rows = [f"student{number:03d}@example.edu,{UNIT},requester" for number in range(1, 121)]
    roster = tour.place / "roster.csv"
    roster.write_text("\n".join(["email,unit,role", *rows, "nobody,ntu-nowhere,requester"]) + "\n")
    tour.run("user", "import", "roster.csv")
    roster.write_text("\n".join(["email,unit,role", *rows]) + "\n")
    tour.run("user", "import", "roster.csv", keep=9)


def _requests(tour: Stage) -> None:
    tour.say("A request that fits. The plan says so first, without any effect.")
    tour.file("shop.json", TEMPLATE, shown=False)
    tour.run("--profile", "ada", "login", "ada@example.edu", "--password-stdin",
             stdin=PASSWORD, before=PASSWORD_IN)  # fmt: skip
    tour.run("--profile", "ada", "request", "plan", "shop.json", keep=12)
    tour.run("--profile", "ada", "request", "submit", "shop.json", keep=14)
    tour.say("The admin lowers the quota. What is held stays; the next request does not fit.")
    tour.run("unit", "set", UNIT, "--quota", "5")
    tour.file("blog.json", {**TEMPLATE, "ApplicationName": "blog"}, shown=False)
    tour.run("--profile", "ada", "request", "submit", "blog.json")
    tour.say("The ledger with its running balance, and the proof.")
    tour.run("unit", "ledger", UNIT)
    tour.run("unit", "reconcile")
