"""Who may do what: every role of infra/ against what its function, workflow or build does."""

import json
import re

import pytest
from tests.architecture.infra import (
    APP,
    DATA,
    FUNCTIONS,
    MACHINES,
    POLICIES,
    ROLES,
    SCHEDULES,
    WORKFLOWS,
    attached_to,
    tasks,
)
from tests.architecture.templates import ROOT, listed, load, of_type, resolved, statements

from autoprovision.domain.drift_reads import READS

BUILDERS = of_type(APP, "AWS::CodeBuild::Project")
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


def all_statements(role: dict) -> list[dict]:
    attached = [POLICIES[one] for one in attached_to(role)]
    return [
        *statements(role),
        *(statement for policy in attached for statement in statements(policy)),
    ]


CATALOG_TYPES = {
    one["Type"]
    for path in sorted((ROOT / "catalog").glob("*/template.yaml"))
    for one in load(str(path.relative_to(ROOT)))["Resources"].values()
}


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


def test_no_role_is_shared_or_left_over():
    users = [one["Properties"]["Role"]["Fn::GetAtt"][0] for one in FUNCTIONS.values()]
    users += [one["Properties"]["RoleArn"]["Fn::GetAtt"][0] for one in MACHINES.values()]
    users += [one["Properties"]["Target"]["RoleArn"]["Fn::GetAtt"][0] for one in SCHEDULES.values()]
    users += [one["Properties"]["ServiceRole"]["Fn::GetAtt"][0] for one in BUILDERS.values()]
    assert sorted(users) == sorted(ROLES)
    attached = {one for role in ROLES.values() for one in attached_to(role)}
    assert attached == set(POLICIES)


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


@pytest.mark.parametrize("name", ROLES)
def test_role_stays_within_what_iam_attaches(name):
    assert len(ROLES[name]["Properties"].get("ManagedPolicyArns", [])) <= 10
