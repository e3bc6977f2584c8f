"""Who reaches the files that containers share, and whether they can from where they run."""

from typing import Any

import pytest
from tests.catalog.recipes import ROOT
from tests.catalog.test_folders import FOLDERS

from autoprovision.deployer.blueprint_folder import BlueprintFolder
from autoprovision.deployer.yaml_files import read_yaml

SHARING = [one for one in FOLDERS if "AWS::EFS::FileSystem" in one.parsed.resources.values()]
CLIENT = {
    "elasticfilesystem:ClientMount",
    "elasticfilesystem:ClientWrite",
    "elasticfilesystem:ClientRootAccess",
}


def of(folder: BlueprintFolder, kind: str) -> list[dict[str, Any]]:
    found = folder.parsed.section("Resources").values()
    return [one["Properties"] for one in found if one["Type"] == f"AWS::{kind}"]


def test_something_shares_files():
    assert [one.manifest.id for one in SHARING] == ["cms"]


@pytest.mark.parametrize("folder", SHARING, ids=lambda one: one.manifest.id)
def test_only_the_applications_own_role_may_mount_them(folder: BlueprintFolder):
    """EFS's own policy lets in whoever reaches a mount target, which all services do."""
    (files,) = of(folder, "EFS::FileSystem")
    (statement,) = files["FileSystemPolicy"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"AWS": {"Fn::GetAtt": ["TaskRole", "Arn"]}}
    assert set(statement["Action"]) == CLIENT
    assert statement["Condition"]["Bool"] == {
        "aws:SecureTransport": "true", "elasticfilesystem:AccessedViaMountTarget": "true",
    }  # fmt: skip
    (task,) = of(folder, "ECS::TaskDefinition")
    assert task["TaskRoleArn"] == {"Fn::GetAtt": ["TaskRole", "Arn"]}
    for volume in task["Volumes"]:
        mounted = volume["EFSVolumeConfiguration"]
        assert mounted["TransitEncryption"] == "ENABLED"
        assert mounted["AuthorizationConfig"] == {"IAM": "ENABLED"}


def test_the_boundary_allows_what_the_policy_gives():
    boundary = read_yaml((ROOT / "infra" / "boundary.yaml").read_bytes()).value
    document = boundary["Resources"]["ApplicationBoundary"]["Properties"]["PolicyDocument"]
    (own,) = [one for one in document["Statement"] if one["Sid"] == "OwnFiles"]
    assert set(own["Action"]) == CLIENT


@pytest.mark.parametrize("folder", SHARING, ids=lambda one: one.manifest.id)
def test_containers_run_only_where_the_files_are_reached(folder: BlueprintFolder):
    """prod has three zones; one without a mount target is one where no container starts."""
    (service,) = of(folder, "ECS::Service")
    runs = service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"]
    assert runs == [one["SubnetId"] for one in of(folder, "EFS::MountTarget")]


def test_ghost_runs_alone():
    (cms,) = SHARING
    (service,) = of(cms, "ECS::Service")
    assert service["DesiredCount"] == {"Fn::If": ["RunsAlone", 1, {"Ref": "Nodes"}]}
    assert cms.parsed.section("Conditions")["RunsAlone"] == {
        "Fn::Equals": [{"Ref": "TechStack"}, "Ghost"]
    }
