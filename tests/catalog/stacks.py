"""Makes a blueprint's stack on the embedded AWS with its golden parameters, and asks what answers."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.catalog.recipes import CATALOG, ROOT

from autoprovision.embedded.launcher import EmbeddedAws

_PATIENCE = 60.0


class Workbench:
    """An embedded AWS with the boundary that every application's role needs."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self._clients: dict[str, Any] = {}
        self._numbers = iter(range(1, 10_000))
        self.cloudformation = self.client("cloudformation")

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.aws.client(service)
        return self._clients[service]

    def boundary(self, platform: str = "autoprovision") -> None:
        text = (ROOT / "infra" / "boundary.yaml").read_text()
        self.create(f"boundary-{platform}", text, {"PlatformName": platform})

    def network(self, environment: str) -> None:
        text = (ROOT / "infra" / "network.yaml").read_text()
        self.create(
            f"network-{environment}", text, {"TargetEnvironment": environment, "FlowLogs": "false"}
        )

    def role(self, blueprint: str, zone: str = "") -> str:
        """The service role of a blueprint, made from its role.yaml, for a zone where one is given."""
        manifest = (CATALOG / blueprint / "blueprint.yaml").read_text()
        shared = [
            line.split()[1] for line in manifest.splitlines() if line.startswith("templateOf:")
        ]
        text = (CATALOG / (shared or [blueprint])[0] / "role.yaml").read_text()
        parameters = {"PlatformName": "autoprovision"}
        if "BlueprintId:" in text:
            parameters["BlueprintId"] = blueprint
        name = f"role-{blueprint}"
        if zone:
            parameters |= {"HostedZoneId": zone, "PlatformName": "zoned"}
            name += "-zoned"
            self.boundary("zoned")
        return self.create(name, text, parameters)["RoleArn"]

    def create(
        self, name: str, text: str, parameters: dict[str, str], role: str | None = None
    ) -> dict[str, str]:
        """Create a stack, once, and return its outputs."""
        if (found := self.find(name)) is None:
            self.cloudformation.create_stack(
                StackName=name, TemplateBody=text, Capabilities=["CAPABILITY_NAMED_IAM"],
                Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
                **({"RoleARN": role} if role else {}),
            )  # fmt: skip
            found = self.settled(name)
        assert found["StackStatus"] == "CREATE_COMPLETE", self.reasons(name)
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def provision(
        self, blueprint: str, example: str, *, zone: str = "", **changes: str
    ) -> tuple[str, dict[str, str]]:
        """A stack of the blueprint with the golden parameters of an example; name and outputs."""
        golden = json.loads((CATALOG / blueprint / "golden" / f"{example}.json").read_text())
        number = next(self._numbers)
        given = {
            "application.id": f"app_{number:026d}",
            "application.bucket": f"autoprovision-site-{number:026d}",
            "application.number": str(number),
            "application.owner": "ada@example.edu",
            "secret.arn": "",
        }
        parameters = golden["parameters"] | {k: given[v] for k, v in golden["assigned"].items()}
        if zone and "PlatformName" in parameters:
            parameters["PlatformName"] = "zoned"
        if "UrlScheme" in parameters:
            parameters["UrlScheme"] = "http"
        template = CATALOG / golden["blueprint"] / "template.yaml"
        if not template.exists():
            template = CATALOG / "static-site" / "template.yaml"
        name = f"ap-{example}-{blueprint}-{number}"
        return name, self.create(
            name, template.read_text(), parameters | changes, self.role(blueprint, zone)
        )

    def find(self, name: str) -> dict[str, Any] | None:
        listed = self.cloudformation.describe_stacks()["Stacks"]
        return next((one for one in listed if one["StackName"] == name), None)

    def settled(self, name: str) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                return dict(found)
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def reasons(self, name: str) -> list[str]:
        events = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return [
            f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}"
            for one in events if "FAILED" in one["ResourceStatus"]
        ]  # fmt: skip

    def delete(self, name: str) -> None:
        """Delete a stack and see that it and all it made are gone."""
        stack = self.find(name)
        assert stack is not None
        self.cloudformation.delete_stack(StackName=name)
        deadline = time.monotonic() + _PATIENCE
        while True:
            found = self.cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"][0]
            if found["StackStatus"] == "DELETE_COMPLETE":
                break
            assert found["StackStatus"] == "DELETE_IN_PROGRESS", (
                found,
                self.reasons(stack["StackId"]),
            )
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        left = self.cloudformation.describe_stack_resources(StackName=stack["StackId"])[
            "StackResources"
        ]
        assert {one["ResourceStatus"] for one in left} <= {"DELETE_COMPLETE"}, left


def get(url: str) -> tuple[int, bytes]:
    """Status and body of a page; names below .localhost are loopback."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def release_onto(workbench: Workbench, function: str, code: bytes) -> None:
    """Put a release on a function and wait until it is what answers."""
    functions = workbench.client("lambda")
    functions.update_function_code(FunctionName=function, ZipFile=code)
    functions.get_waiter("function_updated_v2").wait(
        FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def projects(name: str) -> Path:
    """A sample project."""
    return ROOT / "examples" / "projects" / name
