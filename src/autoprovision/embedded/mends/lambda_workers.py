"""A function runs with what Lambda gives it, and nothing of this machine.

AWS: a Python function sees its package, its layers, the SDK of the runtime and Lambda's own
environment variables (Lambda developer guide, "Defined runtime environment variables" and
"Runtime dependencies in Python").

MiniStack: starts functions with the server's environment and Python's site-packages, so a function
works here although its package lacks a library, and sees the server's settings.

Mend: the process starts without site-packages, with a folder that holds only the runtime's SDK,
with the server's variables removed, and resolving names below `.localhost`, which stand here for
the public names of AWS.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

from autoprovision.embedded.environment import DATA_VARIABLE

# What AWS's Python runtimes hold besides the standard library.
_RUNTIME_MODULES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
_PRELUDE = "import embedded_localhost_names\nembedded_localhost_names.install()\n"
# Of the server's own variables, those that a function needs as well.
_SHARED = (
    "PATH",
    "LANG",
    "HOME",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
    # How `stop` finds a function's process wherever it went.
    DATA_VARIABLE,
)


def apply() -> None:
    """Start functions in an environment like Lambda's."""
    from ministack.core import lambda_runtime

    runtime = _runtime_folder(Path(os.environ[DATA_VARIABLE]) / "lambda-runtime")

    def start(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        environment = _function_environment(env)
        if command[0] == sys.executable:
            command = [command[0], "-S", *command[1:]]
            own = env["PYTHONPATH"] if _is_own("PYTHONPATH", env) else ""
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [own, str(runtime)]))
        elif Path(command[0]).name == "node":
            environment["AWS_EXECUTION_ENV"] = "AWS_Lambda_nodejs"
            hook = json.dumps(str(runtime / "embedded_localhost_names.js"))
            own = environment.get("NODE_OPTIONS", "")
            environment["NODE_OPTIONS"] = f"--require {hook} {own}".strip()
        return subprocess.Popen(command, env=environment, **options)

    # Only this module's Popen: the rest of MiniStack keeps Python's.
    lambda_runtime.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": start})
    lambda_runtime._PYTHON_WORKER_SCRIPT = _PRELUDE + lambda_runtime._PYTHON_WORKER_SCRIPT


def _is_own(name: str, environment: dict[str, str]) -> bool:
    """Whether a variable is the function's, not inherited from the server."""
    return name in environment and os.environ.get(name) != environment[name]


def _function_environment(environment: dict[str, str]) -> dict[str, str]:
    name = environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
    return {
        "TZ": ":UTC",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        **{
            key: value
            for key, value in environment.items()
            if key in _SHARED or _is_own(key, environment)
        },
    }


def _runtime_folder(folder: Path) -> Path:
    """A folder with links to the runtime's modules, which lie among all others."""
    folder.mkdir(exist_ok=True)
    here = Path(__file__).resolve().parent.parent
    for kind in ("py", "js"):
        _link(folder / f"embedded_localhost_names.{kind}", here / f"localhost_names.{kind}")
    for name in _RUNTIME_MODULES:
        origin = Path(_origin(name))
        source = origin.parent if origin.name == "__init__.py" else origin
        _link(folder / source.name, source)
    return folder


def _origin(name: str) -> str:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"The SDK's {name} is not installed", name=name)
    return found.origin


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
