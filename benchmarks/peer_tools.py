"""Other people's tools for deploying a template, each with its own defaults.

They live in `.venv-peers` (requirements/peers.lock) and `benchmarks/peers/node_modules`
(package-lock.json); what is not installed is not measured.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autoprovision.embedded.state import EmbeddedAws

_ROOT = Path(__file__).resolve().parents[1]
_VENV = Path(os.environ.get("PEERS", _ROOT / ".venv-peers")) / "bin"
_NODE = _ROOT / "benchmarks" / "peers"
_TIMEOUT_SECONDS = 300
_QUIET = {
    "SAM_CLI_TELEMETRY": "0",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CI": "1",
    "NO_COLOR": "1",
    "AWS_PAGER": "",
}


class ToolError(RuntimeError):
    """A tool did not deploy."""


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        program: the file that must be there for it to be measured.
    """

    name: str
    program: Path

    def prepare(
        self, folder: Path, stack: str, parameters: Mapping[str, str], aws: EmbeddedAws
    ) -> None:
        """Write what its users keep in their repository; not measured."""

    def command(self, folder: Path, stack: str, parameters: Mapping[str, str]) -> list[str]:
        """What its user types."""
        raise NotImplementedError

    def run(
        self, folder: Path, stack: str, parameters: Mapping[str, str], aws: EmbeddedAws
    ) -> None:
        """Deploy.

        Raises:
            ToolError: with what it said last.
        """
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8",
            **aws.environment(), **_QUIET, "STACK_NAME": stack,
            "TEMPLATE": str(folder / "template.yaml"), "NODE_PATH": str(_NODE / "node_modules"),
            "CDK_DEFAULT_ACCOUNT": aws.account_id, "CDK_DEFAULT_REGION": aws.region,
        }  # fmt: skip
        done = subprocess.run(
            self.command(folder, stack, parameters), cwd=folder, env=environment, text=True,
            capture_output=True, check=False, timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise ToolError(f"{self.name} failed:\n{(done.stdout + done.stderr)[-2000:]}")


class AwsCli(Tool):
    """`aws cloudformation deploy`."""

    def command(self, folder: Path, stack: str, parameters: Mapping[str, str]) -> list[str]:
        """Parameters on the command line."""
        given = [f"{key}={text}" for key, text in parameters.items()]
        return [
            str(self.program), "cloudformation", "deploy", "--stack-name", stack,
            "--template-file", str(folder / "template.yaml"), "--parameter-overrides", *given,
        ]  # fmt: skip


class Sam(Tool):
    """`sam deploy`."""

    def command(self, folder: Path, stack: str, parameters: Mapping[str, str]) -> list[str]:
        """Parameters on the command line; empty ones are the template's defaults."""
        given = [f"ParameterKey={k},ParameterValue={v}" for k, v in parameters.items() if v]
        return [
            str(self.program), "deploy", "--stack-name", stack, "--no-progressbar",
            "--template-file", str(folder / "template.yaml"), "--parameter-overrides", *given,
        ]  # fmt: skip


class Sceptre(Tool):
    """`sceptre launch`."""

    def prepare(
        self, folder: Path, stack: str, parameters: Mapping[str, str], aws: EmbeddedAws
    ) -> None:
        """A project of one stack."""
        (folder / "config").mkdir()
        (folder / "templates").mkdir()
        text = (folder / "template.yaml").read_text("utf-8")
        (folder / "templates" / "site.yaml").write_text(text, "utf-8")
        project = {"project_code": "bench", "region": aws.region}
        (folder / "config" / "config.yaml").write_text(json.dumps(project), "utf-8")
        own = {
            "template": {"path": "site.yaml", "type": "file"},
            "stack_name": stack,
            "parameters": dict(parameters),
        }
        (folder / "config" / "site.yaml").write_text(json.dumps(own), "utf-8")

    def command(self, _folder: Path, _stack: str, _parameters: Mapping[str, str]) -> list[str]:
        """All is in the project."""
        return [str(self.program), "launch", "-y", "site.yaml"]


class Cdk(Tool):
    """`cdk deploy`, of an app that takes the template in."""

    def command(self, _folder: Path, stack: str, parameters: Mapping[str, str]) -> list[str]:
        """Parameters on the command line; empty ones are the template's defaults."""
        given = [part for k, v in parameters.items() if v for part in ("--parameters", f"{k}={v}")]
        return [
            str(self.program), "deploy", stack, "--app", f"node {_NODE / 'app.js'}",
            "--require-approval", "never", "--no-notices", "--no-version-reporting", *given,
        ]  # fmt: skip


def installed() -> list[Tool]:
    """The tools that are there."""
    tools: list[Tool] = [
        AwsCli("aws cloudformation deploy", _VENV / "aws"),
        Sam("sam deploy", _VENV / "sam"),
        Sceptre("sceptre launch", _VENV / "sceptre"),
        Cdk("cdk deploy", _NODE / "node_modules" / ".bin" / "cdk"),
    ]
    return [tool for tool in tools if tool.program.exists()]


def versions() -> list[str]:
    """A line for the results: what the tools call themselves."""
    found = []
    for tool in installed():
        done = subprocess.run(
            [str(tool.program), "--version"], capture_output=True, text=True, check=True
        )
        found.append(f"{tool.name.split()[0]}: {done.stdout.strip()}")
    return [f"Other tools: {'; '.join(found)}."] if found else ["No other tool is installed."]
