"""What an embedded AWS can make but not run says so, from the plan to the mail, and has no URL."""

import time

import pytest


def order(world, blueprint):
    """A request that the blueprint takes in dev, from its own example."""
    import json
    from pathlib import Path

    path = Path(__file__).parents[2] / "catalog" / blueprint / "examples" / "dev.json"
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("blueprint", ["web-service", "cms", "virtual-machine"])
def test_it_is_never_shown_as_a_working_url(world, template, blueprint):
    unit = world.unit(100_000)
    ada = world.person(unit)
    example = order(world, blueprint)
    fresh = template()
    sent = {**example, **{key: fresh[key] for key in ("ApplicationName", "ProjectEmail")}}
    sent.pop("BusinessUnit", None)
    plan = ada.post("/plans", sent).json()
    assert plan["blueprint"] == blueprint, plan
    assert plan["controlPlaneOnly"] is True
    assert "Control plane only" in plan["warnings"][0]
    accepted = ada.post("/requests", sent)
    assert accepted.status_code == 202, accepted.text
    request = accepted.json()
    if plan["approval"]["verdict"] != "AUTOMATIC":
        request = approve(world, ada, request)
    done = ada.wait(request["id"])
    told = ada.get(f"/requests/{done['id']}/events", limit=100).json()
    assert (done["status"], done["reason"]) == ("SUCCEEDED", "CONTROL_PLANE_ONLY"), told
    assert done["url"] is None
    assert "Control plane only" in done["message"]
    application = ada.get(f"/applications/{done['applicationId']}").json()
    assert (application["status"], application["url"]) == ("AVAILABLE", None)
    assert "Url" not in application["outputs"]
    (mail,) = world.mailed(sent["ProjectEmail"])
    assert "without a URL" in mail.subject
    assert "cloudfront" not in mail.text
    ended = ada.http.delete(f"/applications/{application['id']}").json()
    assert ada.wait(ended["id"])["status"] == "SUCCEEDED"
    assert not [one for one in world.stacks() if sent["ApplicationName"] in one["StackName"]]


def approve(world, requester, request):
    """Let the admin say yes as soon as the question is open."""
    requester.wait(request["id"], until=lambda one: one["status"] == "AWAITING_APPROVAL")
    # The desk opens the question a moment after the request says that it waits.
    deadline = time.monotonic() + 30
    while (question := world.admin.get(f"/approvals/{request['id']}")).status_code != 200:
        assert time.monotonic() < deadline, question.text
        time.sleep(0.1)
    answer = world.admin.post(
        f"/approvals/{request['id']}",
        {"decision": "APPROVED", "comment": "", "planDigest": question.json()["planDigest"]},
    )
    assert answer.status_code < 300, answer.text
    return request
