"""The environment variables that a build's commands see."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.builds.aws_calls import AwsCalls
from autoprovision.embedded.builds.build_log import BuildLog
from autoprovision.embedded.builds.buildspec import Buildspec
from autoprovision.embedded.environment import DATA_VARIABLE, is_inherited

# What the server got for itself alone.
_AWS_SETTINGS = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")


def marker(build: Mapping[str, Any]) -> tuple[str, str]:
    """The variable and value that no process of another build has."""
    return "CODEBUILD_BUILD_ARN", str(build["arn"])


def own_variables(
    build: Mapping[str, Any], spec: Buildspec, calls: AwsCalls, log: BuildLog
) -> dict[str, str]:
    """The buildspec's variables, and above them the project's and the start's.

    Raises:
        PhaseFailed: A value that is kept elsewhere cannot be read.
    """
    plain = dict(spec.variables)
    parameters, secrets = dict(spec.parameter_store), dict(spec.secrets_manager)
    tables = {"PLAINTEXT": plain, "PARAMETER_STORE": parameters, "SECRETS_MANAGER": secrets}
    for variable in build["environment"].get("environmentVariables", []):
        for table in tables.values():
            table.pop(variable["name"], None)
        tables[variable.get("type") or "PLAINTEXT"][variable["name"]] = variable["value"]
    fetched = calls.parameters(parameters) if parameters else {}
    fetched |= {name: calls.secret(reference) for name, reference in secrets.items()}
    for value in fetched.values():
        log.hide(value)
    return plain | fetched


def all_variables(
    build: Mapping[str, Any], session: roles.RoleSession, scratch: Path, own: Mapping[str, str]
) -> dict[str, str]:
    """Everything: of the host only what leads to the internet and its package registries."""
    host = {
        name: value
        for name, value in os.environ.items()
        if is_inherited(name) or name in {"NO_PROXY", "no_proxy", *_AWS_SETTINGS}
    }
    name, value = marker(build)
    return {
        "LANG": "C.UTF-8",
        **host,
        "PATH": search_path(),
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        **session.environment(),
        "CI": "true",
        **_codebuild_variables(build, scratch),
        **own,
        # How the build's processes are found, whatever the buildspec sets.
        name: value,
        DATA_VARIABLE: os.environ[DATA_VARIABLE],
    }


def search_path() -> str:
    """Where programs are looked for.

    Functions run with the server's Python, so what is built for them has to be built with it.
    """
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def _codebuild_variables(build: Mapping[str, Any], scratch: Path) -> dict[str, str]:
    """CodeBuild user guide, "Environment variables in build environments"."""
    source, version = build["source"], build.get("sourceVersion", "")
    return {
        "CODEBUILD_BUILD_ARN": build["arn"],
        "CODEBUILD_BUILD_ID": build["id"],
        "CODEBUILD_BUILD_IMAGE": str(build["environment"].get("image", "")),
        "CODEBUILD_BUILD_NUMBER": str(build["buildNumber"]),
        "CODEBUILD_INITIATOR": build["initiator"],
        "CODEBUILD_KMS_KEY_ID": build["encryptionKey"],
        "CODEBUILD_LOG_PATH": str(build["logs"].get("streamName", "")),
        "CODEBUILD_RESOLVED_SOURCE_VERSION": version,
        "CODEBUILD_SOURCE_REPO_URL": str(source.get("location", "")),
        "CODEBUILD_SOURCE_VERSION": version,
        "CODEBUILD_SRC_DIR": str(scratch / "src"),
        "CODEBUILD_START_TIME": str(int(build["startTime"] * 1000)),
    }
