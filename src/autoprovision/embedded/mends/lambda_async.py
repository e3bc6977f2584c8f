"""Asynchronous invocations are retried, and their ends are told, as by Lambda.

AWS: a failed event is retried as often as the function's event invoke config says (twice by
default); its end goes to the OnSuccess or OnFailure destination as an invocation record with the
real count of attempts, and the unchanged event, with the error in message attributes, to the
dead-letter queue; both are sent with the function's role (Lambda developer guide, "Capturing
records of Lambda asynchronous invocations").

MiniStack: tells only failures, always of three attempts, sends the record to a dead-letter queue
too, and asks no role.

Mend: the retry loop is replaced; what it sends goes through boto3 with the role's session.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import contextvars
import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autoprovision.embedded import roles

_DEFAULT_RETRIES = 2
_LONGEST_ERROR = 1024


@dataclass(frozen=True)
class _End:
    """How an asynchronous invocation ended."""

    request_id: str
    event: Any
    attempts: int
    result: dict[str, Any]

    @property
    def failed(self) -> bool:
        return bool(self.result.get("error"))


def apply() -> None:
    """Replace the retry loop of asynchronous invocations."""
    from ministack.services import lambda_svc

    def invoke_async_with_retry(function: dict[str, Any], event: Any) -> None:
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(_run, lambda_svc, function, event), daemon=True
        ).start()

    lambda_svc.invoke_async_with_retry = invoke_async_with_retry


def _run(lambda_svc: Any, function: dict[str, Any], event: Any) -> None:
    configuration = function.get("config") or function
    account, region = lambda_svc._account_region_from_function_config(configuration)
    lambda_svc._request_account_id.set(account)
    lambda_svc._request_region.set(region)
    settings = _settings(lambda_svc, function, configuration)
    end = _attempts(lambda_svc, function, event, settings)
    destination = "OnFailure" if end.failed else "OnSuccess"
    target = ((settings.get("DestinationConfig") or {}).get(destination) or {}).get("Destination")
    dead_letters = (configuration.get("DeadLetterConfig") or {}).get("TargetArn")
    try:
        if target:
            _send(configuration, region, target, json.dumps(_record(configuration, end)), {})
        if dead_letters and end.failed:
            _send(configuration, region, dead_letters, json.dumps(event), _error(end))
    except Exception:
        # As on AWS, the event is lost with a trace of why.
        lambda_svc.logger.exception("The end of an asynchronous invocation could not be told")


def _settings(
    lambda_svc: Any, function: dict[str, Any], configuration: dict[str, Any]
) -> dict[str, Any]:
    """The event invoke config, looked up anew: the caller's record may be a copy without it."""
    record = lambda_svc._functions.get(configuration["FunctionName"]) or function
    configs = record.get("event_invoke_configs") or {}
    version = configuration.get("Version", "$LATEST")
    return configs.get(version) or configs.get("") or {}


def _attempts(
    lambda_svc: Any, function: dict[str, Any], event: Any, settings: dict[str, Any]
) -> _End:
    retries = settings.get("MaximumRetryAttempts", _DEFAULT_RETRIES)
    oldest = time.monotonic() + float(settings.get("MaximumEventAgeInSeconds", 21600))
    attempt = 0
    while True:
        attempt += 1
        result = lambda_svc._execute_function(function, event)
        delay = min(
            lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2 ** (attempt - 1),
            lambda_svc._LAMBDA_ASYNC_RETRY_MAX_SECONDS,
        )
        too_old = time.monotonic() + delay > oldest
        if not result.get("error") or attempt > retries or too_old:
            return _End(lambda_svc.new_uuid(), event, attempt, result)
        time.sleep(delay)


def _record(configuration: dict[str, Any], end: _End) -> dict[str, Any]:
    context = {"statusCode": 200, "executedVersion": configuration.get("Version", "$LATEST")}
    if end.failed:
        context["functionError"] = end.result.get("function_error") or "Unhandled"
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": end.request_id,
            "functionArn": f"{configuration['FunctionArn']}:{context['executedVersion']}",
            "condition": "RetriesExhausted" if end.failed else "Success",
            "approximateInvokeCount": end.attempts,
        },
        "requestPayload": end.event,
        "responseContext": context,
        "responsePayload": _payload(end.result.get("body")),
    }


def _payload(body: Any) -> Any:
    try:
        return json.loads(body) if isinstance(body, str | bytes) else body
    except ValueError:
        return body.decode("utf-8", "replace") if isinstance(body, bytes) else body


def _error(end: _End) -> dict[str, str]:
    body = _payload(end.result.get("body"))
    message = body.get("errorMessage", "") if isinstance(body, dict) else str(body)
    return {
        "RequestID": end.request_id,
        "ErrorCode": "200",
        "ErrorMessage": message[:_LONGEST_ERROR] or "Unhandled",
    }


def _send(
    configuration: dict[str, Any], region: str, target: str, text: str, notes: dict[str, str]
) -> None:
    session = roles.assume(
        configuration["Role"], "lambda.amazonaws.com", configuration["FunctionName"][:64]
    )
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in notes.items()}
    service = target.split(":")[2]
    with roles.acting_as(session):
        client = roles.client(service, region)
        if service == "sqs":
            # Built, not asked for: the role needs sqs:SendMessage only.
            account, name = target.split(":")[4:6]
            url = f"{client.meta.endpoint_url}/{account}/{name}"
            client.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)
        elif service == "sns":
            client.publish(TopicArn=target, Message=text, MessageAttributes=attributes)
        elif service == "lambda":
            client.invoke(FunctionName=target, InvocationType="Event", Payload=text.encode())
        else:
            client.put_events(Entries=[_bus_entry(configuration, target, text)])


def _bus_entry(configuration: dict[str, Any], target: str, text: str) -> dict[str, Any]:
    record = json.loads(text)
    outcome = "Failure" if "functionError" in record["responseContext"] else "Success"
    return {
        "EventBusName": target,
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
        "Resources": [configuration["FunctionArn"]],
        "Detail": text,
    }
