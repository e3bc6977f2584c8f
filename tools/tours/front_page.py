"""README.md: five minutes, from an empty machine to a URL and back."""

import subprocess
import sys

from tools.tours.stage import ROOT, Stage, stage

PAGE = ROOT / "README.md"
BEGIN, END = "<!-- tour: python -m tools.tours front_page --write -->", "<!-- end of tour -->"
UNIT = "ntu-scse-2023-ct1"
REQUEST = "examples/requests/static-site.json"


def play() -> str:
    """The README with the tour of one run."""
    host = subprocess.Popen(
        [sys.executable, "-m", "autoprovision.embedded.git_host", "examples/static-site"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with stage() as tour:
        try:
            assert host.stdout is not None
            address = host.stdout.readline().strip()
            _five_minutes(tour, address)
        finally:
            host.terminate()
            host.wait()
        text = PAGE.read_text("utf-8")
        before, rest = text.split(BEGIN)
        return f"{before}{BEGIN}\n\n{tour.page()}\n\n{END}{rest.split(END)[1]}"


def _five_minutes(tour: Stage, address: str) -> None:
    tour.run("up", only=("Starting", "Signed", "It is", "http"))
    tour.say(
        "Give a business unit a quota (credits are US cents a month), and put a project somewhere: "
        "here the sample in `examples/static-site`, served as a git repository on loopback."
    )
    tour.show("$ python -m autoprovision.embedded.git_host examples/static-site &", address)
    tour.run("unit", "set", UNIT, "--quota", "20000")
    tour.show(f"$ cat {REQUEST}", *(ROOT / REQUEST).read_text("utf-8").splitlines())
    tour.say("What would it come to? A plan has no side effect.")
    tour.run("request", "plan", REQUEST, cwd=ROOT)
    tour.say("Submit it, and watch every step.")
    tour.run("request", "submit", REQUEST, "--watch", cwd=ROOT)
    application = tour.read("application", "list")["items"][0]
    tour.say("The mail has the URL, and the URL has the repository's content.")
    tour.run("mailbox")
    page = subprocess.run(
        ["curl", "-s", f"{application['url']}/"], capture_output=True, text=True, check=True
    )
    tour.show(f"$ curl -s {application['url']}/", *page.stdout.splitlines()[:12], "…")
    tour.say("Look at it, at the ledger, and end it: deleted means verified gone.")
    tour.run("application", "show", application["id"])
    tour.run("unit", "ledger", UNIT)
    tour.run("application", "terminate", application["id"], "--yes", "--watch", keep=20)
    tour.run("down")
