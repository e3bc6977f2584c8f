"""From a JSON template to a live URL, over HTTP, on the whole platform."""

import httpx


def ledger_of(person, unit):
    return person.get(f"/business-units/{unit}").json()


def test_a_template_becomes_a_live_url_and_ends_without_a_trace(world, template):
    unit = world.unit()
    ada = world.person(unit)
    sent = template()
    accepted = ada.post("/requests", sent)
    assert accepted.status_code == 202, accepted.text
    request = accepted.json()
    assert accepted.headers["Location"] == f"/requests/{request['id']}"
    assert request["status"] == "SUBMITTED"
    done = ada.wait(request["id"])
    assert (done["status"], done["plan"]["blueprint"]) == ("SUCCEEDED", "static-site")
    page = httpx.get(done["url"])
    assert page.status_code == 200
    assert "From git" in page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(done["url"] + "/about/").status_code == 200
    assert (
        "immutable" in httpx.get(done["url"] + "/assets/app.3f9a2b1c.js").headers["cache-control"]
    )
    missing = httpx.get(done["url"] + "/nothing")
    assert (missing.status_code, "Nothing here" in missing.text) == (404, True)
    mails = world.mailed(sent["ProjectEmail"])
    assert len(mails) == 1
    assert done["url"] in mails[0].text
    assert done["url"] in mails[0].html
    credits_ = done["plan"]["monthlyCredits"]
    assert ledger_of(ada, unit) | {"over": False} == {
        "unit": unit, "quota": 20000, "used": credits_, "held": 0, "left": 20000 - credits_, "over": False,
    }  # fmt: skip
    steps = [
        event["step"]
        for event in ada.get(f"/requests/{done['id']}/events", limit=100).json()["items"]
    ]
    for step in (
        "PreparePlan",
        "AuthorizeLaunch",
        "AwaitStack",
        "PublishProject",
        "CheckUrl",
        "CommitQuota",
    ):
        assert step in steps
    application = ada.get(f"/applications/{done['applicationId']}").json()
    assert (application["status"], application["url"]) == ("AVAILABLE", done["url"])
    assert application["message"] == done["message"]
    assert application["expiresAt"]
    ended = ada.http.delete(f"/applications/{application['id']}")
    assert ended.status_code == 202, ended.text
    assert ada.wait(ended.json()["id"])["status"] == "SUCCEEDED"
    assert ada.get(f"/applications/{application['id']}").json()["status"] == "TERMINATED"
    assert ledger_of(ada, unit)["left"] == 20000
    assert not [stack for stack in world.stacks() if sent["ApplicationName"] in stack["StackName"]]
    again = ada.post("/requests", {**sent, "TargetEnvironment": "Development"})
    assert again.status_code == 202, "the name is free again"
    assert ada.wait(again.json()["id"])["status"] == "SUCCEEDED"


def test_a_plan_has_no_side_effect(world, template):
    unit = world.unit(5)
    ada = world.person(unit)
    plan = ada.post("/plans", template()).json()
    assert plan["blueprint"] == "static-site"
    assert plan["approval"]["verdict"] == "AUTOMATIC"
    assert plan["quota"]["limit"] == 5
    assert plan["digest"].startswith("sha256:")
    assert ada.get("/requests").json() == {"items": [], "next": None}
    assert ledger_of(ada, unit)["held"] == 0


def test_a_repository_that_is_not_there_is_undone_to_the_last(world, template):
    unit = world.unit()
    ada = world.person(unit)
    sent = template(ProjectURL="http://127.0.0.1:9/acme/nothing")
    request = ada.post("/requests", sent).json()
    done = ada.wait(request["id"])
    assert done["status"] == "FAILED"
    assert done["message"]
    assert not [stack for stack in world.stacks() if sent["ApplicationName"] in stack["StackName"]]
    assert ledger_of(ada, unit)["left"] == 20000
    mails = world.mailed(sent["ProjectEmail"])
    assert len(mails) == 1
    assert done["message"].split(".")[0] in mails[0].text
    assert ada.get(f"/applications/{done['applicationId']}").json()["status"] == "TERMINATED"


def test_an_empty_site_is_named_and_undone(world, template, git):
    ada = world.person(world.unit())
    request = ada.post("/requests", template(ProjectURL=git({"README.md": "no index here"}))).json()
    done = ada.wait(request["id"])
    assert (done["status"], done["reason"]) == ("FAILED", "SOURCE_NO_INDEX")
    assert "index.html" in done["message"]


def test_the_same_key_and_body_get_the_same_answer(world, template):
    ada = world.person(world.unit())
    sent = template()
    first = ada.post("/requests", sent, **{"Idempotency-Key": "k-1"})
    second = ada.post("/requests", sent, **{"Idempotency-Key": "k-1"})
    other = ada.post("/requests", template(), **{"Idempotency-Key": "k-1"})
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json()
    assert other.status_code == 422
    assert other.headers["content-type"] == "application/problem+json"
    assert len(ada.get("/requests").json()["items"]) == 1


def test_over_quota_keeps_nothing(world, template):
    unit = world.unit(0)
    ada = world.person(unit)
    sent = template(AccessToken="canary-4711-over-quota")
    before = world.secrets()
    refused = ada.post("/requests", sent)
    assert refused.status_code == 409
    problem = refused.json()
    assert problem["code"] == "OVER_QUOTA"
    assert problem["shortBy"] > 0
    assert ada.get("/requests").json()["items"] == []
    assert ledger_of(ada, unit)["held"] == 0
    assert world.secrets() == before
    assert "canary" not in refused.text


def test_a_name_is_taken_once_per_environment(world, template):
    ada = world.person(world.unit())
    sent = template()
    assert ada.post("/requests", sent).status_code == 202
    refused = ada.post("/requests", sent)
    assert (refused.status_code, refused.json()["code"]) == (409, "NAME_TAKEN")


def test_an_upload_reaches_the_same_url_once(world, template):
    ada = world.person(world.unit())
    sent = template()
    upload = ada.post("/uploads").json()
    for _ in range(2):
        answer = httpx.post(
            upload["url"], data=upload["fields"], files={"file": ("t.json", httpx.Request("POST", "http://x", json=sent).content)}
        )  # fmt: skip
        assert answer.status_code in {200, 201, 204}, answer.text
    request = wait_for_one(ada)
    done = ada.wait(request["id"])
    assert (done["status"], done["source"]) == ("SUCCEEDED", "s3")
    assert httpx.get(done["url"]).status_code == 200
    assert len(ada.get("/requests").json()["items"]) == 1


def test_a_bad_upload_is_kept_and_mailed(world, template):
    ada = world.person(world.unit())
    upload = ada.post("/uploads").json()
    httpx.post(
        upload["url"],
        data=upload["fields"],
        files={"file": ("t.json", b'{"ApplicationName": "www"}')},
    )
    request = wait_for_one(ada)
    assert request["status"] == "INVALID"
    pointers = {fault["pointer"] for fault in request["faults"]}
    assert {"/ApplicationName", "/ProjectEmail", "/ProjectType", "/TargetEnvironment"} <= pointers
    mails = world.mailed(ada.email)
    assert len(mails) == 1
    assert "www" in mails[0].text


def wait_for_one(person):
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        items = person.get("/requests").json()["items"]
        if items:
            return items[0]
        time.sleep(0.1)
    raise AssertionError("the upload was never taken in")
