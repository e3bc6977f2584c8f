"""infra/ against the code: who may do what, which names travel, what is kept."""

import importlib
import json
import re
from dataclasses import fields

import pytest
from tests.architecture.templates import ROOT, listed, load, of_type, resolved, statements

from autoprovision.domain.drift_reads import READS
from autoprovision.functions.routes import OPERATIONS, PUBLIC
from autoprovision.settings import Settings

APP, DATA = load("infra/app.yaml"), load("infra/data.yaml")
FUNCTIONS = of_type(APP, "AWS::Lambda::Function")
ROLES = of_type(APP, "AWS::IAM::Role")
POLICIES = of_type(APP, "AWS::IAM::ManagedPolicy")
MACHINES = of_type(APP, "AWS::StepFunctions::StateMachine")
BUILDERS = of_type(APP, "AWS::CodeBuild::Project")
SCHEDULES = of_type(APP, "AWS::Scheduler::Schedule")
ROUTES = {
    one["Properties"]["RouteKey"]: one["Properties"]
    for one in of_type(APP, "AWS::ApiGatewayV2::Route").values()
}
WORKFLOWS = {
    path.name.split(".")[0]: json.loads(path.read_text())
    for path in sorted((ROOT / "workflows").glob("*.asl.json"))
}
TABLES = of_type(DATA, "AWS::DynamoDB::Table")

# Sets that Cognito's trigger reads by itself, before there is a platform.
NOT_SETTINGS = {"SELF_SIGN_UP_DOMAINS"}
# What IAM knows no resource for.
ACCOUNT_WIDE = {
    "cloudformation:DescribeStackDriftDetectionStatus",
    "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    "ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions", "ecs:ListTasks",
    "secretsmanager:ListSecrets", "tag:GetResources",
    # What CloudFormation reads to detect drift.
    "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeLifecycleHooks", "autoscaling:DescribeNotificationConfigurations", "autoscaling:DescribeTags", "autoscaling:DescribeTrafficSources",
    "ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones", "ec2:DescribeInstanceCreditSpecifications", "ec2:DescribeInstances", "ec2:DescribeInternetGateways", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates", "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVolumes", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcs", "ssm:DescribeAssociation", "ssm:ListAssociations",
    "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
    "ssm:CancelCommand", "ssm:DescribeAutomationExecutions", "ssm:DescribeInstanceInformation",
    "ssm:GetCommandInvocation", "ssm:ListCommandInvocations", "ssm:ListCommands",
}  # fmt: skip
KEYS = {
    "requests": (["id", "sort"], {"byUnit": ["unit", "id"], "byKind": ["kind", "id"], "byOpenStatus": ["openStatus", "updatedAt"]}),
    "applications": (["id"], {"byUnit": ["unit", "id"], "byKind": ["kind", "id"], "byExpiry": ["expiryKind", "expiresAt"]}),
    "ledger": (["account", "sort"], {"byKind": ["kind", "account"]}),
    "approvals": (["id"], {"byKind": ["openKind", "id"]}),
    "users": (["id"], {"byUnit": ["unit", "id"], "byKind": ["kind", "id"], "byEmail": ["email"]}),
    "waits": (["stackId"], {}),
    "idempotency": (["key"], {}),
    "findings": (["id"], {"byState": ["state", "firstSeen"]}),
}  # fmt: skip


def function_name(logical_id: str) -> str:
    return logical_id.removesuffix("Function")


def attached_to(role: dict) -> list[str]:
    """The template's policies of a role, those too that only a choice of the operator attaches."""
    arns = role["Properties"].get("ManagedPolicyArns", [])
    named = [one["Fn::If"][1] if "Fn::If" in one else one for one in arns]
    return [one["Ref"] for one in named if one.get("Ref") in POLICIES]


def all_statements(role: dict) -> list[dict]:
    attached = [POLICIES[one] for one in attached_to(role)]
    return [
        *statements(role),
        *(statement for policy in attached for statement in statements(policy)),
    ]


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


def test_no_role_is_shared_or_left_over():
    users = [one["Properties"]["Role"]["Fn::GetAtt"][0] for one in FUNCTIONS.values()]
    users += [one["Properties"]["RoleArn"]["Fn::GetAtt"][0] for one in MACHINES.values()]
    users += [one["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0] for one in SCHEDULES.values()]
    users += [one["Properties"]["ServiceRole"]["Fn::GetAtt"][0] for one in BUILDERS.values()]
    assert sorted(users) == sorted(ROLES)
    attached = {one for role in ROLES.values() for one in attached_to(role)}
    assert attached == set(POLICIES)


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


@pytest.mark.parametrize("name", [*ROLES, *POLICIES])
def test_actions_and_resources_are_named(name):
    for statement in statements(APP["Resources"][name]):
        actions = listed(statement["Action"])
        assert not [one for one in actions if "*" in one]
        for resource in listed(statement["Resource"]):
            text = resolved(resource)
            if text == "*":
                assert set(actions) <= ACCOUNT_WIDE or name in {
                    "ListStacksPolicy",
                    "JoinNetworkPolicy",
                }
            else:
                assert text.startswith(("arn:", "${", "import ")), text
                assert (
                    not re.fullmatch(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:(\w+[/:])?\*", text)
                    or ":distribution/*" in text
                )


def test_every_star_is_explained_where_it_stands():
    for path in ("infra/app.yaml", "infra/data.yaml", "catalog/static-site/role.yaml"):
        lines = (ROOT / path).read_text().splitlines()
        for number, line in enumerate(lines):
            if re.search(r'Resource: "\*"', line):
                before = lines[max(0, number - 12) : number]
                assert any(one.strip().startswith("#") for one in before), f"{path}:{number + 1}"


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


def test_only_approvals_sign_and_only_directory_administers():
    holders = {
        action: {
            name
            for name, role in ROLES.items()
            for one in all_statements(role)
            if action in listed(one["Action"])
        }
        for action in ("kms:Sign", "cognito-idp:AdminCreateUser", "secretsmanager:GetSecretValue")
    }
    assert holders == {
        "kms:Sign": {"ApprovalsApiRole"},
        "cognito-idp:AdminCreateUser": {"DirectoryApiRole"},
        "secretsmanager:GetSecretValue": {
            "PublishProjectRole",
            "ApprovalWebhookRole",
            "StageSourceRole",
        },
    }


CATALOG_TYPES = {
    one["Type"]
    for path in sorted((ROOT / "catalog").glob("*/template.yaml"))
    for one in load(str(path.relative_to(ROOT)))["Resources"].values()
}


@pytest.mark.parametrize("kind", sorted(CATALOG_TYPES))
def test_the_audit_may_see_the_drift_of_whatever_the_catalog_makes(kind):
    assert kind in READS, "add what reading it takes to domain/drift_reads.py and to infra/app.yaml"
    allowed = {
        action for one in all_statements(ROLES["AuditRole"]) for action in listed(one["Action"])
    }
    assert set(READS[kind]) <= allowed


def test_the_audit_reads_no_more_of_applications_than_drift_takes():
    needed = {action for actions in READS.values() for action in actions}
    given = {
        action
        for name in ("SeeDriftOfSitesPolicy", "SeeDriftOfServicesPolicy")
        for one in statements(POLICIES[name])
        for action in listed(one["Action"])
    }
    assert given == needed
    assert set(READS) == CATALOG_TYPES
    for opening in ("secretsmanager:GetSecretValue", "s3:GetObject"):
        assert opening not in given


def tasks(workflow: dict) -> dict[str, dict]:
    found = {}
    for name, state in workflow["States"].items():
        if state["Type"] == "Task":
            found[name] = state
        for inner in [
            *state.get("Branches", []),
            *([state["ItemProcessor"]] if "ItemProcessor" in state else []),
        ]:
            found |= tasks(inner)
    return found


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


def calls(state: dict) -> set[tuple[str, str]]:
    """Actions that a task's role needs, with what they are needed on."""
    resource = state["Resource"].removeprefix("arn:aws:states:::").removesuffix(".waitForTaskToken")
    arguments = state["Arguments"]
    if resource == "lambda:invoke":
        function = arguments["FunctionName"].strip("${}").removesuffix("Arn")
        return {("lambda:InvokeFunction", "${" + function + ".Arn}")}
    if resource == "sqs:sendMessage":
        return {
            (
                "sqs:SendMessage",
                "${" + arguments["QueueUrl"].strip("${}").removesuffix("Url") + ".Arn}",
            )
        }
    if resource == "codebuild:startBuild":
        project = arguments["ProjectName"].strip("${}").removesuffix("Name")
        return {
            ("codebuild:StartBuild", "${" + project + ".Arn}"),
            ("iam:PassRole", "${BuildRole.Arn}"),
            ("iam:PassRole", ":role/${PlatformName}-app-*-build"),
        }
    if resource == "sns:publish":
        return {("sns:Publish", ":${PlatformName}-operators")}
    _, service, operation = resource.split(":")
    if service == "ssm":
        return _calls_of_runbooks(operation)
    needed = {(f"{service}:{operation[0].upper()}{operation[1:]}", ":stack/ap-*/*")}
    if operation in {"createChangeSet", "updateStack"}:
        needed |= {
            ("s3:GetObject", "/blueprints/*"),
            ("cloudformation:TagResource", ":stack/ap-*/*"),
        }
    if operation == "createStack":
        needed |= {
            ("iam:PassRole", ":role/${PlatformName}-blueprint-*"),
            ("s3:GetObject", "/blueprints/*"),
            ("cloudformation:TagResource", ":stack/ap-*/*"),
        }
    return needed


def _calls_of_runbooks(operation: str) -> set[tuple[str, str]]:
    if operation == "stopAutomationExecution":
        return {("ssm:StopAutomationExecution", ":automation-execution/*")}
    assert operation == "startAutomationExecution"
    kinds = (
        "automation-definition/${PlatformName}-*",
        "document/${PlatformName}-*",
        "automation-execution/*",
    )
    return {
        ("iam:PassRole", ":role/${PlatformName}-runbook-*"),
        *(("ssm:StartAutomationExecution", f":{kind}") for kind in kinds),
    }  # fmt: skip


@pytest.mark.parametrize("low", WORKFLOWS)
def test_workflow_may_do_what_it_does_and_no_more(low):
    needed = {call for state in tasks(WORKFLOWS[low]).values() for call in calls(state)}
    allowed = {
        (action, resolved(resource))
        for statement in statements(ROLES[f"{low.capitalize()}Role"])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action not in ACCOUNT_WIDE
    }
    unmet = [
        (action, end)
        for action, end in needed
        if not any(a == action and r.endswith(end) for a, r in allowed)
    ]
    idle = [
        (a, r)
        for a, r in allowed
        if not any(a == action and r.endswith(end) for action, end in needed)
    ]
    assert (unmet, idle) == ([], [])


@pytest.mark.parametrize("name", BUILDERS)
def test_a_build_reaches_nothing_but_its_own(name):
    """What strangers wrote runs there: no secret, no table, no listing, no writing but its output."""
    properties = BUILDERS[name]["Properties"]
    allowed = {
        (action, resolved(resource).removeprefix("arn:${AWS::Partition}:s3:::"))
        for statement in statements(ROLES[properties["ServiceRole"]["Fn::GetAtt"][0]])
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    builds, catalog = (
        f"${{PlatformName}}-{one}-${{AWS::AccountId}}-${{AWS::Region}}"
        for one in ("builds", "catalog")
    )
    assert allowed == {
        ("s3:GetObject", f"{builds}/builds/*/source.zip"),
        ("s3:GetObject", f"{catalog}/blueprints/*/recipe"),
        ("s3:PutObject", f"{builds}/builds/*/output.zip"),
        ("s3:GetBucketAcl", builds),
        ("s3:GetBucketLocation", builds),
        ("logs:CreateLogStream", "${BuildLogGroup.Arn}"),
        ("logs:PutLogEvents", "${BuildLogGroup.Arn}"),
    }
    assert properties["Environment"]["PrivilegedMode"] is False
    assert "EnvironmentVariables" not in properties["Environment"]
    assert "VpcConfig" not in properties


def test_stacks_are_made_from_published_templates_with_blueprint_roles_only():
    (create,) = [
        one
        for one in statements(ROLES["ProvisionRole"])
        if one["Action"] == "cloudformation:CreateStack"
    ]
    assert resolved(create["Condition"]["ArnLike"]["cloudformation:RoleArn"]).endswith(
        ":role/${PlatformName}-blueprint-*"
    )
    assert resolved(create["Condition"]["StringLike"]["cloudformation:TemplateUrl"]).endswith(
        "/blueprints/*"
    )


@pytest.mark.parametrize("low", WORKFLOWS)
def test_a_workflow_passes_each_role_to_one_service(low):
    passed = {
        resolved(resource).rpartition(":")[2]: one["Condition"]
        for one in statements(ROLES[f"{low.capitalize()}Role"])
        if one["Action"] == "iam:PassRole"
        for resource in listed(one["Resource"])
    }
    services = {
        "role/${PlatformName}-blueprint-*": "cloudformation",
        "role/${PlatformName}-app-*-build": "codebuild",
        "${BuildRole.Arn}": "codebuild",
        "role/${PlatformName}-runbook-*": "ssm",
    }
    assert passed == {
        role: {"StringEquals": {"iam:PassedToService": f"{services[role]}.amazonaws.com"}}
        for role in passed
    }


def test_builds_take_the_role_of_their_project_only():
    """The confused deputy: no other project of the account can build as these roles."""
    (trust,) = ROLES["BuildRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codebuild.amazonaws.com"}
    conditions = trust["Condition"]["StringEquals"]
    assert conditions["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    name = BUILDERS["BuildProject"]["Properties"]["Name"]["Fn::Sub"]
    assert resolved(conditions["aws:SourceArn"]).endswith(f":project/{name}")


@pytest.mark.parametrize(
    "low", [one for one in WORKFLOWS if "BuildProject" in WORKFLOWS[one]["States"]]
)
def test_only_images_are_built_with_docker_and_as_the_applications_role(low):
    given = WORKFLOWS[low]["States"]["BuildProject"]["Arguments"]
    assert given["PrivilegedModeOverride"] == "{% $build.target = 'service' %}"
    assert given["ServiceRoleOverride"] == (
        "{% $build.target = 'service' ? $build.roleArn : '${BuildRoleArn}' %}"
    )


def test_whoever_calls_for_others_says_for_whom():
    for name, one in of_type(APP, "AWS::Lambda::Permission").items():
        assert "SourceArn" in one["Properties"], name
    for machine in MACHINES.values():
        (trust,) = ROLES[machine["Properties"]["RoleArn"]["Fn::GetAtt"][0]]["Properties"][
            "AssumeRolePolicyDocument"
        ]["Statement"]
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        }
    for template in (APP, DATA):
        for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"):
            for one in of_type(template, kind).values():
                for statement in one["Properties"]["PolicyDocument"]["Statement"]:
                    if statement.get("Effect") == "Allow":
                        assert "aws:SourceArn" in json.dumps(statement["Condition"])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_may_call_its_own_function_and_nothing_else(name):
    properties = SCHEDULES[name]["Properties"]
    function = properties["Target"]["Arn"]
    role = ROLES[properties["Target"]["RoleArn"]["Fn::GetAtt"][0]]
    assert "State" not in properties, "enabled unless told otherwise"
    assert [(one["Action"], one["Resource"]) for one in statements(role)] == [
        (["lambda:InvokeFunction"], function),
        (["sqs:SendMessage"], {"Fn::GetAtt": ["DeadLetters", "Arn"]}),
    ]
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    said = trust["Condition"]["StringEquals"]
    assert said["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    # Scheduler names the group of the schedule, not the schedule.
    assert resolved(said["aws:SourceArn"]).endswith(":schedule-group/${PlatformName}")
    assert properties["GroupName"] == {"Ref": "Schedules"}


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


@pytest.mark.parametrize("name", TABLES)
def test_table_is_as_the_architecture_says_and_kept(name):
    table, properties = TABLES[name], TABLES[name]["Properties"]
    keys, indexes = KEYS[resolved(properties["TableName"]).removeprefix("${PlatformName}-")]
    assert [one["AttributeName"] for one in properties["KeySchema"]] == keys
    assert {
        one["IndexName"]: [key["AttributeName"] for key in one["KeySchema"]]
        for one in properties.get("GlobalSecondaryIndexes", [])
    } == indexes
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    assert table["UpdateReplacePolicy"] == "Retain"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    expires = {"AttributeName": "expiresAtEpoch", "Enabled": True}
    assert properties.get("TimeToLiveSpecification") == (
        expires if name in {"WaitsTable", "IdempotencyTable"} else None
    )


def test_all_tables_are_there():
    assert {
        resolved(one["Properties"]["TableName"]).removeprefix("${PlatformName}-")
        for one in TABLES.values()
    } == set(KEYS)


@pytest.mark.parametrize("name", of_type(DATA, "AWS::S3::Bucket"))
def test_bucket_is_private_encrypted_and_kept(name):
    bucket = DATA["Resources"][name]
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert "BucketEncryption" in bucket["Properties"]
    assert "CorsConfiguration" not in bucket["Properties"]
    policy = json.dumps(DATA["Resources"][f"{name}Policy"])
    assert '"aws:SecureTransport": "false"' in policy


def test_people_may_not_write_their_own_quota():
    client = DATA["Resources"]["UserPoolClient"]["Properties"]
    assert client["WriteAttributes"] == ["email", "name"]
    assert client["GenerateSecret"] is False
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True
    assert client["AccessTokenValidity"] <= 60
    assert client["TokenValidityUnits"]["AccessToken"] == "minutes"
    pool = DATA["Resources"]["UserPool"]["Properties"]
    assert pool["UserAttributeUpdateSettings"] == {
        "AttributesRequireVerificationBeforeUpdate": ["email"]
    }
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] == {
        "Fn::If": ["InvitationOnly", True, False]
    }


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


@pytest.mark.parametrize("name", ROLES)
def test_role_stays_within_what_iam_attaches(name):
    assert len(ROLES[name]["Properties"].get("ManagedPolicyArns", [])) <= 10


# They call addresses that people or operators name, and so may have to reach private ones.
OUTWARD = {"StageSource", "PublishProject", "CheckUrl", "ApprovalWebhook"}


def test_functions_that_call_outward_join_the_network_that_the_operator_chose():
    joined = {
        function_name(name): one["Properties"]["VpcConfig"]
        for name, one in FUNCTIONS.items()
        if "VpcConfig" in one["Properties"]
    }
    assert set(joined) == OUTWARD
    subnets = "import ${PlatformName}-${FunctionNetwork}-FunctionSubnets"
    for condition, chosen, otherwise in (one["Fn::If"] for one in joined.values()):
        assert condition == "HasFunctionNetwork"
        separator, wanted = chosen["SubnetIds"]["Fn::Split"]
        assert (separator, resolved(wanted)) == (",", subnets)
        assert chosen["SecurityGroupIds"] == [{"Fn::GetAtt": ["FunctionNetworkGroup", "GroupId"]}]
        assert otherwise == {"Ref": "AWS::NoValue"}


def test_whoever_fetches_or_posts_knows_which_hosts_are_inside():
    told = {
        function_name(name)
        for name, one in FUNCTIONS.items()
        if "PRIVATE_HOSTS" in one["Properties"].get("Environment", {}).get("Variables", {})
    }
    assert told == OUTWARD - {"CheckUrl"}


def test_only_lambda_itself_makes_network_interfaces_and_only_for_those():
    roles = {name for name, role in ROLES.items() if "JoinNetworkPolicy" in attached_to(role)}
    assert roles == {f"{one}Role" for one in OUTWARD}
    for role in roles:
        (choice,) = [
            one["Fn::If"]
            for one in ROLES[role]["Properties"]["ManagedPolicyArns"]
            if "Fn::If" in one
        ]
        assert choice[0] == "HasFunctionNetwork"
    allow, deny = statements(POLICIES["JoinNetworkPolicy"])
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert allow["Action"] == deny["Action"]
    assert not [one for one in allow["Action"] if not one.startswith("ec2:")]
    assert "lambda:SourceFunctionArn" in deny["Condition"]["ArnLike"]
    others = [
        action
        for name in {*ROLES, *POLICIES} - {"JoinNetworkPolicy"}
        for statement in statements(APP["Resources"][name])
        for action in listed(statement["Action"])
        if action.startswith("ec2:")
        and "NetworkInterface" in action
        and not action.startswith("ec2:Describe")
    ]
    assert others == []


def test_the_group_of_those_functions_is_reached_by_nobody_and_names_what_it_reaches():
    group = APP["Resources"]["FunctionNetworkGroup"]
    assert group["Condition"] == "HasFunctionNetwork"
    assert "SecurityGroupIngress" not in group["Properties"]
    egress = group["Properties"]["SecurityGroupEgress"]
    assert [(one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in egress] == [
        ("tcp", port, port) for port in (443, 80, 22)
    ]
