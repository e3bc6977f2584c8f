"""infra/ as the tests of its parts read it."""

import json

from tests.architecture.templates import ROOT, load, of_type

APP, DATA = load("infra/app.yaml"), load("infra/data.yaml")
FUNCTIONS = of_type(APP, "AWS::Lambda::Function")
ROLES = of_type(APP, "AWS::IAM::Role")
POLICIES = of_type(APP, "AWS::IAM::ManagedPolicy")
MACHINES = of_type(APP, "AWS::StepFunctions::StateMachine")
SCHEDULES = of_type(APP, "AWS::Scheduler::Schedule")
WORKFLOWS = {
    path.name.split(".")[0]: json.loads(path.read_text())
    for path in sorted((ROOT / "workflows").glob("*.asl.json"))
}


def function_name(logical_id: str) -> str:
    return logical_id.removesuffix("Function")


def attached_to(role: dict) -> list[str]:
    """The template's policies of a role, those too that only a choice of the operator attaches."""
    arns = role["Properties"].get("ManagedPolicyArns", [])
    named = [one["Fn::If"][1] if "Fn::If" in one else one for one in arns]
    return [one["Ref"] for one in named if one.get("Ref") in POLICIES]


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
