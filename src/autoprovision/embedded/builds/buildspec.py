"""Reads a buildspec (CodeBuild user guide, "Build specification reference"), version 0.2."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
_SHELLS = ("sh", "bash")
_REACTIONS = ("ABORT", "CONTINUE")


class BuildspecError(ValueError):
    """The buildspec cannot be read, or asks for what is not played here."""


@dataclass(frozen=True)
class Phase:
    """One phase's commands.

    Attributes:
        ending: the commands of `finally`, run whatever happened before.
        on_failure: ABORT or CONTINUE; None leaves it to CodeBuild's own order of phases.
    """

    commands: tuple[str, ...] = ()
    ending: tuple[str, ...] = ()
    on_failure: str | None = None


@dataclass(frozen=True)
class ArtifactFiles:
    """Which files of the build are its artifact."""

    files: tuple[str, ...]
    base_directory: str = ""
    exclude: tuple[str, ...] = ()
    name: str = ""
    discard_paths: bool = False


@dataclass(frozen=True)
class Buildspec:
    """What a build does."""

    shell: str = "sh"
    variables: Mapping[str, str] = field(default_factory=dict)
    parameter_store: Mapping[str, str] = field(default_factory=dict)
    secrets_manager: Mapping[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    phases: Mapping[str, Phase] = field(default_factory=dict)
    artifacts: ArtifactFiles | None = None


def is_inline(text: str) -> bool:
    """Whether a project's `buildspec` is one, and not the path of one."""
    try:
        return isinstance(yaml.load(text, Loader=yaml.BaseLoader), dict)  # noqa: S506 - strings only
    except yaml.YAMLError:
        return "\n" in text


def parse(text: str) -> Buildspec:
    """Read a buildspec.

    Raises:
        BuildspecError: It is no YAML, or not a buildspec of version 0.2.
    """
    try:
        # Every scalar stays the text it was written as: `true` is a command.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - strings only
    except yaml.YAMLError as problem:
        raise BuildspecError(f"The buildspec is no YAML: {problem}") from problem
    spec = _mapping(content, "the buildspec")
    if spec.get("version") != "0.2":
        raise BuildspecError(f"Only version 0.2 runs here, not {spec.get('version')!r}")
    env = _mapping(spec.get("env"), "env")
    shell = env.get("shell") or "sh"
    if shell not in _SHELLS:
        raise BuildspecError(f"The shell {shell!r} is none of {', '.join(_SHELLS)}")
    phases = _mapping(spec.get("phases"), "phases")
    if unknown := sorted(set(phases) - set(PHASES)):
        raise BuildspecError(f"Unknown phases: {', '.join(unknown)}")
    return Buildspec(
        shell=shell,
        variables=_texts(env.get("variables"), "env.variables"),
        parameter_store=_texts(env.get("parameter-store"), "env.parameter-store"),
        secrets_manager=_texts(env.get("secrets-manager"), "env.secrets-manager"),
        exported=_list(env.get("exported-variables"), "env.exported-variables"),
        phases={name: _phase(value, name) for name, value in phases.items()},
        artifacts=_artifacts(spec.get("artifacts")),
    )


def _phase(value: Any, name: str) -> Phase:
    phase = _mapping(value, f"phases.{name}")
    reaction = phase.get("on-failure")
    if reaction is not None and reaction not in _REACTIONS:
        raise BuildspecError(f"phases.{name}.on-failure: {reaction!r} is not played here")
    return Phase(
        commands=_list(phase.get("commands"), f"phases.{name}.commands"),
        ending=_list(phase.get("finally"), f"phases.{name}.finally"),
        on_failure=reaction,
    )


def _artifacts(value: Any) -> ArtifactFiles | None:
    if not value:
        return None
    artifacts = _mapping(value, "artifacts")
    if "secondary-artifacts" in artifacts:
        raise BuildspecError("artifacts.secondary-artifacts are not played here")
    return ArtifactFiles(
        files=_list(artifacts.get("files"), "artifacts.files"),
        base_directory=str(artifacts.get("base-directory") or ""),
        exclude=_list(artifacts.get("exclude-paths"), "artifacts.exclude-paths"),
        name=str(artifacts.get("name") or ""),
        discard_paths=artifacts.get("discard-paths") in {"yes", "true"},
    )


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise BuildspecError(f"{what} is no mapping")
    return value


def _texts(value: Any, what: str) -> dict[str, str]:
    texts = _mapping(value, what)
    if not all(isinstance(text, str) for text in texts.values()):
        raise BuildspecError(f"{what}: every value is a text")
    return texts


def _list(value: Any, what: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) and value else value or []
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise BuildspecError(f"{what} is no list of texts")
    return tuple(listed)
