"""WebSocket APIs tell addresses that can be used, and call functions as every other service.

AWS: the endpoint of a WebSocket API is `wss://...`; `requestContext.domainName` is the host under
which a function sends to connections; what a function returns goes to the client only over a route
with a route response; a function that fails is told to the client as "Internal server error" (API
Gateway developer guide, "Working with WebSocket APIs").

MiniStack: gives `http://...` as the endpoint, and a domain name without the port it listens on;
runs the function past its log, its limits and its timeout; sends whatever it returns or raises.

Mend: the endpoint is `ws://...` (there is no TLS here), the domain name has the port, and functions
are run by Lambda.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import json
import os
from contextvars import ContextVar
from typing import Any

_ROUTE = 3  # position of the route among the arguments
_in_socket: ContextVar[bool] = ContextVar("embedded_in_websocket", default=False)


def apply() -> None:
    """Complete the addresses and send calls through Lambda."""
    from ministack.services import apigateway

    _complete_addresses(apigateway)
    _call_through_lambda()
    invoke = apigateway._invoke_ws_lambda

    async def invoke_and_hold_back(*arguments: Any, **options: Any) -> Any:
        token = _in_socket.set(True)
        try:
            answer = await invoke(*arguments, **options)
        finally:
            _in_socket.reset(token)
        api_id, route = arguments[0], arguments[_ROUTE]
        answers = apigateway._route_responses.get(api_id, {}).get(route.get("routeId"))
        if not isinstance(answer, dict) or answer.pop("failed", False) or answers:
            return answer
        return {key: value for key, value in answer.items() if key != "body"}

    apigateway._invoke_ws_lambda = invoke_and_hold_back


def _complete_addresses(apigateway: Any) -> None:
    context = apigateway._ws_request_context

    def context_with_port(*arguments: Any, **options: Any) -> Any:
        about = context(*arguments, **options)
        about["domainName"] = f"{about['domainName']}:{os.environ['GATEWAY_PORT']}"
        return about

    apigateway._ws_request_context = context_with_port
    apigateway._api_endpoint_scheme = lambda protocol: "ws" if protocol == "WEBSOCKET" else "http"


def _call_through_lambda() -> None:
    from ministack.core import lambda_runtime

    get_worker = lambda_runtime.get_or_create_worker

    def get_worker_or_lambda(name: str, config: Any, *arguments: Any, **options: Any) -> Any:
        if _in_socket.get():
            return _Function(name, config)
        return get_worker(name, config, *arguments, **options)

    lambda_runtime.get_or_create_worker = get_worker_or_lambda


class _Function:
    """A function in the place of the process that would run it."""

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self._name = name
        self._config = config

    def invoke(self, event: dict[str, Any], request_id: str) -> dict[str, Any]:
        """Call the function by Lambda: with its log, concurrency and timeout."""
        from ministack.services import lambda_svc

        token = _in_socket.set(False)
        try:
            known = lambda_svc._functions.get(self._name) or {}
            record = lambda_svc._execution_record_for_config(known, self._config)
            result = lambda_svc._execute_function(record, event)
        finally:
            _in_socket.reset(token)
        if result.get("error") or result.get("throttle"):
            body = {
                "message": "Internal server error",
                "connectionId": event["requestContext"]["connectionId"],
                "requestId": request_id,
            }
            answer = {"statusCode": 500, "body": json.dumps(body), "failed": True}
            return {"status": "ok", "result": answer}
        return {"status": "ok", "result": _object(result.get("body"))}


def _object(body: Any) -> dict[str, Any]:
    """What the function returned, if it is an object; anything else is no answer."""
    try:
        found = json.loads(body) if isinstance(body, str | bytes) else body
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
