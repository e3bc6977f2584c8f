"""runbooks/ against infra/runbooks.yaml and the manifests: who may do what, and that all answer."""

import re
from typing import Any

import botocore.session
import pytest
import yaml
from tests.architecture.templates import ROOT, listed, load, of_type, resolved, statements

from autoprovision.deployer.errors import DeployError
from autoprovision.deployer.sources import Sources, find_sources
from autoprovision.domain.operation import (
    MOST_TOKEN,
    MOST_VALUE,
    REQUEST_PARAMETER,
    RESUMING,
    SUSPENDED_BY_RUNBOOKS,
    SUSPENDING,
    TOKEN_PARAMETERS,
)
from autoprovision.embedded.runbooks import actions
from autoprovision.embedded.runbooks.documents import OutOfBounds, check_bounds, read

TEMPLATE = load("infra/runbooks.yaml")
FILES = {path.stem: path for path in sorted((ROOT / "runbooks").glob("*.yaml"))}
RUNBOOKS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(path.read_text("utf-8")) for name, path in FILES.items()
}
# A part of another one: it runs with that one's role, and answers nobody.
PARTS = {"restart-instance": "restart-instances"}
WHOLE = [name for name in RUNBOOKS if name not in PARTS]
ROLES = {
    resolved(one["Properties"]["RoleName"]).removeprefix("${PlatformName}-runbook-"): one
    for one in of_type(TEMPLATE, "AWS::IAM::Role").values()
}
MANIFESTS = {
    path.parent.name: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted((ROOT / "catalog").glob("*/blueprint.yaml"))
}
OPERATIONS = [
    (blueprint, name, one)
    for blueprint, manifest in MANIFESTS.items()
    for name, one in (manifest.get("operations") or {}).items()
]
# What IAM knows no resource for.
ACCOUNT_WIDE = {
    "elasticloadbalancing:DescribeTargetHealth", "ssm:CancelCommand",
    "ssm:ListCommandInvocations", "ssm:ListCommands",
}  # fmt: skip
PREFIXES = {"elbv2": "elasticloadbalancing", "stepfunctions": "states"}
WHOLE_TOKEN = "".join(f"{{{{ {name} }}}}" for name in TOKEN_PARAMETERS)
TAGGED = {"autoscaling:ResumeProcesses", "autoscaling:SuspendProcesses"}


def needs(step: dict[str, Any]) -> set[str]:
    """The actions that a step is done with."""
    inputs = step["inputs"]
    if step["action"] == "aws:runCommand":
        return {"ssm:SendCommand", "ssm:ListCommands", "ssm:ListCommandInvocations", "ssm:CancelCommand"}  # fmt: skip
    if step["action"] == "aws:executeAutomation":
        return {"ssm:StartAutomationExecution", "ssm:GetAutomationExecution", "ssm:StopAutomationExecution", "iam:PassRole"}  # fmt: skip
    if "Api" in inputs:
        return {f"{PREFIXES.get(inputs['Service'], inputs['Service'])}:{inputs['Api']}"}
    return set()


def test_every_file_has_its_document_and_every_document_its_file():
    found = {
        one["Properties"]["Content"]["Runbook"]: resolved(one["Properties"]["Name"])
        for one in of_type(TEMPLATE, "AWS::SSM::Document").values()
    }
    assert found == {name: "${PlatformName}-" + name for name in FILES}
    assert set(ROLES) == set(WHOLE)


@pytest.mark.parametrize("name", RUNBOOKS)
def test_it_is_one_that_systems_manager_takes_and_the_embedded_aws_plays(name: str):
    read(name, "Automation", FILES[name].read_text("utf-8"))
    assert {step["action"] for step in RUNBOOKS[name]["mainSteps"]} <= actions.KNOWN
    assert RUNBOOKS[name]["assumeRole"] == "{{ AutomationAssumeRole }}"
    known = set(RUNBOOKS[name]["parameters"])
    used = set(re.findall(r"\{\{ *(\w+) *\}\}", FILES[name].read_text("utf-8")))
    assert used <= known
    assert known - used <= {REQUEST_PARAMETER}


@pytest.mark.parametrize("name", WHOLE)
def test_every_way_through_it_answers_the_token(name: str):
    steps = {step["name"]: step for step in RUNBOOKS[name]["mainSteps"]}
    assert {REQUEST_PARAMETER, "InstanceIds"} <= set(RUNBOOKS[name]["parameters"])
    for step in steps.values():
        if step["name"].startswith("Answer"):
            assert step["isEnd"]
            assert step["onFailure"] == "Continue"
            assert step["isCritical"] is False
            assert step["inputs"]["taskToken"] == WHOLE_TOKEN
            continue
        ways = [step["nextStep"], step["onFailure"].removeprefix("step:")]
        ways += [step["onCancel"].removeprefix("step:")] if "onCancel" in step else []
        assert all(way in steps for way in ways)
        assert step["onFailure"].startswith("step:")
    first = next(iter(steps))
    reached, todo = set(), [first]
    while todo:
        step = steps[todo.pop()]
        if step["name"] not in reached:
            reached.add(step["name"])
            todo += [str(step.get(way, "")).removeprefix("step:") for way in ("nextStep", "onFailure", "onCancel") if str(step.get(way, "")).removeprefix("step:") in steps]  # fmt: skip
    assert reached == set(steps)


@pytest.mark.parametrize("name", WHOLE)
def test_it_takes_a_task_token_in_all_its_pieces(name: str):
    parameters = RUNBOOKS[name]["parameters"]
    taken = [one for one in parameters if one.startswith("TaskToken")]
    assert tuple(taken) == TOKEN_PARAMETERS
    # A short token leaves the later ones out: an empty value is refused.
    assert ["default" in parameters[one] for one in taken] == [False, True, True, True]
    assert {parameters[one].get("default", "") for one in taken} == {""}


def test_the_pieces_are_as_long_as_aws_allows():
    session = botocore.session.get_session()
    assert session.get_service_model("stepfunctions").shape_for("TaskToken").metadata["max"] == MOST_TOKEN  # fmt: skip
    systems_manager = session.get_service_model("ssm")
    value = systems_manager.shape_for("AutomationParameterValue").metadata
    values = systems_manager.shape_for("AutomationParameterValueList").metadata
    names = systems_manager.shape_for("AutomationParameterMap").metadata
    name = systems_manager.shape_for("AutomationParameterKey").metadata
    assert (value["min"], value["max"]) == (1, MOST_VALUE)
    assert MOST_VALUE * len(TOKEN_PARAMETERS) >= MOST_TOKEN
    assert f"$ * {MOST_VALUE}, {MOST_VALUE}" in (ROOT / "workflows/operate.asl.json").read_text()
    # What the embedded AWS refuses is what the model does.
    for given in (
        {"V": ["x" * value["max"]]}, {"V": ["x"] * values["max"]}, {"N" * name["max"]: ["x"]},
        {f"N{number}": ["x"] for number in range(names["max"])},
    ):  # fmt: skip
        check_bounds(given)
    for given in (
        {"V": ["x" * (value["max"] + 1)]}, {"V": [""]}, {"V": ["x"] * (values["max"] + 1)},
        {"N" * (name["max"] + 1): ["x"]},
        {f"N{number}": ["x"] for number in range(names["max"] + 1)},
    ):  # fmt: skip
        with pytest.raises(OutOfBounds):
            check_bounds(given)


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_suspended_is_resumed_on_every_way(name: str):
    steps = {step["name"]: step for step in RUNBOOKS[name]["mainSteps"]}
    if "SuspendReplacing" not in steps:
        assert not any("Processes" in str(one["inputs"].get("Api")) for one in steps.values())
        return
    suspended = steps["SuspendReplacing"]["inputs"]["ScalingProcesses"]
    # By these names the audit knows what a runbook has left suspended.
    assert set(suspended) == SUSPENDED_BY_RUNBOOKS
    by_call = {
        one["name"] for one in steps.values() if one["inputs"].get("Api") == "SuspendProcesses"
    }
    assert by_call == {SUSPENDING}
    by_call = {
        one["name"] for one in steps.values() if one["inputs"].get("Api") == "ResumeProcesses"
    }
    assert by_call == RESUMING
    for one in ("ResumeReplacing", "ResumeAfterFailure"):
        assert steps[one]["inputs"]["ScalingProcesses"] == suspended
        assert steps[one]["maxAttempts"] > 1
    work = steps[steps["SuspendReplacing"]["nextStep"]]
    assert work["onFailure"] == work["onCancel"] == "step:ResumeAfterFailure"
    assert steps["SuspendReplacing"]["onFailure"] == "step:ResumeAfterFailure"


@pytest.mark.parametrize("name", WHOLE)
def test_its_role_may_do_what_its_steps_do_and_no_more(name: str):
    runs = [name, *(part for part, whole in PARTS.items() if whole == name)]
    needed = {
        action for one in runs for step in RUNBOOKS[one]["mainSteps"] for action in needs(step)
    }
    allowed = {action for one in statements(ROLES[name]) for action in listed(one["Action"])}
    assert allowed == needed


@pytest.mark.parametrize("name", WHOLE)
def test_its_role_is_narrow(name: str):
    (trust,) = ROLES[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    documents = set()
    for one in statements(ROLES[name]):
        granted = set(listed(one["Action"]))
        for resource in map(resolved, listed(one["Resource"])):
            assert resource != "*" or granted <= ACCOUNT_WIDE
            if ":instance/" in resource or granted & TAGGED:
                condition = one["Condition"]["StringLike"]
                assert condition == {"aws:ResourceTag/autoprovision:application": "app_*"}
            if "::document/" in resource and granted == {"ssm:SendCommand"}:
                documents.add(resource.rpartition("/")[2])
    runs = [name, *(part for part, whole in PARTS.items() if whole == name)]
    assert documents == {
        step["inputs"]["DocumentName"]
        for one in runs
        for step in RUNBOOKS[one]["mainSteps"]
        if step["action"] == "aws:runCommand"
    }


@pytest.mark.parametrize(
    ("blueprint", "name", "declared"), OPERATIONS, ids=[f"{b}.{n}" for b, n, _ in OPERATIONS]
)
def test_an_operation_fills_its_runbook(blueprint: str, name: str, declared: dict[str, Any]):
    parameters = RUNBOOKS[declared["runbook"]]["parameters"]
    given = declared.get("runbookParameters") or {}
    itself = {"AutomationAssumeRole", "InstanceIds", REQUEST_PARAMETER, *TOKEN_PARAMETERS}
    needed = {key for key, one in parameters.items() if "default" not in one}
    assert needed <= set(given) | itself
    assert set(given) <= set(parameters) - itself
    resources = load(f"catalog/{blueprint}/template.yaml")["Resources"]
    own = declared.get("parameters") or {}
    for source in given.values():
        kind, _, what = source.partition(".")
        known = {
            "parameters": own, "script": own, "resource": resources, "runbook": FILES,
            "files": ("bucket", "folder"),
        }  # fmt: skip
        assert what in known[kind], source


def test_the_deployer_puts_each_file_in_its_place(tmp_path):
    ours = find_sources()
    filled = ours.runbooks_template().decode()
    assert "Content: {schemaVersion" not in filled
    for document in RUNBOOKS.values():
        assert document["description"] in filled
    none = Sources(
        infra=ours.infra, workflows=ours.workflows, catalog=ours.catalog, runbooks=tmp_path,
        package=ours.package, lock=ours.lock,
    )  # fmt: skip
    with pytest.raises(DeployError, match="not in runbooks"):
        none.runbooks_template()
