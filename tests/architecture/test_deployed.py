"""What infra/ deploys against the code: functions, routes, settings, workflows, events."""

import importlib
import json
import re
from dataclasses import fields

import pytest
from tests.architecture.infra import (
    APP,
    DATA,
    FUNCTIONS,
    MACHINES,
    ROLES,
    SCHEDULES,
    WORKFLOWS,
    function_name,
    tasks,
)
from tests.architecture.templates import ROOT, listed, load, of_type, resolved, statements

from autoprovision.functions.routes import OPERATIONS, PUBLIC
from autoprovision.settings import Settings

ROUTES = {
    one["Properties"]["RouteKey"]: one["Properties"]
    for one in of_type(APP, "AWS::ApiGatewayV2::Route").values()
}
# Sets that Cognito's trigger reads by itself, before there is a platform.
NOT_SETTINGS = {"SELF_SIGN_UP_DOMAINS"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_its_own_role_and_log_group(name):
    short, properties = function_name(name), FUNCTIONS[name]["Properties"]
    assert properties["FunctionName"] == {"Fn::Sub": "${PlatformName}-" + short}
    assert properties["Role"] == {"Fn::GetAtt": [f"{short}Role", "Arn"]}
    assert properties["LoggingConfig"]["LogGroup"] == {"Ref": f"{short}LogGroup"}
    group = APP["Resources"][f"{short}LogGroup"]["Properties"]
    assert group["LogGroupName"] == {"Fn::Sub": "/aws/lambda/${PlatformName}-" + short}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    logs = [
        one
        for one in statements(ROLES[f"{short}Role"])
        if "logs:PutLogEvents" in listed(one["Action"])
    ]
    assert [one["Resource"] for one in logs] == [{"Fn::GetAtt": [f"{short}LogGroup", "Arn"]}]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_runs_as_decided(name):
    properties = FUNCTIONS[name]["Properties"]
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert "ReservedConcurrentExecutions" not in properties
    assert properties["MemorySize"] >= (1024 if name.endswith("ApiFunction") else 256)
    assert properties["Timeout"] < 30 or not name.endswith("ApiFunction"), (
        "API Gateway gives up after 30 s"
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_environment_is_named_as_the_settings(name):
    environment = FUNCTIONS[name]["Properties"].get("Environment", {}).get("Variables", {})
    known = {one.name.upper() for one in fields(Settings)} - {"AWS_REGION"} | NOT_SETTINGS
    assert set(environment) <= known
    assert environment["PLATFORM_NAME"] == {"Ref": "PlatformName"}


def test_every_setting_reaches_a_function():
    given = {
        name for one in FUNCTIONS.values() for name in one["Properties"]["Environment"]["Variables"]
    }
    assert {one.name.upper() for one in fields(Settings)} - given <= {"AWS_REGION"}


def test_names_that_are_not_imported_are_those_of_data():
    kept = {
        resolved(one["Properties"][key])
        for kind, key in (("AWS::DynamoDB::Table", "TableName"), ("AWS::S3::Bucket", "BucketName"))
        for one in of_type(DATA, kind).values()
    }
    for one in FUNCTIONS.values():
        for name, value in one["Properties"]["Environment"]["Variables"].items():
            if name.endswith(("_TABLE", "_BUCKET")):
                assert resolved(value) in kept
    text = (ROOT / "infra/app.yaml").read_text()
    for name in re.findall(r":table/(\S+?)(?:/index/\*)?$", text, re.MULTILINE):
        assert name in kept or name == "${PlatformName}-app-*", "or an application's own"
    for name in re.findall(r":s3:::(\$\{PlatformName\}-[^/\s]+)", text):
        assert name in kept


def test_imports_are_exported():
    exported = {
        resolved(one["Export"]["Name"]) for one in DATA["Outputs"].values() if "Export" in one
    }
    exported |= {
        resolved(one["Export"]["Name"]).replace("${TargetEnvironment}", "${FunctionNetwork}")
        for one in load("infra/network.yaml")["Outputs"].values()
        if "Export" in one
    }
    imported = set(
        re.findall(r'Fn::ImportValue: !Sub "([^"]+)"', (ROOT / "infra/app.yaml").read_text())
    )
    assert imported <= exported


@pytest.mark.parametrize("name", FUNCTIONS)
def test_handler_is_there(name):
    module, _, attribute = FUNCTIONS[name]["Properties"]["Handler"].rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))
    if module.endswith(".steps"):
        assert attribute == re.sub(r"(?<!^)([A-Z])", r"_\1", function_name(name)).lower()


def test_routes_hold_every_operation():
    assert set(OPERATIONS) | set(PUBLIC) <= set(ROUTES)


@pytest.mark.parametrize("key", ROUTES)
def test_route_asks_for_an_access_token(key):
    if key in PUBLIC:
        assert ROUTES[key]["AuthorizationType"] == "NONE"
    else:
        assert ROUTES[key]["AuthorizationType"] == "JWT"
        assert ROUTES[key]["AuthorizerId"] == {"Ref": "Authorizer"}
        # Only access tokens have a scope: an ID token is refused here already.
        assert ROUTES[key]["AuthorizationScopes"] == ["aws.cognito.signin.user.admin"]


@pytest.mark.parametrize("key", ROUTES)
def test_route_reaches_the_function_that_may(key):
    noun = key.split("/")[1]
    directory = {"users", "me", "business-units", "policy", "findings"}
    function = (
        "ApprovalsApi"
        if noun in {"approvals", "delegations"}
        else "DirectoryApi"
        if noun in directory
        else "RequestsApi"
    )
    assert ROUTES[key]["Target"] == {"Fn::Sub": f"integrations/${{{function}Integration}}"}


@pytest.mark.parametrize("low", WORKFLOWS)
def test_workflow_is_deployed_with_what_it_names(low):
    machine = MACHINES[f"{low.capitalize()}StateMachine"]["Properties"]
    assert machine["StateMachineName"] == {"Fn::Sub": "${PlatformName}-" + low}
    assert machine["StateMachineType"] == "STANDARD"
    assert WORKFLOWS[low]["QueryLanguage"] == "JSONata"
    placeholders = set(re.findall(r"\$\{(\w+)\}", json.dumps(WORKFLOWS[low])))
    assert set(machine["DefinitionSubstitutions"]) == placeholders
    for name in placeholders:
        if name.endswith("FunctionArn"):
            assert machine["DefinitionSubstitutions"][name] == {
                "Fn::GetAtt": [name.removesuffix("Arn"), "Arn"]
            }
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False


@pytest.mark.parametrize("low", WORKFLOWS)
def test_state_and_function_have_one_name(low):
    for name, state in tasks(WORKFLOWS[low]).items():
        if ":lambda:invoke" in state["Resource"]:
            function = state["Arguments"]["FunctionName"].strip("${}").removesuffix("FunctionArn")
            assert f"{function}Function" in FUNCTIONS
            # The same step waits for every end of a stack, or of a runbook.
            waits = {"AwaitStackDeletion": "AwaitStack", "AwaitStackRestored": "AwaitStack",
                     "AwaitRunbookStopped": "AwaitRunbook"}  # fmt: skip
            assert function == waits.get(name, name)


def test_no_event_is_lost():
    dead = {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    for rule in of_type(APP, "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            assert target["DeadLetterConfig"] == dead
            assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
    for schedule in SCHEDULES.values():
        target = schedule["Properties"]["Target"]
        assert target["DeadLetterConfig"] == dead
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1
    kept = {
        one["Properties"]["FunctionName"]["Ref"]
        for one in of_type(APP, "AWS::Lambda::EventInvokeConfig").values()
    }
    assert kept == {
        "StackEventsFunction",
        "BuildEventsFunction",
        "AutomationEventsFunction",
        "IntakeFunction",
        "ApprovalWebhookFunction",
    }
    (mapping,) = of_type(APP, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = APP["Resources"]["ApprovalQueue"]["Properties"]
    assert (
        queue["VisibilityTimeout"] >= 6 * FUNCTIONS["ApprovalDeskFunction"]["Properties"]["Timeout"]
    )
    watched = json.dumps(of_type(APP, "AWS::CloudWatch::Alarm"))
    for name in ("ApprovalDeadLetters", "DeadLetters", *MACHINES):
        assert f'"{name}"' in watched


def test_triggers_of_the_pool_are_functions_of_app():
    for trigger, arn in DATA["Resources"]["UserPool"]["Properties"]["LambdaConfig"].items():
        assert resolved(arn).endswith(":function:${PlatformName}-" + trigger)
        assert f"{trigger}Function" in FUNCTIONS


@pytest.mark.parametrize("template", [APP, DATA], ids=["app", "data"])
def test_parameters_are_described_and_have_defaults(template):
    filled_in = {"CodeBucket", "CodeKey", "SenderAddress"}
    for name, one in template["Parameters"].items():
        assert one["Description"].endswith(".")
        assert "Default" in one or name in filled_in or name.endswith("DefinitionKey")
