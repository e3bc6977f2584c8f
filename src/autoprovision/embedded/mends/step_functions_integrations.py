"""Step Functions calls any service, with its role's permissions.

AWS: a state machine may call nearly every operation of every service as
`arn:aws:states:::aws-sdk:SERVICE:OPERATION`; parameters and results are named as in the SDK for
Java, errors `Service.SomeException` (`Service.ServiceException` if the model does not know them).
Every call, optimized integrations included, is made with the state machine's role (Step Functions
developer guide, "Integrating services" and "How Step Functions generates IAM policies").

MiniStack: knows a fixed table of services (no CloudFormation, SES v2, CodeBuild, Scheduler), and
calls them in-process with no credentials, so a permission that the role lacks is not missed.

Mend: the calls go through boto3 to MiniStack's own port, signed with the role's session; the calls
that stay in-process (functions, nested executions) are checked against the role first.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import json
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.sdk_names import exception_name, pascal_case
from autoprovision.embedded.sdk_shapes import (
    FieldRefused,
    Naming,
    first_letter_upper,
    named,
    sdk_name,
    to_api,
)

_STATES = "arn:aws:states:::"
_SERVICE_PRINCIPAL = "states.amazonaws.com"
# Where the SDK for Java's name of a service is not botocore's without its hyphens.
_BOTOCORE_NAMES = {
    "sfn": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "elasticloadbalancing": "elb",
    "elasticloadbalancingv2": "elbv2",
    "costexplorer": "ce",
    "databasemigration": "dms",
}
_BUILD_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class _Optimized:
    """An optimized integration: its operation, and the error names of its older SDK."""

    service: str
    operation: str
    prefix: str
    unmodelled: str


_OPTIMIZED = {
    "sqs:sendMessage": _Optimized("sqs", "SendMessage", "SQS", "AmazonSQSException"),
    "sns:publish": _Optimized("sns", "Publish", "SNS", "AmazonSNSException"),
    "events:putEvents": _Optimized(
        "events", "PutEvents", "EventBridge", "AmazonEventBridgeException"
    ),
    **{
        f"dynamodb:{name}": _Optimized(
            "dynamodb", first_letter_upper(name), "DynamoDB", "AmazonDynamoDBException"
        )
        for name in ("getItem", "putItem", "updateItem", "deleteItem")
    },
    **{
        f"codebuild:{name}": _Optimized(
            "codebuild", first_letter_upper(name), "CodeBuild", "AWSCodeBuildException"
        )
        for name in ("startBuild", "stopBuild", "batchGetBuilds")
    },
}


@dataclass(frozen=True)
class _Caller:
    """The execution whose task runs, and the session of its state machine's role."""

    execution_arn: str
    state_machine_arn: str
    region: str
    session: roles.RoleSession


_caller: ContextVar[_Caller | None] = ContextVar("embedded_states_caller", default=None)


def apply() -> None:
    """Send the calls of task states through their role."""
    from ministack.services import stepfunctions

    _remember_the_caller(stepfunctions)
    _replace_service_calls(stepfunctions)
    _check_in_process_calls(stepfunctions)


def _remember_the_caller(stepfunctions: Any) -> None:
    execute_task = stepfunctions._execute_task

    def execute_task_as_role(state: Any, raw_input: Any, execution: Any, context: Any) -> Any:
        token = _caller.set(_caller_of(stepfunctions, execution))
        try:
            return execute_task(state, raw_input, execution, context)
        finally:
            _caller.reset(token)

    stepfunctions._execute_task = execute_task_as_role


def _caller_of(stepfunctions: Any, execution: dict[str, Any]) -> _Caller:
    # A distributed Map's children name their state machine with the state's label behind a slash.
    machine_arn = execution["stateMachineArn"].partition("/")[0]
    machine = stepfunctions._state_machines[machine_arn]
    try:
        session = roles.assume(machine["roleArn"], _SERVICE_PRINCIPAL, machine["name"][:64])
    except roles.RoleNotAssumable as problem:
        raise stepfunctions._ExecutionError("States.Runtime", str(problem)) from problem
    region = machine_arn.split(":")[3]
    return _Caller(execution["executionArn"], machine_arn, region, session)


def _replace_service_calls(stepfunctions: Any) -> None:
    in_process = stepfunctions._invoke_aws_sdk_integration

    def invoke_sdk(resource: str, arguments: Any) -> Any:
        caller = _caller.get()
        if caller is None:  # TestState runs a state outside any execution.
            return in_process(resource, arguments)
        name = resource.replace(".waitForTaskToken", "").removeprefix(f"{_STATES}aws-sdk:")
        service, _, action = name.partition(":")
        return _call_sdk(stepfunctions._ExecutionError, caller, service, action, arguments)

    stepfunctions._invoke_aws_sdk_integration = invoke_sdk
    table = stepfunctions._SERVICE_DISPATCH
    for name, integration in _OPTIMIZED.items():
        prefix = f"{_STATES}{name}"
        table[prefix] = _optimized_call(stepfunctions, name, integration, table.get(prefix))


def _optimized_call(
    stepfunctions: Any, name: str, integration: _Optimized, in_process: Callable[..., Any] | None
) -> Callable[[str, Any], Any]:
    def invoke(resource: str, arguments: Any) -> Any:
        caller = _caller.get()
        if caller is None and in_process is not None:
            return in_process(resource, arguments)
        if caller is None:
            raise stepfunctions._ExecutionError("States.Runtime", f"{name} needs an execution")
        prepared = _with_sources(arguments, caller) if name == "events:putEvents" else arguments
        answer = _call_optimized(caller, integration, prepared)
        if name == "events:putEvents" and answer.get("FailedEntryCount"):
            raise stepfunctions._ExecutionError("EventBridge.FailedEntry", json.dumps(answer))
        if name == "codebuild:startBuild" and ".sync" in resource:
            return _await_build(stepfunctions._ExecutionError, caller, answer)
        return answer

    return invoke


def _with_sources(arguments: dict[str, Any], caller: _Caller) -> dict[str, Any]:
    """Name the execution and its state machine in each event's resources, as AWS does."""
    sources = [caller.state_machine_arn, caller.execution_arn]
    entries = [
        {**entry, "Resources": [*entry.get("Resources", []), *sources]}
        for entry in arguments.get("Entries", [])
    ]
    return {**arguments, "Entries": entries}


def _await_build(error: type[Exception], caller: _Caller, started: dict[str, Any]) -> Any:
    listing = _OPTIMIZED["codebuild:batchGetBuilds"]
    while True:
        found = _call_optimized(caller, listing, {"Ids": [started["Build"]["Id"]]})
        build = found["Builds"][0]
        if build["BuildStatus"] == "SUCCEEDED":
            return {"Build": build}
        if build["BuildStatus"] != "IN_PROGRESS":
            raise error("States.TaskFailed", json.dumps({"Build": build}))
        time.sleep(_BUILD_POLL_SECONDS)


def _call_sdk(
    error: type[Exception], caller: _Caller, service: str, action: str, arguments: Any
) -> Any:
    client = _sdk_client(error, service, caller.region)
    prefix = pascal_case(client.meta.service_model.service_id)
    naming = _Names(sdk_name, prefix, f"{prefix}Exception")
    return _call(caller, client, first_letter_upper(action), arguments, naming)


def _call_optimized(caller: _Caller, integration: _Optimized, arguments: Any) -> Any:
    client = roles.client(integration.service, caller.region)
    naming = _Names(first_letter_upper, integration.prefix, integration.unmodelled)
    return _call(caller, client, integration.operation, arguments, naming)


def _sdk_client(error: type[Exception], service: str, region: str) -> Any:
    from botocore.exceptions import UnknownServiceError

    known = _botocore_names()
    name = _BOTOCORE_NAMES.get(service) or known.get(service)
    try:
        client = roles.client(name, region) if name else None
    except UnknownServiceError:
        client = None
    if client is None or pascal_case(client.meta.service_model.service_id).lower() != service:
        raise error("States.Runtime", f"The service '{service}' is not one of Step Functions'")
    return client


def _botocore_names() -> dict[str, str]:
    return {name.replace("-", ""): name for name in roles.available_services()}


@dataclass(frozen=True)
class _Names:
    """How one kind of integration names members and errors."""

    member: Naming
    prefix: str
    unmodelled: str


def _call(caller: _Caller, client: Any, operation: str, arguments: Any, names: _Names) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from botocore.model import OperationNotFoundError
    from ministack.services.stepfunctions import _ExecutionError as Failed

    try:
        model = client.meta.service_model.operation_model(operation)
        parameters = (
            to_api(arguments or {}, model.input_shape, names.member) if model.input_shape else {}
        )
        with roles.acting_as(caller.session):
            answer = client._make_api_call(operation, parameters)
    except OperationNotFoundError as problem:
        raise Failed("States.Runtime", f"{names.prefix} has no operation {operation}") from problem
    except FieldRefused as problem:
        raise Failed("States.Runtime", str(problem)) from problem
    except ClientError as problem:
        raise Failed(_error_name(problem, model, names), _cause(problem, names)) from problem
    except ParamValidationError as problem:
        raise Failed(f"{names.prefix}.{names.unmodelled}", str(problem)) from problem
    except BotoCoreError as problem:
        raise Failed(f"{names.prefix}.SdkClientException", str(problem)) from problem
    return named(answer, model.output_shape, names.member)


def _error_name(problem: Any, model: Any, names: _Names) -> str:
    code = problem.response.get("Error", {}).get("Code", "")
    for shape in model.service_model.error_shapes:
        if code in {shape.error_code, shape.name}:
            modelled = exception_name(shape.name) if names.member is sdk_name else shape.name
            return f"{names.prefix}.{modelled}"
    return f"{names.prefix}.{names.unmodelled}"


def _cause(problem: Any, names: _Names) -> str:
    said = problem.response.get("Error", {}).get("Message", "")
    answer = problem.response.get("ResponseMetadata", {})
    return (
        f"{said} (Service: {names.prefix}, Status Code: {answer.get('HTTPStatusCode')}, "
        f"Request ID: {answer.get('RequestId')})"
    )


def _check_in_process_calls(stepfunctions: Any) -> None:
    call_lambda = stepfunctions._call_lambda

    def call_lambda_as_role(function: str, event: Any) -> Any:
        _require(
            stepfunctions,
            "lambda:InvokeFunction",
            _function_arn(function),
            "Lambda.AWSLambdaException",
        )
        return call_lambda(function, event)

    stepfunctions._call_lambda = call_lambda_as_role
    for name in ("_invoke_nested_start_execution", "_invoke_nested_start_execution_sync"):
        setattr(stepfunctions, name, _checked_start(stepfunctions, getattr(stepfunctions, name)))


def _checked_start(stepfunctions: Any, start: Callable[..., Any]) -> Callable[..., Any]:
    def start_as_role(resource: str, arguments: Any) -> Any:
        machine = arguments.get("StateMachineArn") or arguments.get("stateMachineArn") or ""
        _require(
            stepfunctions,
            "states:StartExecution",
            machine,
            "StepFunctions.AWSStepFunctionsException",
        )
        return start(resource, arguments)

    return start_as_role


def _function_arn(function: str) -> str:
    """The ARN of a function given by name, partial or full ARN."""
    if function.startswith("arn:"):
        return function
    from ministack.core.responses import get_account_id, get_region

    name = function.rpartition("function:")[2]
    return f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"


def _require(stepfunctions: Any, action: str, resource: str, error_name: str) -> None:
    caller = _caller.get()
    if caller is None:
        return
    denied = roles.denial(caller.session, action, resource, caller.region)
    if denied is not None:
        raise stepfunctions._ExecutionError(error_name, denied)
