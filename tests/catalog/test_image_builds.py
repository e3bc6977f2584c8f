"""What the build of an application's image may do: its own application's work, and nothing else."""

import json
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import yaml
from tests.catalog.recipes import ROOT
from tests.catalog.stacks import Workbench
from tests.catalog.test_folders import FOLDERS, BlueprintFolder, document

from autoprovision.deployer.rules.role import statements
from autoprovision.deployer.templates import read_template

PROJECT, LOG = "autoprovision-build", "/aws/codebuild/autoprovision-build"
BUILDS = "autoprovision-builds-123456789012-ap-southeast-1"
CATALOG = "autoprovision-catalog-123456789012-ap-southeast-1"
SERVICES = [
    one
    for one in FOLDERS
    if (one.manifest.publish.method.value, one.manifest.publish.target.value)
    == ("build", "service")
]
each = pytest.mark.parametrize("folder", SERVICES, ids=[one.manifest.id for one in SERVICES])

# Calls AWS with what the build machine holds, as a Dockerfile's RUN could, and says how it went.
TRIES = """
import boto3, json, os, sys
for service, operation, arguments in json.load(open("tries.json")):
    client = boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"])
    try:
        getattr(client, operation)(**arguments)
        print("DONE", service, operation, json.dumps(arguments), flush=True)
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        print("REFUSED" if "Denied" in code or "Authorization" in code else "FAILED " + code, service, operation, json.dumps(arguments), flush=True)
"""


def build_role(folder: BlueprintFolder) -> dict[str, Any]:
    (role,) = [
        one["Properties"]
        for one in document(folder)["Resources"].values()
        if one["Type"] == "AWS::IAM::Role"
        and str(one["Properties"]["RoleName"]).endswith("-build'}")
    ]
    return dict(role)


@each
def test_the_image_fits_the_machine_that_runs_it(folder: BlueprintFolder):
    """An image is of the build machine's architecture; a container of another does not start."""
    machine = "ARM64" if "aarch64" in folder.manifest.publish.image else "X86_64"
    (task,) = [
        one["Properties"]["RuntimePlatform"]
        for one in document(folder)["Resources"].values()
        if one["Type"] == "AWS::ECS::TaskDefinition"
    ]
    assert task == {"CpuArchitecture": machine, "OperatingSystemFamily": "LINUX"}


@each
def test_only_the_platforms_project_may_build_as_the_application(folder: BlueprintFolder):
    (trust,) = build_role(folder)["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codebuild.amazonaws.com"}
    source = trust["Condition"]["StringEquals"]
    assert source["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert source["aws:SourceArn"]["Sub"].endswith(":project/${PlatformName}-build")


@each
def test_a_build_is_given_its_own_applications_things_only(folder: BlueprintFolder):
    (policy,) = build_role(folder)["Policies"]
    for one in policy["PolicyDocument"]["Statement"]:
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        resources = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        assert not [action for action in actions if "*" in action or action.startswith("iam:")]
        for resource in map(str, resources):
            if resource == "*":
                assert actions == ["ecr:GetAuthorizationToken"]
            elif "ecr:PutImage" in actions:
                assert resource == "{'GetAtt': 'Repository.Arn'}"
            elif "s3:PutObject" in actions:
                assert "/builds/${ApplicationId}/*/output.zip" in resource
            elif "s3:GetObject" in actions:
                assert "/builds/${ApplicationId}/*/source.zip" in resource or "/recipe" in resource
            else:
                assert set(actions) <= {
                    "s3:GetBucketAcl", "s3:GetBucketLocation", "logs:CreateLogStream", "logs:PutLogEvents",
                }  # fmt: skip


@each
def test_the_boundary_lets_nobody_else_push(folder: BlueprintFolder):
    boundary = yaml.safe_load(
        (ROOT / "infra" / "boundary.yaml").read_text().replace("!Sub ", "").replace("!Ref ", "")
    )["Resources"]["ApplicationBoundary"]["Properties"]["PolicyDocument"]["Statement"]
    pushing = [one for one in boundary if "ecr:PutImage" in one["Action"]]
    assert [one["Sid"] for one in pushing] == ["BuildImages"]
    assert pushing[0]["Condition"]["ArnLike"]["aws:PrincipalArn"].endswith("-app-*-build")
    bound = {
        action for one in boundary for action in one["Action"] if isinstance(one["Action"], list)
    }
    bound |= {one["Action"] for one in boundary if isinstance(one["Action"], str)}
    (policy,) = build_role(folder)["Policies"]
    for one in policy["PolicyDocument"]["Statement"]:
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        assert set(actions) <= bound


@each
def test_the_blueprints_own_role_passes_no_role_to_builds(folder: BlueprintFolder):
    """CloudFormation makes the role; only the workflow hands it to CodeBuild."""
    for _, one in statements(read_template(folder.role)):
        if "iam:PassRole" in str(one["Action"]):
            assert one["Condition"]["StringEquals"] == {
                "iam:PassedToService": "ecs-tasks.amazonaws.com"
            }


class Builds:
    """The platform's build project, and two applications that it builds for."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        bench.network("dev")
        self.mine = bench.provision("web-service", "dev")[1]
        self.other = bench.provision("web-service", "dev")[1]
        s3 = bench.client("s3")
        for bucket in (BUILDS, CATALOG):
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": bench.aws.region}
            )
        bench.client("logs").create_log_group(logGroupName=LOG)
        bench.client("codebuild").create_project(
            name=PROJECT, serviceRole=self.mine["BuildRoleArn"],
            source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "ARM_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
            logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": LOG}},
        )  # fmt: skip

    def run(self, outputs: dict[str, str], tries: list[Any], **changes: Any) -> tuple[str, str]:
        """Build an application's source with its role; the build's status and what it said."""
        s3, codebuild = self.bench.client("s3"), self.bench.client("codebuild")
        folder = f"builds/{application(outputs)}/req_1/0000"
        source = BytesIO()
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("tries.py", TRIES)
            archive.writestr("tries.json", json.dumps(tries))
        s3.put_object(Bucket=BUILDS, Key=f"{folder}/source.zip", Body=source.getvalue())
        recipe = {"version": "0.2", "phases": {"build": {"commands": ["python tries.py", "mkdir out", "cp tries.json out"]}}, "artifacts": {"base-directory": "out", "files": ["**/*"]}}  # fmt: skip
        s3.put_object(Bucket=CATALOG, Key="blueprints/w/1/recipe", Body=json.dumps(recipe))
        started = codebuild.start_build(
            projectName=PROJECT, privilegedModeOverride=True,
            serviceRoleOverride=changes.get("role", outputs["BuildRoleArn"]),
            sourceTypeOverride="S3",
            sourceLocationOverride=f"{BUILDS}/{changes.get('folder', folder)}/source.zip",
            buildspecOverride=f"arn:aws:s3:::{CATALOG}/blueprints/w/1/recipe",
            artifactsOverride={"type": "S3", "location": BUILDS, "path": folder, "namespaceType": "NONE", "name": "output.zip", "packaging": "ZIP"},
        )["build"]["id"]  # fmt: skip
        deadline = time.monotonic() + 60
        while not (seen := codebuild.batch_get_builds(ids=[started])["builds"][0])["buildComplete"]:
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        streams = self.bench.client("logs").filter_log_events(
            logGroupName=LOG, logStreamNames=[started.partition(":")[2]]
        )
        contexts = str([one.get("contexts") for one in seen["phases"]])
        return seen["buildStatus"], "".join(one["message"] for one in streams["events"]) + contexts


def application(outputs: dict[str, str]) -> str:
    return outputs["BuildRoleArn"].rpartition("-app-")[2].removesuffix("-build")


def repository(outputs: dict[str, str]) -> str:
    return outputs["RepositoryUri"].partition("/")[2]


@pytest.fixture(scope="module")
def builds(workbench: Workbench) -> Iterator[Builds]:
    return Builds(workbench)


def test_it_pushes_to_its_own_repository_and_writes_its_own_output(builds: Builds):
    own = repository(builds.mine)
    status, said = builds.run(builds.mine, [
        ["ecr", "get_authorization_token", {}],
        ["ecr", "describe_images", {"repositoryName": own}],
        ["ecr", "put_image", {"repositoryName": own, "imageTag": "c0ffee", "imageManifest": "{}"}],
    ])  # fmt: skip
    assert status == "SUCCEEDED", said
    assert said.count("DONE ecr") == 3, said
    folder = f"builds/{application(builds.mine)}/req_1/0000"
    assert builds.bench.client("s3").head_object(Bucket=BUILDS, Key=f"{folder}/output.zip")


def test_a_dockerfile_that_calls_aws_reaches_nothing_else(builds: Builds):
    """The tries of one application's build against all that is not its own."""
    other, folder = repository(builds.other), f"builds/{application(builds.other)}/req_1/0000"
    s3 = builds.bench.client("s3")
    s3.put_object(Bucket=BUILDS, Key=f"{folder}/source.zip", Body=b"the other's")
    tries = [
        ["ecr", "put_image", {"repositoryName": other, "imageTag": "c0ffee", "imageManifest": "{}"}],
        ["ecr", "describe_images", {"repositoryName": other}],
        ["ecr", "batch_get_image", {"repositoryName": other, "imageIds": [{"imageTag": "c0ffee"}]}],
        ["ecr", "initiate_layer_upload", {"repositoryName": other}],
        ["ecr", "delete_repository", {"repositoryName": repository(builds.mine), "force": True}],
        ["ecr", "put_image_tag_mutability", {"repositoryName": repository(builds.mine), "imageTagMutability": "MUTABLE"}],
        ["s3", "get_object", {"Bucket": BUILDS, "Key": f"{folder}/source.zip"}],
        ["s3", "put_object", {"Bucket": BUILDS, "Key": f"{folder}/output.zip", "Body": "x"}],
        ["s3", "list_objects_v2", {"Bucket": BUILDS}],
        ["s3", "put_object", {"Bucket": CATALOG, "Key": "blueprints/w/1/recipe", "Body": "x"}],
        ["secretsmanager", "list_secrets", {}],
        ["secretsmanager", "get_secret_value", {"SecretId": "autoprovision/requests/r"}],
        ["dynamodb", "scan", {"TableName": "autoprovision-ledger"}],
        ["codebuild", "start_build", {"projectName": PROJECT}],
        ["iam", "list_roles", {}],
        ["ecs", "list_clusters", {}],
        ["sts", "assume_role", {"RoleArn": builds.other["BuildRoleArn"], "RoleSessionName": "other"}],
    ]  # fmt: skip
    status, said = builds.run(builds.mine, tries)
    assert status == "SUCCEEDED", said
    assert "DONE" not in said, said
    assert said.count("REFUSED") == len(tries), said


def test_another_applications_source_cannot_be_built(builds: Builds):
    folder = f"builds/{application(builds.other)}/req_1/0000"
    status, said = builds.run(builds.mine, [], folder=folder)
    assert status == "FAILED"
    assert "AccessDenied" in said


def test_another_project_cannot_build_as_the_application(builds: Builds):
    codebuild = builds.bench.client("codebuild")
    codebuild.create_project(
        name="somebody-elses", serviceRole=builds.mine["BuildRoleArn"],
        source={"type": "NO_SOURCE", "buildspec": '{"version": "0.2", "phases": {"build": {"commands": ["true"]}}}'},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "ARM_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    )  # fmt: skip
    started = codebuild.start_build(projectName="somebody-elses")["build"]["id"]
    deadline = time.monotonic() + 60
    while not (seen := codebuild.batch_get_builds(ids=[started])["builds"][0])["buildComplete"]:
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)
    assert seen["buildStatus"] == "FAILED"
    assert "sts:AssumeRole" in str([one.get("contexts") for one in seen["phases"]])
