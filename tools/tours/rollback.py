"""docs/tour-rollback.md: a way back that cannot be finished, and is; what is left behind."""

import json
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
        _left_behind(tour)
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


def _left_behind(tour: Stage) -> None:
    tour.say(
        "## Left behind\n\nAnother application, `lab`. Its account takes away the right to delete "
        "buckets. Nobody here can give it back, so its bucket stays: an operator decides to leave "
        "it behind. Only what CloudFormation failed to delete can be left; anything else is "
        "refused by name."
    )
    tour.file("lab.json", {
        "ApplicationName": "lab", "TargetEnvironment": "dev", "ProjectType": "Static",
        "ProjectURL": tour.read("application", "list")["items"][0]["projectUrl"],
        "ProjectEmail": MAIL,
    }, shown=False)  # fmt: skip
    tour.quietly("--profile", "ada", "request", "submit", "lab.json", "--watch")
    application = tour.read("application", "list")["items"][0]
    deny = {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [deny]}
    role = "autoprovision-blueprint-static-site"
    tour.client("iam").put_role_policy(
        RoleName=role, PolicyName="keep-buckets", PolicyDocument=json.dumps(document)
    )
    tour.show(
        f"$ aws iam put-role-policy --role-name {role} --policy-name keep-buckets "
        "--policy-document file://deny-delete-bucket.json"
    )
    tour.run("--profile", "ada", "application", "terminate", application["id"], "--yes", "--watch")
    request = tour.read("request", "list")["items"][0]["id"]
    tour.run("request", "resume", request, "--retain", "SiteBucket", "--retain", "Nothing")
    tour.run(
        "request", "resume", request, "--retain", "SiteBucket", "--comment",
        "The account keeps its buckets.", "--watch", only=_SHOWN,
    )  # fmt: skip
    told = next(one for one in tour.mails(MAIL) if one.subject.startswith("lab is terminated"))
    tour.show(f"Mail to {MAIL}: {told.subject}", "", *told.text.strip().splitlines())
    tour.say(
        "What was left is a finding. The audit learns its ARN when it sees it by its tags, and "
        "closes the finding when somebody has deleted it."
    )
    tour.run("finding", "list")
    finding = tour.read("finding", "list")["items"][0]
    tour.invoke("Audit")
    tour.run("finding", "acknowledge", finding["id"], "--comment", "The account's people know.")
    bucket = finding["left"]["physicalId"]
    tour.client("s3").delete_bucket(Bucket=bucket)
    tour.show(f"$ aws s3api delete-bucket --bucket {bucket}")
    tour.invoke("Audit")
    tour.run("finding", "list")
    tour.run("finding", "list", "--gone")


def _protect(tour: Stage, stack: str, *, protected: bool) -> None:
    tour.client("cloudformation").update_termination_protection(
        StackName=stack, EnableTerminationProtection=protected
    )
    flag = "--enable" if protected else "--no-enable"
    tour.show(
        f"$ aws cloudformation update-termination-protection {flag}-termination-protection "
        f"--stack-name {stack}"
    )
