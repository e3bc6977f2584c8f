"""Every blueprint's service role: enough for its template, and named actions only."""

from typing import Any

import pytest
import yaml
from tests.catalog.test_folders import FOLDERS, IDS, BlueprintFolder, _Template

from autoprovision.embedded.cloudformation_actions import NEEDS

# What the making and deleting of other types needs (CloudFormation registry, handlers' permissions).
MORE = {
    "AWS::ApiGatewayV2::ApiMapping": ("apigateway:POST", "apigateway:DELETE"),
    "AWS::ApiGatewayV2::DomainName": ("apigateway:POST", "apigateway:DELETE", "apigateway:TagResource"),
    "AWS::AutoScaling::AutoScalingGroup": ("autoscaling:CreateAutoScalingGroup", "autoscaling:DeleteAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup", "ec2:RunInstances", "iam:PassRole"),
    "AWS::EC2::LaunchTemplate": ("ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate", "ec2:CreateTags"),
    "AWS::ECR::Repository": ("ecr:CreateRepository", "ecr:DeleteRepository", "ecr:PutLifecyclePolicy", "ecr:TagResource"),
    "AWS::ECS::Service": ("ecs:CreateService", "ecs:DeleteService", "ecs:DescribeServices", "ecs:UpdateService", "ecs:TagResource"),
    "AWS::ECS::TaskDefinition": ("ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:TagResource", "iam:PassRole"),
    "AWS::EFS::FileSystem": ("elasticfilesystem:CreateFileSystem", "elasticfilesystem:DeleteFileSystem", "elasticfilesystem:PutBackupPolicy", "elasticfilesystem:TagResource"),
    "AWS::EFS::MountTarget": ("elasticfilesystem:CreateMountTarget", "elasticfilesystem:DeleteMountTarget", "ec2:CreateNetworkInterface"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteRule", "elasticloadbalancing:DescribeRules"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:AddTags", "elasticloadbalancing:ModifyTargetGroupAttributes"),
    "AWS::IAM::InstanceProfile": ("iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:AddRoleToInstanceProfile", "iam:PassRole"),
    "AWS::Lambda::Permission": ("lambda:AddPermission", "lambda:RemovePermission"),
    "AWS::RDS::DBInstance": ("rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:DescribeDBInstances", "rds:AddTagsToResource", "secretsmanager:GetSecretValue"),
}  # fmt: skip
READING = ("Describe", "Get", "List")
each = pytest.mark.parametrize("folder", FOLDERS, ids=IDS)


def statements(folder: BlueprintFolder) -> list[dict[str, Any]]:
    role = yaml.load(folder.role, Loader=_Template)["Resources"]["Role"]["Properties"]  # noqa: S506
    policies = [one.get("If", [None, one])[1] for one in role["Policies"]]
    return [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@each
def test_it_may_make_and_delete_every_resource(folder: BlueprintFolder):
    allowed = {action for one in statements(folder) for action in _many(one["Action"])}
    for name, kind in folder.parsed.resources.items():
        assert kind in NEEDS or kind in MORE, f"{name}: say in MORE what {kind} needs"
        needed = (*NEEDS[kind].create, *NEEDS[kind].delete) if kind in NEEDS else MORE[kind]
        assert set(needed) <= allowed, name


@each
def test_its_actions_are_named_and_its_resources_narrow(folder: BlueprintFolder):
    for one in statements(folder):
        assert one["Effect"] == "Allow"
        assert not any("*" in action for action in _many(one["Action"])), one
        if "*" in _many(one["Resource"]):
            changing = {
                one for one in _many(one["Action"]) if not one.partition(":")[2].startswith(READING)
            }
            # These know no narrower resource.
            assert changing <= {
                "cloudfront:CreateOriginAccessControl", "ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition",
                "logs:CreateLogDelivery", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery", "ec2:DeleteNetworkInterface",
                "ec2:CreateNetworkInterface", "ec2:ModifyNetworkInterfaceAttribute",
            }, one  # fmt: skip


@each
def test_it_makes_roles_with_the_boundary_only_and_passes_them_to_one_service(
    folder: BlueprintFolder,
):
    for one in statements(folder):
        actions = _many(one["Action"])
        if "iam:CreateRole" in actions:
            assert "application-boundary" in str(
                one["Condition"]["StringEquals"]["iam:PermissionsBoundary"]
            )
        if "iam:PassRole" in actions:
            assert one["Condition"]["StringEquals"]["iam:PassedToService"]
        assert not {"iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary"} & set(actions)


@each
def test_only_cloudformation_may_take_it(folder: BlueprintFolder):
    role = yaml.load(folder.role, Loader=_Template)["Resources"]["Role"]["Properties"]  # noqa: S506
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "cloudformation.amazonaws.com"}
