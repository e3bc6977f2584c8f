"""Names of applications: made last, removed first, and none is left to point at nothing."""

import json
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError
from tests.catalog.recipes import ROOT
from tests.catalog.stacks import Workbench
from tests.catalog.test_folders import FOLDERS, IDS, BlueprintFolder, _Template, document

from autoprovision.deployer.yaml_files import read_yaml

DOMAIN = "apps.example"
NAMED = ["static-site", "serverless-web", "realtime", "dapp"]
RECORD = "AWS::Route53::RecordSet"


def _mentioned(node: Any, names: set[str]) -> set[str]:
    """The resources that a part of a template refers to."""
    if isinstance(node, dict):
        found = set()
        for key, value in node.items():
            if key in {"Ref", "GetAtt", "Sub", "DependsOn"}:
                found |= {one for one in names if _named(value, one)}
            found |= _mentioned(value, names)
        return found
    if isinstance(node, list):
        return set().union(*(_mentioned(one, names) for one in node)) if node else set()
    return set()


def _named(value: Any, name: str) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(
        text == name or str(text).startswith(f"{name}.") or f"${{{name}}}" in str(text)
        or f"${{{name}." in str(text)
        for text in texts
    )  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_a_record_depends_on_everything_else(folder: BlueprintFolder):
    resources = document(folder)["Resources"]
    names = set(resources)
    records = {name for name, one in resources.items() if one["Type"] == RECORD}
    assert records, "every application gets a name"
    for record in records:
        reached, waiting = set(), {record}
        while waiting:
            one = waiting.pop()
            reached.add(one)
            waiting |= _mentioned(resources[one], names) - reached
        optional = {name for name, one in resources.items() if one["Type"] == "AWS::Logs::LogGroup"}
        backups = {name for name in names if resources[name]["Type"].startswith("AWS::Backup")}
        assert names - records - reached <= optional | backups


@pytest.fixture(scope="module")
def zone(workbench: Workbench) -> str:
    made = workbench.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="names")
    return str(made["HostedZone"]["Id"].rsplit("/", 1)[1])


def records(workbench: Workbench, zone: str) -> set[str]:
    listed = workbench.client("route53").list_resource_record_sets(HostedZoneId=zone)
    return {
        one["Name"].rstrip(".")
        for one in listed["ResourceRecordSets"]
        if one["Type"] in {"A", "AAAA"}
    }


def named(workbench: Workbench, zone: str) -> dict[str, str]:
    account = workbench.aws.account_id
    return {
        "DomainName": DOMAIN, "HostedZoneId": zone,
        "CertificateArn": f"arn:aws:acm:us-east-1:{account}:certificate/0a1b2c3d",
    }  # fmt: skip


def moves(workbench: Workbench, stack: str, status: str) -> list[str]:
    """The types of what came to a status, in order."""
    events = workbench.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        one["ResourceType"]
        for one in reversed(events)
        if one["ResourceStatus"] == status and one["ResourceType"] != "AWS::CloudFormation::Stack"
    ]


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("blueprint", NAMED)
def test_a_name_is_made_last_and_removed_first(
    workbench: Workbench, zone: str, blueprint: str, environment: str
):
    name, outputs = workbench.provision(blueprint, environment, zone=zone, **named(workbench, zone))
    stack = workbench.find(name)
    assert stack is not None
    given = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    host = f"{given['ApplicationName']}.{environment}.{DOMAIN}"
    assert outputs["Url"] == f"https://{host}"
    assert records(workbench, zone) == {host}
    assert moves(workbench, name, "CREATE_COMPLETE")[-1] == RECORD
    workbench.delete(name)
    assert records(workbench, zone) == set()
    assert moves(workbench, stack["StackId"], "DELETE_COMPLETE")[0] == RECORD


@pytest.mark.parametrize("blueprint", NAMED)
def test_a_name_that_may_not_be_made_leaves_nothing(
    workbench: Workbench, zone: str, blueprint: str
):
    """The role of a platform without a zone may not write records: the last resource fails."""
    with pytest.raises(AssertionError, match="route53"):
        workbench.provision(blueprint, "dev", **named(workbench, zone))
    assert records(workbench, zone) == set()


def test_what_fails_before_never_gets_a_name(workbench: Workbench, zone: str):
    first, outputs = workbench.provision("static-site", "dev", zone=zone, **named(workbench, zone))
    kept = records(workbench, zone)
    with pytest.raises(AssertionError):
        workbench.provision(
            "static-site", "dev", zone=zone, **named(workbench, zone),
            ApplicationName="another", BucketName=outputs["SiteBucket"],
        )  # fmt: skip
    assert records(workbench, zone) == kept
    workbench.delete(first)
    assert records(workbench, zone) == set()


def test_every_role_may_write_into_the_one_zone_only():
    for folder in FOLDERS:
        role = yaml.load(folder.role, Loader=_Template)["Resources"]["Role"]["Properties"]  # noqa: S506
        statements = [
            statement
            for policy in role["Policies"]
            for statement in policy.get("If", [None, policy])[1]["PolicyDocument"]["Statement"]
        ]
        (changing,) = [
            one for one in statements if "route53:ChangeResourceRecordSets" in one["Action"]
        ]
        assert "hostedzone/${HostedZoneId}" in str(changing["Resource"])


CLOUDFRONTS = "arn:aws:acm:us-east-1:000000000000:certificate/1"
REGIONS = "arn:aws:acm:ap-southeast-1:000000000000:certificate/2"


@pytest.mark.parametrize(
    ("cloudfronts", "regions", "said"),
    [
        ("", "", ""), (CLOUDFRONTS, REGIONS, ""),
        (CLOUDFRONTS, "", "RegionalCertificateArnStag"), ("", REGIONS, "CertificateArnStag"),
    ],
)  # fmt: skip
def test_an_environment_has_both_its_certificates_or_neither(
    workbench: Workbench, cloudfronts: str, regions: str, said: str
):
    """CloudFront would ask a load balancer for https that has none, or be sent round for ever."""
    app = read_yaml((ROOT / "infra" / "app.yaml").read_bytes()).value
    rules = {name: one for name, one in app["Rules"].items() if name.startswith("Certificates")}
    asked = ("CertificateArn", "RegionalCertificateArn")
    parameters = {name: one for name, one in app["Parameters"].items() if name.startswith(asked)}
    topic = {"Topic": {"Type": "AWS::SNS::Topic"}}
    text = json.dumps({"Parameters": parameters, "Rules": rules, "Resources": topic})
    given = {"CertificateArnStag": cloudfronts, "RegionalCertificateArnStag": regions}
    name = f"certificates-{len(cloudfronts)}-{len(regions)}"
    if said:
        with pytest.raises(ClientError, match=said):
            workbench.create(name, text, given)
        return
    workbench.create(name, text, given)
    workbench.delete(name)
