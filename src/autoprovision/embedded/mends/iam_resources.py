"""A call is checked against the resource it names, so that least privilege is tried here.

AWS: a policy may name the resource of each of these calls (Service Authorization Reference):
SES identities, the state machine of a task token, CodeBuild projects by their builds, schedules by
their group, parameters read in bulk, rules of the default bus as `rule/NAME`, runbooks, their
executions, documents of commands, auto scaling groups, and services, tasks and task definitions of
ECS, where MiniStack knows their cluster only.

MiniStack: checks these calls against `*`, or against another spelling, so that only a policy for
all resources lets them through.

Mend: the resource is worked out from the request.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from autoprovision.embedded.mends import task_tokens


@dataclass(frozen=True)
class _Request:
    """What a call says of itself."""

    operation: str
    path: tuple[str, ...]
    body: Mapping[str, Any]
    query: Mapping[str, Any]

    def first(self, *names: str) -> str:
        """The first value of a body field or query parameter with one of these names."""
        for name in names:
            value = self.body.get(name) or self.query.get(name)
            while isinstance(value, list) and value:
                value = value[0]
            if value and isinstance(value, str):
                return value
        return ""


def apply() -> None:
    """Work out the resources that MiniStack does not."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        finder = _FINDERS.get(service)
        if finder is not None:
            target = headers.get("x-amz-target", "").rpartition(".")[2]
            parts = tuple(part for part in path.split("/") if part)
            request = _Request(target or method, parts, _json(body), query)
            if found := finder(request):
                if found.startswith("document/AWS-"):
                    return f"arn:aws:{service}:{region}::{found}"
                return f"arn:aws:{service}:{region}:{account}:{found}"
        return str(extract(service, method, path, headers, body, query, region, account))

    iam_actions.extract_resource_arn = extract_resource_arn


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _email_identity(request: _Request) -> str:
    """The verified address of a mail's sender, or else its domain."""
    if request.path != ("v2", "email", "outbound-emails"):
        return ""
    from ministack.services import ses, ses_v2

    if arn := request.first("FromEmailAddressIdentityArn"):
        return arn.split(":", 5)[5]
    address = parseaddr(request.first("FromEmailAddress"))[1]
    own = address in ses._identities or address in ses_v2._identities
    known = address if own else address.rpartition("@")[2]
    return f"identity/{known}" if known else ""


def _state_machine(request: _Request) -> str:
    if not request.operation.startswith("SendTask"):
        return ""
    execution = task_tokens.execution_of(request.first("taskToken"))
    return f"stateMachine:{execution.split(':')[6]}" if execution else ""


def _build_project(request: _Request) -> str:
    build = request.first("ids", "id", "buildId")
    return f"project/{build.rpartition('/')[2].partition(':')[0]}" if ":" in build else ""


def _schedule(request: _Request) -> str:
    if request.path[:1] != ("schedules",) or len(request.path) < 2:
        return ""
    group = request.first("GroupName", "groupName") or "default"
    return f"schedule/{group}/{request.path[1]}"


def _of_systems_manager(request: _Request) -> str:
    if execution := request.first("AutomationExecutionId"):
        return f"automation-execution/{execution}"
    document = request.first("DocumentName")
    if request.operation == "StartAutomationExecution" and document:
        return f"automation-definition/{document}:{request.first('DocumentVersion') or '$DEFAULT'}"
    if request.operation == "SendCommand" and document:
        return f"document/{document}"
    return _parameter(request)


def _auto_scaling_group(request: _Request) -> str:
    from ministack.services import autoscaling

    group = autoscaling._asgs.get(request.first("AutoScalingGroupName"))
    return str(group["AutoScalingGroupARN"]).split(":", 5)[5] if group else ""


def _parameter(request: _Request) -> str:
    name = request.first("Names", "Path")
    return f"parameter/{name.strip('/')}" if name else ""


def _rule(request: _Request) -> str:
    name = request.first("Rule", "RuleName", "Name")
    bus = request.first("EventBusName").rpartition("/")[2] or "default"
    if not name or ("Rule" not in request.operation and "Targets" not in request.operation):
        return ""
    return f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}"


def _container_service(request: _Request) -> str:
    cluster = request.first("cluster").rpartition("/")[2] or "default"
    if request.operation == "RegisterTaskDefinition":
        return f"task-definition/{request.first('family')}:*"
    if request.operation in {"CreateService", "DeleteService", "DescribeServices", "UpdateService"}:
        name = request.first("service", "services", "serviceName").rpartition("/")[2]
        return f"service/{cluster}/{name}"
    if request.operation == "DescribeTasks":
        return f"task/{cluster}/{request.first('tasks').rpartition('/')[2]}"
    return ""


_FINDERS: dict[str, Callable[[_Request], str]] = {
    "ses": _email_identity,
    "states": _state_machine,
    "codebuild": _build_project,
    "scheduler": _schedule,
    "ssm": _of_systems_manager,
    "autoscaling": _auto_scaling_group,
    "events": _rule,
    "ecs": _container_service,
}
