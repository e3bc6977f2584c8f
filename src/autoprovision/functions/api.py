"""The API: authenticate, find the operation, run it once, shape the answer."""

import base64
import hashlib
import json
from importlib import resources
from typing import Any

from aws_lambda_powertools import Logger

from autoprovision import __version__
from autoprovision.bootstrap import platform
from autoprovision.domain.actor import Actor
from autoprovision.domain.document import pointer
from autoprovision.domain.errors import (
    AutoprovisionError,
    ConflictError,
    Fault,
    InvalidInputError,
    NotAuthenticatedError,
    NotFoundError,
)
from autoprovision.domain.identifiers import new_id
from autoprovision.functions import problems
from autoprovision.functions.call import Answer, Call
from autoprovision.functions.routes import OPERATIONS, Operation
from autoprovision.ports import Platform
from autoprovision.usecases import second_factor

logger = Logger(service="api")
_LONGEST_KEY = 255
_LONGEST_NAME = 256
# The parts of a query that name something.
_NAMES = ("unit", "email")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point for API Gateway's HTTP API, payload format 2.0."""
    correlation = event["requestContext"].get("requestId", "")
    route = event["routeKey"]
    try:
        outside = platform()
        answer = _public(route, outside) or _answer(event, route, outside)
    except AutoprovisionError as error:
        answer = problems.answer(error)
    except Exception:
        logger.exception("unexpected", extra={"route": route, "correlation": correlation})
        answer = problems.unexpected(correlation)
    logger.info(
        "answered",
        extra={"route": route, "status": answer.status, "correlation": correlation},
    )
    return _response(answer)


def _public(route: str, outside: Platform) -> Answer | None:
    if route == "GET /health":
        settings = outside.settings
        sign_in = {"region": settings.region, "clientId": settings.client_id}
        return Answer(200, {"status": "ok", "version": __version__, "signIn": sign_in})
    if route == "GET /openapi.json":
        text = resources.files("autoprovision").joinpath("openapi.json").read_text("utf-8")
        return Answer(200, json.loads(text))
    return None


def _answer(event: dict[str, Any], route: str, outside: Platform) -> Answer:
    actor = authenticate(event["requestContext"], outside)
    operation = OPERATIONS.get(route)
    if operation is None:
        raise NotFoundError(f"There is no {route}.")
    key = event.get("headers", {}).get("idempotency-key")
    if key and operation.repeatable:
        return _once(event, route, operation, actor, outside)
    return operation.run(_call(event, actor, outside, new_id("op").removeprefix("op_")))


def authenticate(context: dict[str, Any], outside: Platform) -> Actor:
    """Who calls. API Gateway has checked signature, issuer, expiry and client; the rest is ours.

    Raises:
        NotAuthenticatedError: not an access token of our client, or nobody known and active.
    """
    claims = context.get("authorizer", {}).get("jwt", {}).get("claims", {})
    if claims.get("token_use") != "access":
        raise NotAuthenticatedError("Send an access token, not another kind of token.")
    if claims.get("client_id") != outside.settings.client_id:
        raise NotAuthenticatedError("This token was issued for another application.")
    user = outside.users.get(str(claims.get("sub", "")))
    if user is None or user.status != "ACTIVE":
        raise NotAuthenticatedError("Nobody with this token is known and active here.")
    signed_in_at = int(float(claims.get("auth_time", 0)))
    return user.actor(second_factor.standing(user, signed_in_at, outside))


def _call(event: dict[str, Any], actor: Actor, outside: Platform, operation_id: str) -> Call:
    path = event.get("pathParameters") or {}
    asked = event.get("queryStringParameters") or {}
    query = {name: text for name, text in asked.items() if text}
    _refuse_long_names(path, query)
    return Call(
        actor=actor, platform=outside, path=path, query=query, body=_body(event),
        operation_id=operation_id,
    )  # fmt: skip


def _refuse_long_names(path: dict[str, str], query: dict[str, str]) -> None:
    """Nothing here is named that long, and DynamoDB refuses keys that are."""
    if any(len(text) > _LONGEST_NAME for text in path.values()):
        raise NotFoundError("Nothing here has a name that long.")
    faults = [
        Fault(pointer(name), f"{name} has at most {_LONGEST_NAME} characters.")
        for name in _NAMES
        if len(query.get(name, "")) > _LONGEST_NAME
    ]
    if faults:
        raise InvalidInputError(faults)


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(text).encode("utf-8", "surrogatepass")
    return base64.b64decode(text)


def _once(
    event: dict[str, Any], route: str, operation: Operation, actor: Actor, outside: Platform
) -> Answer:
    """Run under the Idempotency-Key: the same key and body get the same answer."""
    key = _idempotency_key(event["headers"]["idempotency-key"], actor)
    content = f"{route}\n{event.get('rawPath', '')}\n".encode() + _body(event)
    begun = outside.idempotency.begin(key, hashlib.sha256(content).hexdigest())
    if begun.state == "running":
        raise ConflictError(
            "A request with this Idempotency-Key is being worked on.", code="IN_PROGRESS"
        )
    if begun.state == "done" and begun.answer is not None:
        return Answer(**begun.answer)
    try:
        answer = operation.run(_call(event, actor, outside, begun.operation_id))
    except AutoprovisionError:
        # Refused means nothing was kept, so the key is free again.
        outside.idempotency.finish(key, None)
        raise
    stored = {"status": answer.status, "body": answer.body, "headers": dict(answer.headers)}
    outside.idempotency.finish(key, stored)
    return answer


def _idempotency_key(text: str, actor: Actor) -> str:
    if len(text) > _LONGEST_KEY or not text.isprintable():
        raise InvalidInputError(
            [Fault("", f"An Idempotency-Key has 1 to {_LONGEST_KEY} printable characters.")]
        )
    return f"{actor.id}#{text}"


def _response(answer: Answer) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    return {"statusCode": answer.status, "headers": headers, "body": body}
