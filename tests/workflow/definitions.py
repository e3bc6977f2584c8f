"""The workflows as data, for the tests of this folder."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ("operate", "provision", "terminate", "update")
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
WAY_BACK = frozenset({
    "BeginCompensation", "BeginTermination", "WithdrawNames", "UnpublishProject", "DeleteStack", "AwaitStackDeletion", "AwaitStackRestored", "ContinueRollback", "RestoreStack", "RestoreRelease", "ForgetSecrets", "CloseRequest", "EndApplication", "Notify", "MarkNeedsOperator", "StopRunbook", "AwaitRunbookStopped", "TellOperators", "CallOperators",
})  # fmt: skip


def text_of(name: str) -> str:
    return (ROOT / "workflows" / f"{name}.asl.json").read_text("utf-8")


def states_of(name: str) -> dict[str, dict[str, Any]]:
    return json.loads(text_of(name))["States"]


def tasks_of(name: str) -> dict[str, dict[str, Any]]:
    return {key: state for key, state in states_of(name).items() if state["Type"] == "Task"}


def ways_on(state: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a state may go, with the field that says so."""
    found = [("Next", state["Next"])] if "Next" in state else []
    found += [("Choice", choice["Next"]) for choice in state.get("Choices", [])]
    found += [("Default", state["Default"])] if "Default" in state else []
    found += [("Catch", catch["Next"]) for catch in state.get("Catch", [])]
    return found


def every(states: list[tuple[str, str, dict[str, Any]]] | None = None) -> list[Any]:
    """(workflow, name, state) of all states."""
    return [
        (workflow, name, state)
        for workflow in WORKFLOWS
        for name, state in states_of(workflow).items()
    ]
