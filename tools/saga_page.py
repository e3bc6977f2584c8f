"""Writes the generated parts of docs/saga.md from the workflows and the steps' own words.

    python tools/saga_page.py          rewrite the page
    python tools/saga_page.py --check  fail when the page is not what it would write

What stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is generated; the rest is prose.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "saga.md"
WORKFLOWS = ("provision", "terminate", "update", "operate")
_SHARED = {
    "AwaitStackDeletion": "AwaitStack",
    "AwaitStackRestored": "AwaitStack",
    "AwaitRunbookStopped": "AwaitRunbook",
}
# Where failures lead in general, and who goes there.
_GENERAL = {
    "BeginCompensation": "AnyForwardStep",
    "MarkNeedsOperator": "AnyStepOfTheWayBack",
}


def states_of(workflow: str) -> dict[str, dict[str, Any]]:
    """The states of a workflow, in the order of the file."""
    text = (ROOT / "workflows" / f"{workflow}.asl.json").read_text("utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)["States"]
    return found


def diagram(workflow: str) -> str:
    """The states as a mermaid diagram; the ways of every step's failure are drawn once each."""
    document = json.loads((ROOT / "workflows" / f"{workflow}.asl.json").read_text("utf-8"))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {document['StartAt']}"]
    for name, state in document["States"].items():
        if state["Type"] in {"Succeed", "Fail"}:
            lines.append(f"    {name} --> [*]")
            continue
        lines += [f"    {name} --> {target}{label}" for target, label in _ways(state)]
    for target, who in _GENERAL.items():
        if target in document["States"]:
            lines.append(f"    {who} --> {target} : fails")
    return "\n".join([*lines, "```"])


def _ways(state: dict[str, Any]) -> list[tuple[str, str]]:
    ways = [(state["Next"], "")] if "Next" in state else []
    for choice in state.get("Choices", []):
        said = re.search(r"\$(?:states\.input\.)?(.+?) *%\}", choice["Condition"])
        ways.append((choice["Next"], f" : {said[1]}" if said else ""))
    if "Default" in state:
        ways.append((state["Default"], " : else"))
    for catch in state.get("Catch", []):
        error = catch["ErrorEquals"][0].removeprefix("States.")
        if error == "ALL" and catch["Next"] in {*_GENERAL, state["Next"]}:
            continue
        ways.append((catch["Next"], " : fails" if error == "ALL" else f" : {error}"))
    return ways


def table(workflow: str) -> str:
    """State, what it calls, what it does, its limit, its tries, where a failure leads."""
    lines = [
        "| state | calls | does | limit | tries | on failure |",
        "|---|---|---|---|---|---|",
    ]
    for name, state in states_of(workflow).items():
        if state["Type"] != "Task":
            continue
        tries = 1 + state["Retry"][-1]["MaxAttempts"]
        target = state["Catch"][-1]["Next"]
        lines.append(
            f"| `{name}` | {_calls(name, state)} | {state['Comment']} | {_limit(state)} | {tries} "
            f"| `{target}` |"
        )
    return "\n".join(lines)


def _calls(name: str, state: dict[str, Any]) -> str:
    resource = state["Resource"].removeprefix("arn:aws:states:::").removeprefix("aws-sdk:")
    token = " with a task token" if resource.endswith(".waitForTaskToken") else ""
    resource = resource.removesuffix(".waitForTaskToken")
    if resource == "lambda:invoke":
        return f"function `{_SHARED.get(name, name)}`{token}"
    return f"`{resource}`{token}"


def _limit(state: dict[str, Any]) -> str:
    limit = state["TimeoutSeconds"]
    return f"{limit} s" if isinstance(limit, int) else f"`{limit.strip('{% }')}`"


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text("utf-8")
    for workflow in WORKFLOWS:
        for name, made in (("diagram", diagram(workflow)), ("table", table(workflow))):
            begin, end = f"<!-- begin {workflow} {name} -->", f"<!-- end {workflow} {name} -->"
            pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
            between = f"{begin}\n{made}\n{end}".replace("\\", r"\\")
            text = pattern.sub(between, text)
    return text


def main(arguments: list[str]) -> int:
    """Write or check the page; 0 when it is as it should be."""
    made = page()
    if "--check" in arguments:
        return 0 if made == PAGE.read_text("utf-8") else 1
    PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
