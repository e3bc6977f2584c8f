"""Rules of the build recipe: a buildspec that the platform's builds can run."""

import re
from collections.abc import Iterator
from typing import Any

from autoprovision.deployer.rules.finding import Finding
from autoprovision.deployer.rules.folder import MANIFEST, Folder, many
from autoprovision.domain.document import pointer

_PHASES = ("install", "pre_build", "build", "post_build")
_RELEASE = ".release"
# Words that stand for a program of another name.
_CALLED = {"python3": r"python3?", "node": r"node(js)?", "npm": r"np[mx]", "pip": r"pip3?"}
_RUNS_WORDS = re.compile(r"\b(eval|(ba)?sh -c)\s+[\"']?\$\{?(OUTPUT_|APPLICATION_|TECH_|TARGET_)")


def recipe_findings(folder: Folder) -> Iterator[Finding]:
    """What is wrong with the recipe."""
    name = folder.manifest.publish.recipe if folder.manifest is not None else None
    if name is None or name not in folder.files:
        return
    recipe = folder.files[name].value
    if not isinstance(recipe, dict):
        return
    if str(recipe.get("version")) != "0.2":
        detail = f"Its version is {recipe.get('version')!r}."
        yield folder.found("recipe-version", name, "/version", detail)
    environment = recipe.get("env")
    if not isinstance(environment, dict) or environment.get("shell") != "bash":
        yield folder.found("recipe-shell", name, "/env", "It does not say env.shell: bash.")
    yield from _phases(folder, name, recipe.get("phases"))
    artifacts = recipe.get("artifacts")
    artifacts = artifacts if isinstance(artifacts, dict) else {}
    if artifacts.get("base-directory") != _RELEASE or not artifacts.get("files"):
        detail = f"It does not hand over the files of {_RELEASE}."
        yield folder.found("recipe-artifacts", name, "/artifacts", detail)
    yield from _tools(folder, name)
    for at, command in _commands(recipe):
        if _RUNS_WORDS.search(command):
            yield folder.found("recipe-eval", name, at, "It runs what a user wrote.")


def _phases(folder: Folder, name: str, phases: Any) -> Iterator[Finding]:
    if not isinstance(phases, dict) or not phases:
        yield folder.found("recipe-phase", name, "/phases", "It has no phases.")
        return
    for phase, content in phases.items():
        at = f"/phases/{phase}"
        if phase not in _PHASES:
            yield folder.found("recipe-phase", name, at, f"There is no phase {phase!r}.")
        elif not isinstance(content, dict) or not many(content.get("commands")):
            yield folder.found("recipe-phase", name, at, "It has no commands.")


def _commands(recipe: dict[str, Any]) -> Iterator[tuple[str, str]]:
    phases = recipe.get("phases")
    for phase, content in phases.items() if isinstance(phases, dict) else ():
        commands = content.get("commands") if isinstance(content, dict) else None
        for index, one in enumerate(many(commands)):
            yield f"/phases/{phase}/commands/{index}", str(one)


def _tools(folder: Folder, name: str) -> Iterator[Finding]:
    assert folder.manifest is not None, "the recipe is the manifest's"  # noqa: S101
    text = folder.texts[name].decode("utf-8", "replace")
    for stack, needs in folder.manifest.publish.stacks.items():
        for index, tool in enumerate(needs.tools):
            if not re.search(rf"\b{_CALLED.get(tool, re.escape(tool))}\b", text):
                at = pointer("publish", "stacks", stack, "tools", index)
                yield folder.found("recipe-tool", MANIFEST, at, f"The recipe does not call {tool}.")
