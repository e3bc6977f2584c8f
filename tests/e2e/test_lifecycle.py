"""The life of an application, over HTTP, on the whole platform."""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from autoprovision.domain.clock import iso


@pytest.fixture
def live(world, template):
    """Gives a function that provisions an application; with who asked, the request, the application."""

    def make(unit=None, **changes):
        unit = unit or world.unit()
        person = world.person(unit)
        request = person.post("/requests", template(**changes)).json()
        done = person.wait(request["id"])
        assert done["status"] == "SUCCEEDED", done
        return person, done, person.get(f"/applications/{done['applicationId']}").json()

    return make


def patch(person, application, body):
    return person.http.patch(f"/applications/{application['id']}", json=body)


def test_an_update_is_previewed_and_exactly_the_preview_is_executed(world, live):
    ada, request, application = live()
    before = world.client("cloudformation").describe_stacks(StackName=application["stackId"])
    wish = {"Parameters": {"notFound": "app"}}
    answer = ada.post(f"/applications/{application['id']}/plans", wish)
    assert answer.status_code == 200, answer.text
    shown = answer.json()["preview"]
    # MiniStack says of a distribution's configuration that it may need a new one; AWS knows better.
    effects = {one["logicalId"]: one["effect"] for one in shown["changes"]}
    assert effects["Distribution"] in {"changed", "maybe replaced"}
    assert not {"SiteBucket", "AddressV4", "LogBucket"} & set(effects)
    assert shown["creditsBefore"] == application["monthlyCredits"] == shown["creditsAfter"]
    assert shown["approval"]["verdict"] == "AUTOMATIC"
    assert shown["losesData"] == []
    assert before["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    updating = patch(ada, application, {**wish, "planDigest": shown["planDigest"]})
    assert updating.status_code == 202, updating.text
    done = ada.wait(updating.json()["id"], seconds=40)
    assert (done["status"], done["kind"]) == ("SUCCEEDED", "update"), done
    assert done["preview"]["changeSet"] == shown["changeSet"]
    assert httpx.get(request["url"] + "/any/route").status_code == 200
    assert "From git" in httpx.get(request["url"] + "/any/route").text
    after = ada.get(f"/applications/{application['id']}").json()
    assert (after["status"], after["parameters"]["NotFound"]) == ("AVAILABLE", "app")
    mails = [mail.subject for mail in world.mails(request["projectEmail"])]
    assert len(mails) == 2
    assert "the change is live" in mails[1]


def test_a_second_update_of_the_same_is_only_a_publication(world, live):
    ada, _, application = live()
    updating = patch(ada, application, {"ProjectEmail": "other@example.edu"})
    done = ada.wait(updating.json()["id"], seconds=40)
    assert done["status"] == "SUCCEEDED", done
    assert (done["preview"]["changes"], done["preview"]["changeSet"]) == ([], "")
    after = ada.get(f"/applications/{application['id']}").json()
    assert after["projectEmail"] == "other@example.edu"
    assert len(world.mails("other@example.edu")) == 1


def test_the_newest_code_is_published_without_touching_the_stack(world, live, git):
    ada, request, application = live()
    stack = world.client("cloudformation").describe_stacks(StackName=application["stackId"])
    where = git({"index.html": "<h1>Second edition</h1>"})
    updating = patch(ada, application, {"ProjectURL": where})
    assert ada.wait(updating.json()["id"])["status"] == "SUCCEEDED"
    assert "Second edition" in httpx.get(request["url"]).text
    published = ada.post(f"/applications/{application['id']}/publish")
    assert published.status_code == 202, published.text
    done = ada.wait(published.json()["id"])
    assert (done["status"], done["plan"]) == ("SUCCEEDED", None)
    again = world.client("cloudformation").describe_stacks(StackName=application["stackId"])
    assert again["Stacks"][0]["StackStatus"] == stack["Stacks"][0]["StackStatus"]


def test_an_update_whose_code_is_bad_brings_the_last_good_version_back(world, live, git):
    ada, request, application = live()
    unit = application["businessUnit"]
    bad = {"ProjectURL": git({"README.md": "no page"}), "Parameters": {"NotFound": "app"}}
    updating = patch(ada, application, bad)
    assert patch(ada, application, bad).json()["code"] in {"OPERATION_IN_PROGRESS", "WRONG_STATUS"}
    done = ada.wait(updating.json()["id"], seconds=40)
    assert (done["status"], done["reason"]) == ("FAILED", "SOURCE_NO_INDEX"), done
    after = ada.get(f"/applications/{application['id']}").json()
    assert (after["status"], after["operation"]) == ("TAINTED", None)
    assert after["parameters"]["NotFound"] == "page"
    stack = world.client("cloudformation").describe_stacks(StackName=application["stackId"])
    values = {
        one["ParameterKey"]: one["ParameterValue"] for one in stack["Stacks"][0]["Parameters"]
    }
    assert values["NotFound"] == "page"
    assert httpx.get(request["url"] + "/nothing").status_code == 404
    assert "From git" in httpx.get(request["url"]).text
    quota = ada.get(f"/business-units/{unit}").json()
    assert (quota["held"], quota["used"]) == (0, application["monthlyCredits"])
    assert len(world.mails(request["projectEmail"])) == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"ApplicationName": "other-name"}, "/ApplicationName"),
        ({"TargetEnvironment": "prod"}, "/TargetEnvironment"),
        ({"ProjectType": "SPA"}, "/ProjectType"),
        ({"ExpiresAfter": "3d"}, "/ExpiresAfter"),
        ({"Parameters": {"NotFound": "maybe"}}, "/Parameters/NotFound"),
        ({"Colour": "red"}, "/Colour"),
    ],
)
def test_what_cannot_be_updated_is_named(world, live, shared, change, pointer):
    ada, application = shared
    refused = patch(ada, application, change)
    assert refused.status_code == 400, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


@pytest.fixture(scope="module")
def shared(world, git):
    """One application for tests that change nothing of it."""
    ada = world.person(world.unit())
    sent = {
        "ApplicationName": "shared-life", "TargetEnvironment": "dev", "ProjectType": "Static",
        "ProjectURL": git(), "ProjectEmail": "shared-life@example.edu",
    }  # fmt: skip
    done = ada.wait(ada.post("/requests", sent).json()["id"])
    return ada, ada.get(f"/applications/{done['applicationId']}").json()


def test_a_preview_of_the_past_is_not_executed(world, shared):
    ada, application = shared
    refused = patch(ada, application, {"planDigest": "sha256:old"})
    assert (refused.status_code, refused.json()["code"]) == (409, "PLAN_CHANGED")


def test_what_ending_it_loses_is_told_before(world, shared):
    ada, application = shared
    told = ada.http.delete(f"/applications/{application['id']}?dryRun=true")
    assert told.status_code == 200, told.text
    assert told.json()["lost"] == [{"resource": "SiteBucket", "what": "the bucket's files"}]
    assert told.json()["kept"] == []
    assert not told.json()["confirmationNeeded"]
    assert ada.get(f"/applications/{application['id']}").json()["status"] == "AVAILABLE"


def invoke(world, name):
    answer = world.client("lambda").invoke(FunctionName=f"autoprovision-{name}", Payload=b"{}")
    done = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, done
    return done


def test_a_hand_made_change_is_reported_property_by_property(world, live):
    ada, _, application = live()
    where = f"/applications/{application['id']}/drift"
    assert ada.get(where).json()["status"] == "NOT_CHECKED"
    until(lambda: invoke(world, "Audit") and ada.get(where).json()["status"] != "NOT_CHECKED")
    assert ada.get(where).json()["status"] == "IN_SYNC"
    bucket = application["outputs"]["SiteBucket"]
    world.client("s3").put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    until(lambda: invoke(world, "Audit") and ada.get(where).json()["status"] == "DRIFTED")
    (found,) = ada.get(where).json()["differences"]
    assert (found["resource"], found["path"], found["change"]) == (
        "SiteBucket", "/VersioningConfiguration/Status", "NOT_EQUAL",
    )  # fmt: skip
    assert (found["expected"], found["actual"]) == ("Suspended", "Enabled")


def until(reached, seconds=40):
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def expires(world, application, moment):
    world.client("dynamodb").update_item(
        TableName="autoprovision-applications", Key={"id": {"S": application["id"]}},
        UpdateExpression="SET expiresAt = :at", ExpressionAttributeValues={":at": {"S": moment}},
    )  # fmt: skip


def test_what_expires_is_told_extended_and_at_last_gone(world, live):
    ada, request, application = live()
    now = datetime.now(UTC)
    expires(world, application, iso(now - timedelta(minutes=1)))
    until(lambda: invoke(world, "Sweep").get("reminded"))
    invoke(world, "Sweep")
    subjects = [mail.subject for mail in world.mails(request["projectEmail"])]
    assert len(subjects) == 2
    assert "has come to its end" in subjects[1]
    extended = ada.post(f"/applications/{application['id']}/extend", {"duration": "2d"})
    assert extended.status_code == 200, extended.text
    too_long = ada.post(f"/applications/{application['id']}/extend", {"duration": "90d"})
    assert (too_long.status_code, too_long.json()["code"]) == (409, "TOO_LONG")
    expires(world, application, iso(now - timedelta(days=1, minutes=1)))
    until(lambda: invoke(world, "Sweep").get("expired"))
    invoke(world, "Sweep")
    path = f"/applications/{application['id']}"
    until(lambda: ada.get(path).json()["status"] == "TERMINATED")
    until(lambda: len(world.mails(request["projectEmail"])) > 2)
    subjects = [mail.subject for mail in world.mails(request["projectEmail"])]
    assert subjects[2:] == [f"{application['applicationName']} is terminated"]
    unit = ada.get(f"/business-units/{application['businessUnit']}").json()
    assert (unit["used"], unit["held"]) == (0, 0)


def test_prod_ends_by_two_people(world, template):
    unit = world.unit()
    ada, bob, eve = (
        world.person(unit),
        *(world.person(unit, "approver", approvesFor=[unit]) for _ in range(2)),
    )
    request = ada.post("/requests", template(TargetEnvironment="prod")).json()
    waiting = ada.wait(request["id"], until=lambda one: one["status"] != "SUBMITTED")
    if waiting["status"] == "AWAITING_APPROVAL":
        for person in (bob, eve):
            until(
                lambda person=person: person.get(f"/approvals/{request['id']}").status_code == 200
            )
            person.post(
                f"/approvals/{request['id']}",
                {"decision": "APPROVED", "comment": "", "planDigest": waiting["plan"]["digest"]},
            )
    done = ada.wait(request["id"])
    assert done["status"] == "SUCCEEDED", done
    path = f"/applications/{done['applicationId']}"
    early = bob.post(path + "/confirm-termination")
    assert (early.status_code, early.json()["code"]) == (409, "NOT_ASKED")
    asked = bob.http.delete(path)
    assert asked.status_code == 202, asked.text
    assert asked.json()["reason"] == "TERMINATION_ASKED"
    told = [mail.subject for mail in world.mails(eve.email)]
    assert f"Please confirm: {done['applicationName']} is to end" in told
    assert not [mail for mail in world.mails(bob.email) if "is to end" in mail.subject]
    assert ada.get(path).json()["status"] == "AVAILABLE"
    assert ada.post(path + "/confirm-termination").status_code == 403
    same = bob.post(path + "/confirm-termination")
    assert (same.status_code, same.json()["code"]) == (409, "SAME_PERSON")
    confirmed = eve.post(path + "/confirm-termination")
    assert confirmed.status_code == 202, confirmed.text
    assert eve.wait(confirmed.json()["id"])["status"] == "SUCCEEDED"
    assert ada.get(path).json()["status"] == "TERMINATED"
    logs = f"{done['stackId']}"
    assert (
        world.client("cloudformation").describe_stacks(StackName=logs)["Stacks"][0]["StackStatus"]
        == "DELETE_COMPLETE"
    )
