"""Approvals, applications, blueprints, units, users and policy against the contract's shapes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import Result
from werkzeug import Request, Response

from autoprovision.cli.profiles import Profile


@pytest.fixture
def an_approval(a_plan: dict[str, Any]):
    return {
        "requestId": "req_1",
        "status": "OPEN",
        "question": "May shop run in prod?",
        "planDigest": "sha256:d1",
        "plan": a_plan,
        "decisions": [
            {
                "decision": "APPROVED",
                "by": "bo@example.edu",
                "at": "2026-11-22T09:00:00Z",
                "comment": "Yes.",
            }
        ],
        "expiresAt": "2026-11-25T09:00:00Z",
        "submittedBy": "ada@example.edu",
    }


def test_approvals_are_listed_and_shown(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_approval: dict[str, Any]
):
    httpserver.expect_oneshot_request("/approvals").respond_with_json({"items": [an_approval]})
    listed = ok("approval", "list")
    assert "May shop run in prod?" in listed
    assert "$11.40" in listed
    httpserver.expect_oneshot_request("/approvals/req_1").respond_with_json(an_approval)
    shown = ok("approval", "show", "req_1")
    assert "sha256:d1" in shown
    assert "bo@example.edu" in shown


def test_who_approves_an_update_sees_what_changes_and_what_it_loses(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_approval: dict[str, Any]
):
    rolled = {
        "logicalId": "Machines", "type": "AWS::AutoScaling::AutoScalingGroup", "effect": "changed",
        "properties": ["LaunchTemplate"], "lost": "the disks",
    }  # fmt: skip
    preview = {"changes": [rolled], "losesData": ["the disks (Machines)"], "changeSet": "ap-1"}
    httpserver.expect_oneshot_request("/approvals/req_1").respond_with_json(
        {**an_approval, "preview": preview}
    )
    shown = ok("approval", "show", "req_1")
    for word in ("the disks (Machines)", "changed", "LaunchTemplate", "ap-1"):
        assert word in shown


def test_who_approves_a_command_sees_it_and_nothing_in_it_hides(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_approval: dict[str, Any]
):
    script = "echo well\u202e\x1b[2K\n\trm -rf /var/www\n"
    asked = {"command": script, "timeoutSeconds": "600"}
    httpserver.expect_oneshot_request("/approvals/req_1").respond_with_json(
        {**an_approval, "operation": "run-command", "operationParameters": asked}
    )
    shown = ok("approval", "show", "req_1")
    assert "echo well<U+202E><U+001B>[2K" in shown
    assert "rm -rf /var/www" in shown


def test_approve_names_the_digest_of_the_plan_it_read(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_approval: dict[str, Any]
):
    httpserver.expect_oneshot_request("/approvals/req_1", method="GET").respond_with_json(
        an_approval
    )
    httpserver.expect_oneshot_request(
        "/approvals/req_1",
        method="POST",
        json={"decision": "APPROVED", "planDigest": "sha256:d1", "comment": "Fits."},
    ).respond_with_json({**an_approval, "status": "APPROVED"})
    answer = json.loads(ok("approval", "approve", "req_1", "--comment", "Fits.", "--json"))
    assert answer["status"] == "APPROVED"
    assert httpserver.log[-1][0].headers["Idempotency-Key"]


def test_approve_decides_nothing_when_the_plan_is_another(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, an_approval: dict[str, Any]
):
    httpserver.expect_oneshot_request("/approvals/req_1", method="GET").respond_with_json(
        an_approval
    )
    result = run("approval", "approve", "req_1", "--plan-digest", "sha256:old")
    assert result.exit_code == 1
    assert "Nothing was decided" in result.stderr
    assert [request.method for request, _ in httpserver.log] == ["GET"]


def test_reject_needs_a_comment(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, an_approval: dict[str, Any]
):
    result = run("approval", "reject", "req_1")
    assert result.exit_code == 2
    httpserver.expect_oneshot_request("/approvals/req_1", method="GET").respond_with_json(
        an_approval
    )
    httpserver.expect_oneshot_request(
        "/approvals/req_1",
        method="POST",
        json={"decision": "REJECTED", "planDigest": "sha256:d1", "comment": "Use dev."},
    ).respond_with_json({"status": "REJECTED"})
    assert run("approval", "reject", "req_1", "--comment", "Use dev.").exit_code == 0


def test_applications_are_listed_shown_and_extended(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_application: dict[str, Any]
):
    httpserver.expect_oneshot_request(
        "/applications", query_string={"unit": "physics", "limit": "100"}
    ).respond_with_json({"items": [an_application]})
    assert "http://shop.example.edu/" in ok("application", "list", "--unit", "physics")
    httpserver.expect_oneshot_request("/applications/app_1").respond_with_json(an_application)
    shown = ok("application", "show", "app_1")
    assert "$11.40 a month" in shown
    assert "BucketName=b" in shown
    httpserver.expect_oneshot_request(
        "/applications/app_1/extend", method="POST", json={"duration": "14d"}
    ).respond_with_json(an_application)
    assert "app_1" in ok("application", "extend", "app_1", "14d")


def test_update_patches_with_the_files_bytes(
    ada: Profile,
    ok: Callable[..., str],
    httpserver: HTTPServer,
    template: Path,
    an_application: dict[str, Any],
):
    httpserver.expect_oneshot_request(
        "/applications/app_1", method="PATCH", data=template.read_text()
    ).respond_with_json({**an_application, "status": "UPDATING"}, status=202)
    assert "UPDATING" in ok("application", "update", "app_1", str(template))


def test_what_changes_an_application_now_is_named(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_application: dict[str, Any]
):
    httpserver.expect_oneshot_request("/applications/app_1").respond_with_json(
        {**an_application, "operation": "req_9"}
    )
    assert "req_9" in ok("application", "show", "app_1")


def test_publish_and_terminate_answer_at_once_without_watch(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer, an_application: dict[str, Any]
):
    httpserver.expect_oneshot_request(
        "/applications/app_1/publish", method="POST", json={}
    ).respond_with_json({**an_application, "status": "UPDATING"}, status=202)
    assert "UPDATING" in ok("application", "publish", "app_1")
    httpserver.expect_oneshot_request("/applications/app_1", method="DELETE").respond_with_json(
        {**an_application, "status": "TERMINATING"}, status=202
    )
    assert "TERMINATING" in ok("application", "terminate", "app_1")


def test_blueprints_are_listed_and_shown(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
):
    blueprint = {
        "id": "static-site",
        "version": "1.2.0",
        "title": "A static site",
        "description": "Files on a CDN.",
        "projectTypes": ["Static"],
        "techStacks": ["Hugo", "Jekyll"],
        "monthlyCredits": {"dev": 40, "prod": 1140},
        "parameters": {"Size": {"type": "choice", "choices": ["small"], "description": "How big."}},
        "topologies": {"dev": {"facts": {"zones": "1"}, "defaultExpiry": "7d"}},
    }
    httpserver.expect_oneshot_request("/blueprints").respond_with_json({"items": [blueprint]})
    listed = ok("blueprint", "list")
    assert "Hugo, Jekyll" in listed
    head, row = listed.splitlines()
    assert head.split() == ["id", "version", "dev", "prod", "types", "stacks"]
    assert row.split()[:4] == ["static-site", "1.2.0", "$0.40", "$11.40"]
    httpserver.expect_oneshot_request("/blueprints/static-site").respond_with_json(blueprint)
    shown = ok("blueprint", "show", "static-site")
    for part in ("Files on a CDN.", "How big.", "7d", "certificate  none yet"):
        assert part in shown
    certified = {
        "points": 3000,
        "passed": 2999,
        "workflows": {"provision": {"points": 3000, "passed": 2999}},
    }
    httpserver.expect_oneshot_request("/blueprints/static-site").respond_with_json(
        {**blueprint, "certificate": certified}
    )
    lines = [line.split() for line in ok("blueprint", "show", "static-site").splitlines()]
    assert ["zones", "1"] in lines
    assert ["a", "month", "$0.40"] in lines
    assert ["provision", "3,000", "2,999"] in lines


def test_schema_stands_by_itself(ada: Profile, ok: Callable[..., str], httpserver: HTTPServer):
    schemas = {
        "RequestTemplate": {
            "type": "object",
            "properties": {"TargetEnvironment": {"$ref": "#/components/schemas/Environment"}},
        },
        "Environment": {"enum": ["dev"], "not": {"$ref": "#/components/schemas/Environment"}},
        "Other": {},
    }
    httpserver.expect_oneshot_request("/openapi.json").respond_with_json(
        {"components": {"schemas": schemas}}
    )
    schema = json.loads(ok("blueprint", "schema"))
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["properties"]["TargetEnvironment"] == {"$ref": "#/$defs/Environment"}
    assert schema["$defs"] == {
        "Environment": {"enum": ["dev"], "not": {"$ref": "#/$defs/Environment"}}
    }
    assert "Authorization" not in httpserver.log[0][0].headers


def test_schema_of_something_else_is_told(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_oneshot_request("/openapi.json").respond_with_json({"openapi": "3.1.0"})
    result = run("blueprint", "schema")
    assert result.exit_code == 1
    assert "no schema RequestTemplate" in result.stderr


UNIT = {"unit": "physics", "quota": 20000, "used": 1140, "held": 500, "left": 18360}


def test_units_are_listed_shown_and_set(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
):
    httpserver.expect_oneshot_request("/business-units").respond_with_json({"items": [UNIT]})
    assert "$183.60" in ok("unit", "list")
    httpserver.expect_oneshot_request("/business-units/physics").respond_with_json(UNIT)
    assert "$200.00 a month (20000 credits)" in ok("unit", "show", "physics")
    httpserver.expect_oneshot_request(
        "/business-units/physics", method="PUT", json={"quota": 20000}
    ).respond_with_json(UNIT)
    assert json.loads(ok("unit", "set", "physics", "--quota", "20000", "--json")) == UNIT


def test_a_quota_below_zero_is_wrong_use(ada: Profile, run: Callable[..., Result]):
    assert run("unit", "set", "physics", "--quota", "-1").exit_code == 2
    assert run("unit", "set", "physics", "--quota", "1", "--no-limit").exit_code == 2


def test_a_unit_may_have_no_limit(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
) -> None:
    httpserver.expect_oneshot_request(
        "/business-units/physics", method="PUT", json={"quota": None}
    ).respond_with_json({"unit": "physics", "quota": None, "used": 0, "held": 0, "left": None})
    assert "no limit" in ok("unit", "set", "physics", "--no-limit")


def test_the_ledger_shows_movements_page_by_page(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
):
    def page(request: Request) -> Response:
        first = request.args.get("cursor") is None
        entry = {
            "at": "2026-11-22T09:00:00Z",
            "movement": "RESERVE" if first else "LIMIT",
            "credits": 1140,
            "by": "ada@example.edu",
            "balanceAfter": {"used": 0, "held": 1140, "left": 18860},
        }
        return Response(json.dumps({"items": [entry], "next": "c" if first else None}))

    httpserver.expect_request("/business-units/physics/ledger").respond_with_handler(page)
    shown = ok("unit", "ledger", "physics", "--all")
    assert "RESERVE" in shown
    assert "LIMIT" in shown
    assert "$188.60" in shown


def test_reconcile_shows_what_was_found(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    sentence = "physics holds 20 too much"
    found = [{"kind": "HOLDS_DISAGREE", "subject": "UNIT#physics", "sentence": sentence}]
    for findings, code in (([], 0), (found, 1)):
        httpserver.expect_oneshot_request(
            "/business-units/reconcile", method="POST"
        ).respond_with_json({"checked": {"accounts": 3}, "findings": findings})
        result = run("unit", "reconcile")
        assert result.exit_code == code
        assert (sentence in result.stdout) is bool(findings)


def test_an_application_moves_to_another_unit(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
):
    httpserver.expect_oneshot_request(
        "/applications/app_1/business-unit", method="PUT", json={"businessUnit": "chemistry"}
    ).respond_with_json({"id": "app_1", "businessUnit": "chemistry"})
    assert "chemistry" in ok("application", "move", "app_1", "--unit", "chemistry")


def test_a_user_moves_with_their_applications(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_request("/users", method="GET").respond_with_json({"items": [USER]})
    httpserver.expect_oneshot_request(
        "/users/sub-1", method="PATCH", json={"unit": "chemistry", "moveApplications": True}
    ).respond_with_json(
        {**USER, "unit": "chemistry", "movedApplications": ["app_1"], "liveApplications": ["app_2"]}
    )
    words = ("user", "set", "bo@example.edu", "--unit", "chemistry", "--move-applications")
    result = run(*words)
    assert "app_1" in result.stdout
    assert "app_2" in result.stderr
    assert "application move" in result.stderr


USER = {
    "id": "sub-1",
    "email": "bo@example.edu",
    "unit": "physics",
    "role": "requester",
    "status": "ACTIVE",
}


def test_users_are_listed_and_created(ada: Profile, ok: Callable[..., str], httpserver: HTTPServer):
    httpserver.expect_oneshot_request("/users", method="GET").respond_with_json({"items": [USER]})
    assert "bo@example.edu" in ok("user", "list")
    httpserver.expect_oneshot_request(
        "/users",
        method="POST",
        json={
            "email": "bo@example.edu",
            "unit": "physics",
            "role": "approver",
            "approvesFor": ["physics", "chemistry"],
            "password": "Long enough 1!",
        },
    ).respond_with_json(USER, status=201)
    ok(
        *("user", "create", "bo@example.edu", "--unit", "physics", "--role", "Approver"),
        *("--approves-for", "physics", "--approves-for", "chemistry", "--password-stdin"),
        stdin="Long enough 1!\n",
    )


def test_an_unknown_role_is_wrong_use(ada: Profile, run: Callable[..., Result]):
    result = run("user", "create", "bo@example.edu", "--unit", "physics", "--role", "king")
    assert result.exit_code == 2
    assert "requester, approver, admin" in result.stderr


def test_set_finds_the_user_by_address(
    ada: Profile, ok: Callable[..., str], run: Callable[..., Result], httpserver: HTTPServer
):
    httpserver.expect_request("/users", method="GET").respond_with_json(
        {"items": [{"id": "sub-9", "email": "other@example.edu"}, USER], "next": None}
    )
    httpserver.expect_oneshot_request(
        "/users/sub-1", method="PATCH", json={"role": "admin", "quota": 500, "status": "DISABLED"}
    ).respond_with_json({**USER, "role": "admin"})
    changed = ok("user", "set", "BO@example.edu", "--role", "admin", "--quota", "500", "--disable")
    assert "admin" in changed
    assert run("user", "set", "bo@example.edu").exit_code == 2
    missing = run("user", "set", "nobody@example.edu", "--role", "admin")
    assert missing.exit_code == 1
    assert "There is no user nobody@example.edu" in missing.stderr


def test_import_sends_the_roster_and_shows_each_line(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
) -> None:
    answer = {
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "failed": 1,
        "lines": [
            {"line": 1, "email": "new@example.edu", "result": "created", "message": ""},
            {"line": 2, "email": "broken", "result": "failed", "message": "Write one address."},
        ],
    }
    rows = [
        {"email": "new@example.edu", "unit": "physics", "role": "approver"},
        {"email": "broken", "unit": None, "role": "requester"},
    ]
    httpserver.expect_oneshot_request(
        "/users/import", method="POST", json={"rows": rows, "mode": "best-effort"}
    ).respond_with_json(answer)
    csv = "email, unit, role\nnew@example.edu, physics, Approver\nbroken,,requester\n"
    result = run("user", "import", "-", "--best-effort", stdin=csv)
    assert result.exit_code == 1
    assert "Write one address." in result.stdout
    assert "Failed lines: 1." in result.stderr


def test_import_is_all_or_nothing_unless_told(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer
) -> None:
    errors = [{"pointer": "/rows/1/unit", "detail": "There is no business unit x."}]
    httpserver.expect_oneshot_request("/users/import", method="POST").respond_with_json(
        {"detail": "Nothing was done: 1 of 2 lines have faults.", "errors": errors}, 400
    )
    csv = "email,unit,role\na@b.edu,physics,requester\nb@b.edu,x,requester\n"
    result = run("user", "import", "-", stdin=csv)
    assert result.exit_code == 1
    assert json.loads(httpserver.log[0][0].data)["mode"] == "all-or-nothing"
    assert "/rows/1/unit  There is no business unit x." in result.stderr


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("mail,unit\na,b\n", "names the columns mail, unit"),
        ("", "(none)"),
        ("email,unit,role\na@b.edu,physics\n", "Line 2"),
        ("email,unit,role\na@b.edu,physics,requester,more\n", "Line 2"),
        ("email,unit,role\na@b.edu,physics,king\n", "no role 'king'"),
    ],
)
def test_import_checks_every_line_before_the_first_user(
    ada: Profile, run: Callable[..., Result], httpserver: HTTPServer, content: str, complaint: str
):
    result = run("user", "import", "-", stdin=content)
    assert result.exit_code in {1, 2}
    assert complaint in result.stderr
    assert httpserver.log == []


def test_policy_is_shown_tested_and_published(
    ada: Profile,
    ok: Callable[..., str],
    run: Callable[..., Result],
    httpserver: HTTPServer,
    tmp_path: Path,
):
    policy = {"version": "2026-11-22", "rules": [{"id": "prod", "weight": 10}]}
    httpserver.expect_oneshot_request("/policy", method="GET").respond_with_json(policy)
    assert "- id: prod" in ok("policy", "show")
    file = tmp_path / "policy.yaml"
    file.write_text("rules:\n- id: prod\n  weight: 10\n")
    replay = {
        "total": 40,
        "summary": "+14 automatic",
        "changes": [
            {
                "requestId": "req_1",
                "before": "ONE_APPROVER",
                "after": "AUTOMATIC",
                "why": "Lighter.",
            }
        ],
    }
    sent = {"rules": [{"id": "prod", "weight": 10}]}
    httpserver.expect_oneshot_request("/policy/test", method="POST", json=sent).respond_with_json(
        replay
    )
    tested = ok("policy", "test", str(file))
    assert "+14 automatic" in tested
    assert "Lighter." in tested
    httpserver.expect_oneshot_request("/policy", method="PUT", json=sent).respond_with_json(policy)
    ok("policy", "publish", str(file), "--yes")
    file.write_text("rules: [")
    broken = run("policy", "test", str(file))
    assert broken.exit_code == 1
    assert "neither YAML nor JSON" in broken.stderr


def test_findings_are_listed_shown_and_remarked_on(
    ada: Profile, ok: Callable[..., str], httpserver: HTTPServer
):
    finding = {
        "id": "fnd_1", "status": "OPEN", "kind": "RETAINED", "sentence": "A bucket was left.",
        "firstSeen": "2026-11-01T00:00:00Z", "left": {"physicalId": "b", "monthlyCredits": 120},
    }  # fmt: skip
    page = {"items": [finding], "next": None}
    httpserver.expect_oneshot_request(
        "/findings", query_string={"limit": "50", "gone": "true"}
    ).respond_with_json(page)
    assert "RETAINED" in ok("finding", "list", "--gone")
    httpserver.expect_oneshot_request("/findings/fnd_1").respond_with_json(finding)
    assert "$1.20 a month" in ok("finding", "show", "fnd_1")
    for verb in ("acknowledge", "resolve"):
        httpserver.expect_oneshot_request(
            f"/findings/fnd_1/{verb}", method="POST", json={"comment": "Seen."}
        ).respond_with_json(finding)
        assert json.loads(ok("--json", "finding", verb, "fnd_1", "--comment", "Seen.")) == finding
