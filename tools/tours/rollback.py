"""docs/tour-rollback.md: a way back that cannot be finished, and is."""

from datetime import UTC, datetime

from tools.tours.stage import ROOT, Stage, stage

PAGE = ROOT / "docs" / "tour-rollback.md"
MAIL = "ada@example.edu"
_SHOWN = ("id ", "status", "why", "url", "price")


def play() -> str:
    """The page of one run."""
    today = datetime.now(UTC).date()
    with stage() as tour:
        tour.say(
            f"# Tour: a rollback that cannot be finished, and is\n\nOne run on the embedded AWS on "
            f"{today}, by `python -m tools.tours rollback --write`; "
            "`tests/certify/test_on_the_platform.py` holds the same. Retries were shortened with "
            "`SFN_WAIT_SCALE=0.05`; on AWS they take about two minutes."
        )
        tour.up(SFN_WAIT_SCALE="0.05")
        repository = tour.repository({"index.html": "<!doctype html><title>Shop</title>"})
        tour.people("demo", ("ada@example.edu", "requester"))
        tour.file("shop.json", {
            "ApplicationName": "shop", "TargetEnvironment": "dev", "ProjectType": "Static",
            "ProjectURL": repository.url, "ProjectEmail": MAIL,
        }, shown=False)  # fmt: skip
        tour.quietly("--profile", "ada", "request", "submit", "shop.json", "--watch")
        _stuck(tour)
        tour.say(
            "What else ends like this, and how it goes on, is in [the saga](saga.md); what was "
            "tested of it, in [the certificate](certificate.md)."
        )
        return tour.page() + "\n"


def _stuck(tour: Stage) -> None:
    tour.say(
        "An application `shop` is live. Somebody protects its stack behind the platform's back, "
        "and then its owner terminates it. CloudFormation refuses, the retries run out, and the "
        "request needs an operator. It says what is left and which command goes on; the credits "
        "stay taken, because what is left costs money."
    )
    application = tour.read("application", "list")["items"][0]
    stack = application["stackId"].split("/")[1]
    _protect(tour, stack, protected=True)
    tour.run("--profile", "ada", "application", "terminate", application["id"], "--yes", "--watch")
    request = tour.read("request", "list")["items"][0]
    tour.run("--profile", "ada", "unit", "show", "demo")
    told = next(one for one in tour.mails(MAIL) if "operator" in one.subject)
    tour.show(f"Mail to {MAIL}: {told.subject}", "", *told.text.strip().splitlines())
    tour.say("An operator takes away what was in the way, and lets the request go on.")
    _protect(tour, stack, protected=False)
    tour.run("request", "resume", request["id"], "--watch")
    tour.run("--profile", "ada", "application", "show", application["id"], only=_SHOWN)
    tour.run("--profile", "ada", "unit", "show", "demo")


def _protect(tour: Stage, stack: str, *, protected: bool) -> None:
    tour.client("cloudformation").update_termination_protection(
        StackName=stack, EnableTerminationProtection=protected
    )
    flag = "--enable" if protected else "--no-enable"
    tour.show(
        f"$ aws cloudformation update-termination-protection {flag}-termination-protection "
        f"--stack-name {stack}"
    )
