"""Systems Manager runs runbooks.

AWS: StartAutomationExecution runs a document of the type Automation with the role that it assumes,
once for each client token, and takes values of 512 characters, 50 of a parameter, and no more; its
executions are read, listed and stopped, and EventBridge is told of them (Systems Manager user
guide, "AWS Systems Manager Automation", and API reference). CloudFormation makes
`AWS::SSM::Document`.

MiniStack: has no automations and no documents.

Mend: they are kept, and run in `runbooks/`.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import contextvars
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from autoprovision.embedded import event_delivery
from autoprovision.embedded.mends.cloudformation_roles import caller_key
from autoprovision.embedded.runbooks.automation import SERVICE, Execution, Runner
from autoprovision.embedded.runbooks.documents import (
    Document,
    InvalidDocument,
    OutOfBounds,
    check_bounds,
    parameters_of,
    read,
)
from autoprovision.embedded.runbooks.operations import Refused, answer_also

_TYPE = "AWS::SSM::Document"
_MOST_IDS = 50
_documents: dict[str, Document] = {}
_executions: dict[str, Execution] = {}
_tokens: dict[str, tuple[dict[str, Any], str]] = {}
_lock = threading.Lock()


def apply() -> None:
    """Answer the operations, and make the resource."""
    from ministack.services.cloudformation import provisioners

    answer_also(_OPERATIONS)
    provisioners._RESOURCE_HANDLERS[_TYPE] = {
        "create": _provision, "delete": _remove, "update": _change,
    }  # fmt: skip


# Documents


def _provision(_logical_id: str, properties: dict[str, Any], _stack: str) -> Any:
    name = str(properties.get("Name") or "")
    if not name:
        raise ValueError("The embedded AWS makes documents with a Name only")
    if name in _documents:
        raise ValueError(f"Document with name {name} already exists")
    _keep(name, properties)
    return name, {}


def _change(name: str, old: dict[str, Any], new: dict[str, Any], _stack: str) -> Any:
    if old.get("Name") != new.get("Name"):
        return _provision("", new, "")
    if new.get("UpdateMethod") != "NewVersion" and old.get("Content") != new.get("Content"):
        raise ValueError("A document changes its content with the UpdateMethod NewVersion only")
    if old.get("Content") != new.get("Content"):
        _keep(name, new)
    return name, {}


def _keep(name: str, properties: dict[str, Any]) -> None:
    kind = str(properties.get("DocumentType", "Command"))
    try:
        content = read(name, kind, properties.get("Content"))
    except InvalidDocument as problem:
        raise ValueError(f"InvalidDocumentContent: {problem}") from problem
    known = _documents.setdefault(name, Document(name, kind, []))
    known.contents.append(content)


def _remove(name: str, _properties: dict[str, Any]) -> None:
    _documents.pop(name, None)


def _get_document(request: dict[str, Any]) -> dict[str, Any]:
    found = _document(str(request.get("Name", "")), "InvalidDocument")
    version = str(request.get("DocumentVersion") or "")
    return {
        "Name": found.name, "DocumentVersion": version or str(found.newest),
        "Status": "Active", "DocumentType": found.kind, "DocumentFormat": "JSON",
        "Content": json.dumps(found.content(version)),
    }  # fmt: skip


def _document(name: str, error: str) -> Document:
    if name not in _documents:
        raise Refused(error, f"Document {name} does not exist in your account")
    return _documents[name]


# Automations


def _start(request: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, list[str]] = request.get("Parameters") or {}
    found, content, values = _to_run(request, given)
    role = str(values.get("AutomationAssumeRole") or "")
    if role:
        _must_pass(role)
    token = str(request.get("ClientToken") or "").lower()
    with _lock:
        if token in _tokens:
            earlier, execution_id = _tokens[token]
            if earlier != request:
                raise Refused(
                    "IdempotentParameterMismatch",
                    "The client token was used with other parameters",
                )
            return {"AutomationExecutionId": execution_id}
        execution = _execution(found, content, given, values)
        if token:
            _tokens[token] = (request, execution.id)
    _run(execution)
    return {"AutomationExecutionId": execution.id}


def _to_run(
    request: dict[str, Any], given: dict[str, list[str]]
) -> tuple[Document, dict[str, Any], dict[str, Any]]:
    """The document, its content in the version that is asked for, and what it runs with."""
    try:
        check_bounds(given)
    except OutOfBounds as problem:
        raise Refused("ValidationException", str(problem)) from None
    found = _document(str(request.get("DocumentName", "")), "AutomationDefinitionNotFoundException")
    version = str(request.get("DocumentVersion") or "$DEFAULT")
    try:
        content = found.content(version)
        return found, content, parameters_of(content, given)
    except KeyError:
        raise Refused(
            "AutomationDefinitionVersionNotFoundException", f"There is no version {version}"
        ) from None
    except InvalidDocument as problem:
        raise Refused("InvalidAutomationExecutionParametersException", str(problem)) from None


def _must_pass(role: str) -> None:
    from ministack.core import iam_evaluator
    from ministack.core.responses import get_region

    denied = iam_evaluator.enforce(
        caller_key(), "iam:PassRole", "iam", get_region(), resource_arn=role,
        service_context={"iam:PassedToService": SERVICE},
    )  # fmt: skip
    if denied is not None:
        raise Refused(
            "AccessDeniedException",
            f"User: {getattr(denied, 'principal_arn', '')} is not authorized to perform: "
            f"iam:PassRole on resource: {role}",
        )


def _execution(
    found: Document, content: dict[str, Any], given: dict[str, list[str]], values: dict[str, Any]
) -> Execution:
    from ministack.core.responses import get_account_id, get_region, new_uuid

    execution_id = new_uuid()
    system = {
        "automation:EXECUTION_ID": execution_id,
        "global:ACCOUNT_ID": get_account_id(),
        "global:REGION": get_region(),
        "global:AWS_PARTITION": "aws",
    }
    execution = Execution(
        execution_id, found.name, str(found.newest), content, given, {**values, **system},
        f"arn:aws:iam::{get_account_id()}:user/embedded", time.time(),
    )  # fmt: skip
    _executions[execution_id] = execution
    return execution


def _run(execution: Execution) -> None:
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(Runner(execution, _tell).run,), daemon=True,
        name=f"embedded-automation-{execution.id[:8]}",
    ).start()  # fmt: skip


def _tell(execution: Execution) -> None:
    from ministack.core.responses import get_account_id, get_region

    ended = execution.ended_at
    detail = {
        "ExecutionId": execution.id,
        "Definition": execution.document,
        "DefinitionVersion": execution.version,
        "Status": execution.status,
        "StartTime": _moment(execution.started_at),
        "EndTime": _moment(ended) if ended else "",
        "ExecutedBy": execution.started_by,
    }
    arn = f"arn:aws:ssm:{get_region()}:{get_account_id()}:automation-execution/{execution.id}"
    kind = "EC2 Automation Execution Status-change Notification"
    event_delivery.send("aws.ssm", kind, detail, arn)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%b %d, %Y %I:%M:%S %p UTC")


def _found(request: dict[str, Any]) -> Execution:
    name = str(request.get("AutomationExecutionId", ""))
    if name not in _executions:
        raise Refused(
            "AutomationExecutionNotFoundException",
            f"Automation execution with execution ID {name} is not found.",
        )
    return _executions[name]


def _get(request: dict[str, Any]) -> dict[str, Any]:
    execution = _found(request)
    shown = _metadata(execution) | {
        "StepExecutions": [dict(step) for step in list(execution.steps)],
        "StepExecutionsTruncated": False,
        "Parameters": execution.given,
    }
    return {"AutomationExecution": shown}


def _metadata(execution: Execution) -> dict[str, Any]:
    shown = {
        "AutomationExecutionId": execution.id,
        "DocumentName": execution.document,
        "DocumentVersion": execution.version,
        "AutomationExecutionStatus": execution.status,
        "ExecutionStartTime": execution.started_at,
        "ExecutedBy": execution.started_by,
        "Mode": "Auto",
        "FailureMessage": execution.failure,
    }
    return shown | ({"ExecutionEndTime": execution.ended_at} if execution.is_over else {})


def _describe(request: dict[str, Any]) -> dict[str, Any]:
    found = list(_executions.values())
    for one in request.get("Filters") or []:
        keep = _FILTERS.get(one["Key"])
        if keep is None:
            raise Refused("InvalidFilterKey", f"The embedded AWS has no filter {one['Key']}")
        found = [execution for execution in found if keep(execution, list(one["Values"]))]
    found.sort(key=lambda execution: execution.started_at, reverse=True)
    start, size = int(request.get("NextToken") or 0), int(request.get("MaxResults") or _MOST_IDS)
    page: dict[str, Any] = {
        "AutomationExecutionMetadataList": [_metadata(one) for one in found[start : start + size]]
    }
    return page | ({"NextToken": str(start + size)} if start + size < len(found) else {})


def _is_after(execution: Execution, values: list[str]) -> bool:
    # A second's fraction does not count.
    moment = datetime.strptime(values[0], "%Y-%m-%dT%H:%M:%S%z")
    return int(execution.started_at) >= int(moment.timestamp())


_FILTERS: dict[str, Callable[[Execution, list[str]], bool]] = {
    "DocumentNamePrefix": lambda one, values: one.document.startswith(tuple(values)),
    "ExecutionStatus": lambda one, values: one.status in values,
    "ExecutionId": lambda one, values: one.id in values,
    "StartTimeAfter": _is_after,
}


def _stop(request: dict[str, Any]) -> dict[str, Any]:
    execution = _found(request)
    if execution.is_over:
        raise Refused(
            "InvalidAutomationStatusUpdateException",
            f"The execution {execution.id} has ended and cannot be stopped",
        )
    execution.status = "Cancelling"
    execution.stop.set()
    return {}


_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "GetDocument": _get_document,
    "StartAutomationExecution": _start,
    "GetAutomationExecution": _get,
    "DescribeAutomationExecutions": _describe,
    "StopAutomationExecution": _stop,
}
