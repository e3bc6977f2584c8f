"""Approvals, applications, blueprints, units, users and policy against the contract's shapes."""

import json

import pytest
from werkzeug import Request, Response


@pytest.fixture
def an_approval(a_plan):
    return {
        "requestId": "req_1",
        "status": "OPEN",
        "question": "May shop run in prod?",
        "planDigest": "sha256:d1",
        "plan": a_plan,
        "decisions": [
            {"decision": "APPROVED", "by": "bo@example.edu", "at": "2026-11-22T09:00:00Z", "comment": "Yes."}
        ],
        "expiresAt": "2026-11-25T09:00:00Z",
        "submittedBy": "ada@example.edu",
    }


def test_approvals_are_listed_and_shown(ada, ok, httpserver, an_approval):
    httpserver.expect_oneshot_request("/approvals").respond_with_json({"items": [an_approval]})
    listed = ok("approval", "list")
    assert "May shop run in prod?" in listed
    assert "$11.40" in listed
    httpserver.expect_oneshot_request("/approvals/req_1").respond_with_json(an_approval)
    shown = ok("approval", "show", "req_1")
    assert "sha256:d1" in shown
    assert "bo@example.edu" in shown


def test_approve_names_the_digest_of_the_plan_it_read(ada, ok, httpserver, an_approval):
    httpserver.expect_oneshot_request("/approvals/req_1", method="GET").respond_with_json(an_approval)
    httpserver.expect_oneshot_request(
        "/approvals/req_1",
        method="POST",
        json={"decision": "APPROVED", "planDigest": "sha256:d1", "comment": "Fits."},
    ).respond_with_json({**an_approval, "status": "APPROVED"})
    answer = json.loads(ok("approval", "approve", "req_1", "--comment", "Fits.", "--json"))
    assert answer["status"] == "APPROVED"
    assert httpserver.log[-1][0].headers["Idempotency-Key"]


def test_approve_decides_nothing_when_the_plan_is_another(ada, run, httpserver, an_approval):
    httpserver.expect_oneshot_request("/approvals/req_1", method="GET").respond_with_json(an_approval)
    result = run("approval", "approve", "req_1", "--plan-digest", "sha256:old")
    assert result.exit_code == 1
    assert "Nothing was decided" in result.stderr
    assert [request.method for request, _ in httpserver.log] == ["GET"]


def test_reject_needs_a_comment(ada, run, httpserver, an_approval):
    result = run("approval", "reject", "req_1")
    assert result.exit_code == 2
    httpserver.expect_oneshot_request("/approvals/req_1", method="GET").respond_with_json(an_approval)
    httpserver.expect_oneshot_request(
        "/approvals/req_1",
        method="POST",
        json={"decision": "REJECTED", "planDigest": "sha256:d1", "comment": "Use dev."},
    ).respond_with_json({"status": "REJECTED"})
    assert run("approval", "reject", "req_1", "--comment", "Use dev.").exit_code == 0


def test_applications_are_listed_shown_and_extended(ada, ok, httpserver, an_application):
    httpserver.expect_oneshot_request(
        "/applications", query_string={"unit": "physics", "limit": "50"}
    ).respond_with_json({"items": [an_application]})
    assert "http://shop.example.edu/" in ok("application", "list", "--unit", "physics")
    httpserver.expect_oneshot_request("/applications/app_1").respond_with_json(an_application)
    shown = ok("application", "show", "app_1")
    assert "$11.40 a month" in shown
    assert "BucketName=b" in shown
    httpserver.expect_oneshot_request(
        "/applications/app_1/extend", method="POST", json={"expiresAfter": "14d"}
    ).respond_with_json(an_application)
    assert "app_1" in ok("application", "extend", "app_1", "14d")


def test_update_patches_with_the_files_bytes(ada, ok, httpserver, template, an_application):
    httpserver.expect_oneshot_request(
        "/applications/app_1", method="PATCH", data=template.read_text()
    ).respond_with_json({**an_application, "status": "UPDATING"}, status=202)
    assert "UPDATING" in ok("application", "update", "app_1", str(template))


def test_publish_and_terminate_answer_at_once_without_watch(ada, ok, httpserver, an_application):
    httpserver.expect_oneshot_request(
        "/applications/app_1/publish", method="POST", json={}
    ).respond_with_json({**an_application, "status": "UPDATING"}, status=202)
    assert "UPDATING" in ok("application", "publish", "app_1")
    httpserver.expect_oneshot_request("/applications/app_1", method="DELETE").respond_with_json(
        {**an_application, "status": "TERMINATING"}, status=202
    )
    assert "TERMINATING" in ok("application", "terminate", "app_1")


def test_blueprints_are_listed_and_shown(ada, ok, httpserver):
    blueprint = {
        "id": "static-site",
        "version": "1.2.0",
        "title": "A static site",
        "description": "Files on a CDN.",
        "serves": [{"projectType": "Static", "techStacks": ["Hugo", "Jekyll"]}],
        "parameters": {"Size": {"type": "choice", "choices": ["small"], "description": "How big."}},
        "topologies": {"dev": {"facts": {"zones": "1"}, "defaultExpiry": "7d"}},
    }
    httpserver.expect_oneshot_request("/blueprints").respond_with_json({"items": [blueprint]})
    assert "Static (Hugo, Jekyll)" in ok("blueprint", "list")
    httpserver.expect_oneshot_request("/blueprints/static-site").respond_with_json(blueprint)
    shown = ok("blueprint", "show", "static-site")
    for part in ("Files on a CDN.", "How big.", "zones=1", "7d"):
        assert part in shown


def test_schema_stands_by_itself(ada, ok, httpserver):
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
    assert schema["$defs"] == {"Environment": {"enum": ["dev"], "not": {"$ref": "#/$defs/Environment"}}}
    assert "Authorization" not in httpserver.log[0][0].headers


def test_schema_of_something_else_is_told(ada, run, httpserver):
    httpserver.expect_oneshot_request("/openapi.json").respond_with_json({"openapi": "3.1.0"})
    result = run("blueprint", "schema")
    assert result.exit_code == 1
    assert "no schema RequestTemplate" in result.stderr


UNIT = {"unit": "physics", "quota": 20000, "used": 1140, "held": 500, "left": 18360}


def test_units_are_listed_shown_and_set(ada, ok, httpserver):
    httpserver.expect_oneshot_request("/business-units").respond_with_json({"items": [UNIT]})
    assert "$183.60" in ok("unit", "list")
    httpserver.expect_oneshot_request("/business-units/physics").respond_with_json(UNIT)
    assert "$200.00 a month (20000 credits)" in ok("unit", "show", "physics")
    httpserver.expect_oneshot_request(
        "/business-units/physics", method="PUT", json={"quota": 20000}
    ).respond_with_json(UNIT)
    assert json.loads(ok("unit", "set", "physics", "--quota", "20000", "--json")) == UNIT


def test_a_quota_below_zero_is_wrong_use(ada, run):
    assert run("unit", "set", "physics", "--quota", "-1").exit_code == 2


def test_the_ledger_shows_movements_page_by_page(ada, ok, httpserver):
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


def test_reconcile_shows_what_was_found(ada, ok, httpserver):
    httpserver.expect_oneshot_request(
        "/business-units/reconcile", method="POST"
    ).respond_with_json({"units": 3, "differences": ["physics holds 20 too much"]})
    assert "physics holds 20 too much" in ok("unit", "reconcile")


USER = {"id": "sub-1", "email": "bo@example.edu", "unit": "physics", "role": "requester", "status": "ACTIVE"}


def test_users_are_listed_and_created(ada, ok, httpserver):
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


def test_an_unknown_role_is_wrong_use(ada, run):
    result = run("user", "create", "bo@example.edu", "--unit", "physics", "--role", "king")
    assert result.exit_code == 2
    assert "requester, approver, admin" in result.stderr


def test_set_finds_the_user_by_address(ada, ok, run, httpserver):
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


def test_import_creates_who_is_missing_and_goes_on_after_a_fault(ada, run, httpserver, tmp_path):
    def create(request: Request) -> Response:
        user = json.loads(request.data)
        if user["email"] == "there@example.edu":
            return Response(json.dumps({"title": "Conflict", "code": "CONFLICT"}), 409)
        if user["email"] == "broken":
            errors = [{"pointer": "/email", "detail": "Write one e-mail address."}]
            return Response(json.dumps({"title": "Invalid", "errors": errors}), 400)
        return Response(json.dumps({"id": "sub-2", **user}), 201)

    httpserver.expect_request("/users", method="POST").respond_with_handler(create)
    file = tmp_path / "course.csv"
    file.write_text(
        "email,unit,role,approvesFor\n"
        "new@example.edu,physics,approver,physics chemistry\n"
        "there@example.edu,physics,requester,\n"
        "broken,physics,requester,\n"
    )
    result = run("user", "import", str(file), "--json")
    assert result.exit_code == 1
    outcomes = {item["email"]: item for item in json.loads(result.stdout)["items"]}
    assert outcomes["new@example.edu"]["outcome"] == "CREATED"
    assert outcomes["there@example.edu"]["outcome"] == "EXISTS"
    assert outcomes["broken"]["outcome"] == "FAILED"
    assert "Write one e-mail address." in outcomes["broken"]["detail"]
    assert json.loads(httpserver.log[0][0].data)["approvesFor"] == ["physics", "chemistry"]


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
def test_import_checks_every_line_before_the_first_user(ada, run, httpserver, content, complaint):
    result = run("user", "import", "-", stdin=content)
    assert result.exit_code in {1, 2}
    assert complaint in result.stderr
    assert httpserver.log == []


def test_policy_is_shown_tested_and_published(ada, ok, run, httpserver, tmp_path):
    policy = {"version": "2026-11-22", "rules": [{"id": "prod", "weight": 10}]}
    httpserver.expect_oneshot_request("/policy", method="GET").respond_with_json(policy)
    assert "- id: prod" in ok("policy", "show")
    file = tmp_path / "policy.yaml"
    file.write_text("rules:\n- id: prod\n  weight: 10\n")
    replay = {
        "total": 40,
        "summary": "+14 automatic",
        "changes": [
            {"requestId": "req_1", "before": "ONE_APPROVER", "after": "AUTOMATIC", "why": "Lighter."}
        ],
    }
    sent = {"rules": [{"id": "prod", "weight": 10}]}
    httpserver.expect_oneshot_request("/policy/test", method="POST", json=sent).respond_with_json(replay)
    tested = ok("policy", "test", str(file))
    assert "+14 automatic" in tested
    assert "Lighter." in tested
    httpserver.expect_oneshot_request("/policy", method="PUT", json=sent).respond_with_json(policy)
    ok("policy", "publish", str(file), "--yes")
    file.write_text("rules: [")
    broken = run("policy", "test", str(file))
    assert broken.exit_code == 1
    assert "neither YAML nor JSON" in broken.stderr
