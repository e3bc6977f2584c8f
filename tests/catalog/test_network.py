"""The network of an environment: on the embedded AWS, and with what that lacks on moto."""

import re
import sys
import types
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.catalog.recipes import ROOT
from tests.catalog.stacks import Workbench

from autoprovision.deployer.yaml_files import read_yaml

TEMPLATE = (ROOT / "infra" / "network.yaml").read_text()
SHARED = {
    "Vpc", "PublicSubnets", "PrivateSubnets", "ServiceSubnets", "ServicePublicAddress", "ListenerArn",
    "ServiceGroup", "DatabaseGroup", "FilesGroup", "FunctionGroup", "DatabaseSubnets", "Cluster",
}  # fmt: skip


def test_what_blueprints_and_functions_import_is_exported():
    exported = set(re.findall(r"Export: .*TargetEnvironment\}-(\w+)", TEMPLATE))
    templates = [path.read_text() for path in (ROOT / "catalog").glob("*/template.yaml")]
    imported = {
        name
        for text in [*templates, (ROOT / "infra" / "app.yaml").read_text()]
        for name in re.findall(r"\$\{(?:TargetEnvironment|FunctionNetwork)\}-([A-Z]\w+)", text)
    }
    assert {"Vpc", "FunctionSubnets"} <= imported <= exported


@pytest.mark.parametrize(("environment", "zones"), [("dev", 2), ("stag", 2), ("prod", 3)])
def test_it_is_made_and_deleted_to_nothing(workbench: Workbench, environment: str, zones: int):
    name = f"network-of-{environment}"
    outputs = workbench.create(
        name, TEMPLATE, {"TargetEnvironment": environment, "Zones": str(zones), "FlowLogs": "false"}
    )
    assert set(outputs) >= SHARED
    assert len(outputs["PrivateSubnets"].split(",")) == zones
    exports = {one["Name"] for one in workbench.cloudformation.list_exports()["Exports"]}
    assert exports >= {f"autoprovision-{environment}-{thing}" for thing in SHARED}
    workbench.delete(name)


def test_groups_name_each_other(workbench: Workbench):
    outputs = workbench.create(
        "network-groups", TEMPLATE, {"TargetEnvironment": "dev", "FlowLogs": "false"}
    )
    ec2 = workbench.client("ec2")

    def reached_by(group: str) -> set[str]:
        (found,) = ec2.describe_security_groups(GroupIds=[outputs[group]])["SecurityGroups"]
        assert not any(rule["IpRanges"] for rule in found["IpPermissions"])
        return {
            pair["GroupId"] for rule in found["IpPermissions"] for pair in rule["UserIdGroupPairs"]
        }

    assert reached_by("ServiceGroup") == {outputs["LoadBalancerGroup"]}
    assert reached_by("FilesGroup") == {outputs["ServiceGroup"]}
    assert reached_by("DatabaseGroup") > {outputs["ServiceGroup"], outputs["FunctionGroup"]}
    assert reached_by("FunctionGroup") == set()
    workbench.delete("network-groups")


@pytest.mark.parametrize(("certificate", "port"), [("", 80), ("arn:aws:acm:ap-southeast-1:000000000000:certificate/1", 443)])  # fmt: skip
def test_the_load_balancer_hears_cloudfront_only_where_its_list_is_given(
    workbench: Workbench, certificate: str, port: int
):
    name = f"network-behind-cloudfront-{port}"
    chosen = {
        "TargetEnvironment": "stag", "FlowLogs": "false", "CertificateArn": certificate,
        "CloudFrontPrefixList": "pl-0123abcd",
    }  # fmt: skip
    outputs = workbench.create(name, TEMPLATE, chosen)
    (group,) = workbench.client("ec2").describe_security_groups(
        GroupIds=[outputs["LoadBalancerGroup"]]
    )["SecurityGroups"]
    (rule,) = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (port, port, [])
    assert [one["PrefixListId"] for one in rule["PrefixListIds"]] == ["pl-0123abcd"]
    workbench.delete(name)


def test_the_jump_host_may_be_managed_and_nothing_else():
    role = read_yaml(TEMPLATE.encode()).value["Resources"]["JumpHostRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    services = {action.partition(":")[0] for action in statement["Action"]}
    assert services == {"ec2messages", "ssm", "ssmmessages"}
    assert [one for one in statement["Action"] if one.startswith("ssm:")] == [
        "ssm:UpdateInstanceInformation"
    ]


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """moto's CloudFormation imports its API Gateway, whose validator of OpenAPI nothing here uses."""
    modules = {
        name: types.ModuleType(name)
        for name in (
            "openapi_spec_validator",
            "openapi_spec_validator.validation",
            "openapi_spec_validator.validation.exceptions",
        )
    }
    modules["openapi_spec_validator"].validate_spec = lambda *_: None  # type: ignore[attr-defined]
    modules["openapi_spec_validator.validation.exceptions"].OpenAPIValidationError = ValueError  # type: ignore[attr-defined]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-1")
    from moto import mock_aws

    with mock_aws():
        yield


def test_in_prod_it_has_gateways_flow_logs_and_a_jump_host(moto: Any):
    cloudformation, ec2 = boto3.client("cloudformation"), boto3.client("ec2")
    chosen = {"TargetEnvironment": "prod", "Zones": "3", "NatGateways": "zone", "JumpHost": "true"}
    cloudformation.create_stack(
        StackName="network", TemplateBody=TEMPLATE, Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in chosen.items()],
    )  # fmt: skip
    (stack,) = cloudformation.describe_stacks(StackName="network")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    assert outputs["ServicePublicAddress"] == "DISABLED"
    assert outputs["ServiceSubnets"] == outputs["PrivateSubnets"]
    gateways = ec2.describe_nat_gateways()["NatGateways"]
    assert {one["SubnetId"] for one in gateways} == set(outputs["PublicSubnets"].split(","))
    assert {one["ResourceId"] for one in ec2.describe_flow_logs()["FlowLogs"]} == {outputs["Vpc"]}
    (machine,) = [
        one for page in ec2.describe_instances()["Reservations"] for one in page["Instances"]
    ]
    assert machine["InstanceId"] == outputs["JumpHostId"]
    assert machine["InstanceType"] == "t4g.nano"
    named = [{"Name": "tag:Name", "Values": ["autoprovision-prod-jump-host"]}]
    (group,) = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    assert group["IpPermissions"] == []
