"""docs/tour-lifecycle.md: updated, published, extended, changed by hand, expired and gone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tools.tours.stage import ROOT, Stage, stage

from autoprovision.domain.clock import iso

PAGE = ROOT / "docs" / "tour-lifecycle.md"
MAIL = "lab@example.edu"
SITE = {"index.html": "<!doctype html><title>Pendulum</title><h1>Pendulum</h1>"}
# Lines of `application show` that a reader needs here.
_SHOWN = ("id ", "status", "why", "url", "price", "expires")


def play() -> str:
    """The page of one run."""
    today = datetime.now(UTC).date()
    with stage() as tour:
        tour.say(
            "# A tour of an application's life\n\nOne run on the embedded AWS on "
            f"{today}, by `python -m tools.tours lifecycle --write`; some lines of `application "
            "show` are left out."
        )
        tour.up()
        repository = tour.repository(SITE)
        tour.people("physics", ("ada@example.edu", "requester"))
        tour.file("pendulum.json", {
            "ApplicationName": "pendulum", "TargetEnvironment": "dev", "ProjectType": "Static",
            "ProjectURL": repository.url, "ProjectEmail": MAIL, "ExpiresAfter": "7d",
        }, shown=False)  # fmt: skip
        tour.quietly("--profile", "ada", "request", "submit", "pendulum.json", "--watch")
        application = tour.read("application", "list")["items"][0]
        _updated(tour, application["id"])
        repository.write({"index.html": SITE["index.html"] + "<p>Now with damping."})
        _published(tour, application["id"])
        _extended(tour, application["id"])
        _drifted(tour, application)
        _expired(tour, application)
        tour.say(_AFTERWARDS)
        return tour.page() + "\n"


def _updated(tour: Stage, application: str) -> None:
    tour.say("## Updated, with a preview")
    tour.say(
        "`application plan` makes a real change set. Its name follows from everything that it is "
        "made of, the state of the stack included, so `application update` finds the same one and "
        "executes exactly it. On a terminal, `update` shows this first and asks."
    )
    tour.file("change.json", {"Parameters": {"NotFound": "app"}})
    tour.run("--profile", "ada", "application", "plan", application, "change.json")
    tour.say(
        '(The embedded AWS says "maybe replaced" of what CloudFormation itself knows to be '
        "changed in place.)"
    )
    tour.run("--profile", "ada", "application", "update", application, "change.json", "--watch",
             "--yes")  # fmt: skip
    tour.say(
        "What fails after the stack was updated is taken back by an update to how it stood before; "
        "the application is then `TAINTED` with the reason, and runs as before. "
        "`tests/e2e/test_lifecycle.py` does it."
    )


def _published(tour: Stage, application: str) -> None:
    tour.say("## Its newest code published")
    tour.say("The quick path: no plan, no change set, the stack stays.")
    tour.run("--profile", "ada", "application", "publish", application, "--watch")


def _extended(tour: Stage, application: str) -> None:
    tour.say("## Extended")
    tour.run("--profile", "ada", "application", "extend", application, "7d", only=_SHOWN)


def _drifted(tour: Stage, application: dict[str, Any]) -> None:
    tour.say("## Changed by hand, and reported")
    tour.say(
        "Somebody switches versioning on in S3. The function `Audit` runs each hour: a pass begins "
        "detections, the next one reads them. Here it is called at once."
    )
    bucket = application["outputs"]["SiteBucket"]
    tour.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    passes: list[dict[str, Any]] = []
    tour.wait_for(lambda: passes.append(tour.invoke("Audit")) or passes[-1].get("drifted"))
    tour.show(*(f"audit: {_counts(one)}" for one in passes))
    tour.run("--profile", "ada", "application", "drift", application["id"])
    tour.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
    )


def _counts(told: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in told.items() if isinstance(value, int))


def _expired(tour: Stage, application: dict[str, Any]) -> None:
    tour.say("## Expired, and gone")
    tour.say(
        "People are reminded three days and one day before the end, and at the end itself; then "
        "there is a day of grace. The end is moved into the past in the table, which drives the "
        "clock."
    )
    now = datetime.now(UTC)
    _end_at(tour, application, now - timedelta(minutes=1))
    first = _sweep(tour, "reminded")
    _end_at(tour, application, now - timedelta(days=1, minutes=1))
    second = _sweep(tour, "expired")
    tour.show(
        f"The end is moved to a minute ago; the sweep: {first}",
        f"and to a day before that, when the grace is over: {second}",
    )
    tour.run("--profile", "ada", "application", "show", application["id"], "--watch")
    tour.show(f"Mails to {MAIL}:", *(f"- {mail.subject}" for mail in tour.mails(MAIL)))


def _end_at(tour: Stage, application: dict[str, Any], moment: datetime) -> None:
    tour.client("dynamodb").update_item(
        TableName="autoprovision-applications", Key={"id": {"S": application["id"]}},
        UpdateExpression="SET expiresAt = :at",
        ExpressionAttributeValues={":at": {"S": iso(moment)}},
    )  # fmt: skip


def _sweep(tour: Stage, sign: str) -> str:
    """Sweep until it has done what is due; indexes follow their tables after a moment."""
    told: list[dict[str, Any]] = []
    tour.wait_for(lambda: told.append(tour.invoke("Sweep")) or told[-1].get(sign))
    return _counts(told[-1])


_AFTERWARDS = """In prod, `application terminate` only asks: another person, an approver or an administrator, says `application confirm-termination ID` within a week. The unit's approvers are mailed; `application extend` takes the question back. An application in prod that has expired is asked about by the platform, each week anew until somebody confirms or extends it. What is lost and what is kept is said before anybody says yes (`DELETE /applications/ID?dryRun=true`).

What it costs to look at 2,000 applications is in [the benchmarks](../benchmarks/README.md)."""
