"""What a virtual machine's role has to allow, since the agents on it ask for that and no less."""

import json
import re
from pathlib import Path
from typing import Any

from autoprovision.deployer.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
MACHINE = ROOT / "catalog" / "virtual-machine" / "template.yaml"


def resources(path: Path) -> dict[str, Any]:
    return dict(read_yaml(path.read_bytes()).value["Resources"])


def actions(one: dict[str, Any]) -> set[str]:
    named = one["Action"]
    return set(named) if isinstance(named, list) else {named}


def uploads(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        one
        for one in statements
        if "s3:PutObject" in actions(one) and "-operations-" in str(one["Resource"])
    ]


def test_diagnostics_are_uploaded_with_an_acl_that_the_bucket_does_not_keep():
    """The agent sends bucket-owner-full-control with each upload; S3 asks a right of its own."""
    role = resources(MACHINE)["MachineRole"]["Properties"]
    given = [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]
    boundary = resources(ROOT / "infra" / "boundary.yaml")["ApplicationBoundary"]["Properties"]
    for statements in (given, boundary["PolicyDocument"]["Statement"]):
        (one,) = uploads(statements)
        assert "s3:PutObjectAcl" in actions(one)
    bucket = resources(ROOT / "infra" / "data.yaml")["OperationsBucket"]["Properties"]
    (rule,) = bucket["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}


def test_its_logs_go_to_the_applications_own_group():
    """The script is the machine's own: what it names has to be there, and be allowed."""
    made = resources(MACHINE)
    script = made["Template"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"][
        "Fn::Sub"
    ]
    (written,) = re.findall(r"<<'END'\n(.*?)\nEND\n", script, re.DOTALL)
    files = json.loads(written)["logs"]["logs_collected"]["files"]["collect_list"]
    assert {one["log_group_name"] for one in files} == {"${LogGroup}"}
    assert len({one["log_stream_name"] for one in files}) == len(files)
    assert set(re.findall(r"\$\{(\w+)", script)) == {"LogGroup"}
    group = made["LogGroup"]["Properties"]["LogGroupName"]["Fn::Sub"]
    (log,) = [
        one for one in made["MachineRole"]["Properties"]["Policies"] if one["PolicyName"] == "log"
    ]
    (statement,) = log["PolicyDocument"]["Statement"]
    assert actions(statement) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert statement["Resource"]["Fn::Sub"].endswith(f":log-group:{group}:*")
