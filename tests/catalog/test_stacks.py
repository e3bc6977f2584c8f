"""Every blueprint in every environment on the embedded AWS: made as its role, and deleted to nothing."""

import pytest
from tests.catalog.stacks import Workbench, get
from tests.catalog.test_folders import FOLDERS
from tools import render_catalog

ORDERS = [
    (one.manifest.id, example)
    for one in render_catalog.all_pages()
    if one.folder.parent == render_catalog.CATALOG
    for example in one.examples
]


@pytest.mark.parametrize(("blueprint", "example"), ORDERS)
def test_it_is_made_and_deleted_to_nothing(workbench: Workbench, blueprint: str, example: str):
    manifest = next(one.manifest for one in FOLDERS if one.manifest.id == blueprint)
    if manifest.needs_network:
        workbench.network(example.partition("-")[0])
    name, outputs = workbench.provision(blueprint, example)
    assert outputs["BlueprintId"] == blueprint
    assert outputs["BlueprintVersion"] == manifest.version
    assert outputs["Url"].startswith("http")
    workbench.delete(name)


@pytest.mark.parametrize("blueprint", ["serverless-web", "realtime"])
def test_before_the_first_release_it_says_so(workbench: Workbench, blueprint: str):
    name, outputs = workbench.provision(blueprint, "dev")
    assert get(outputs["Url"] + "/any/path") == (503, b"There is no release yet.\n")
    workbench.delete(name)


def test_a_role_without_the_boundary_is_refused(workbench: Workbench):
    """The service role, not the template, is what keeps a blueprint from giving more."""
    template = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: autoprovision-app-free
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
"""
    workbench.cloudformation.create_stack(
        StackName="free", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"],
        RoleARN=workbench.role("serverless-web"),
    )  # fmt: skip
    assert workbench.settled("free")["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "iam:CreateRole" in str(workbench.reasons("free"))
