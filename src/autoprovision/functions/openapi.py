"""The OpenAPI 3.1 document, generated from the table of operations and the models that validate.

No handler imports this: `make openapi` writes `openapi.json` beside the package, a test holds the
committed file against it, and the API serves the file.
"""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import autoprovision
from autoprovision.domain.actor import AUTHORIZATION, Role
from autoprovision.domain.application import Application
from autoprovision.domain.approval import ApprovalStatus
from autoprovision.domain.finding import Finding
from autoprovision.domain.plan import Plan
from autoprovision.domain.request import Request, RequestTemplate
from autoprovision.domain.timeline import TimelineEvent
from autoprovision.domain.user import User
from autoprovision.functions import problems
from autoprovision.functions.routes import OPERATIONS, PUBLIC, Operation

_HIDDEN = {
    "Request": {
        "secretArn",
        "replacedSecretArn",
        "lastGood",
        "submittedById",
        "execution",
        "facts",
    },
    "Application": {
        "secretArn",
        "ownerId",
        "versionNumber",
        "template",
        "expiryReminders",
        "driftDetection",
    },
    "Plan": {"templateUrl", "roleArn"},
    "Finding": {"version"},
}
_ANSWERS: dict[str, type[BaseModel]] = {
    "Request": Request, "Application": Application, "Plan": Plan, "User": User,
    "TimelineEvent": TimelineEvent, "Finding": Finding,
}  # fmt: skip
_TITLES = {status: title for _, status, title in problems.STATUS} | {
    413: "The body is too large",
    500: "Internal error",
}
_ALWAYS = (400, 401, 403, 404, 429, 500, 503)


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in OPERATIONS.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(route, operation)
    for route in PUBLIC:
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _public(path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "autoprovision",
            "version": _version(),
            "summary": "Self-service provisioning of web applications on AWS.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"accessToken": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "accessToken": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "A Cognito access token of the platform's app client.",
                }
            },
        },
    }  # fmt: skip


def request_schema() -> dict[str, Any]:
    """The JSON template's own JSON Schema (2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RequestTemplate.model_json_schema(),
    }


def _version() -> str:
    return autoprovision.__version__


def _schemas() -> dict[str, Any]:
    taken = {one.body for one in OPERATIONS.values() if one.body} | {RequestTemplate}
    _, taken_schemas = models_json_schema(
        sorted(((model, "validation") for model in taken), key=lambda pair: pair[0].__name__),
        ref_template="#/components/schemas/{model}",
    )
    _, shown_schemas = models_json_schema(
        [(model, "serialization") for model in _ANSWERS.values()],
        ref_template="#/components/schemas/{model}", by_alias=True,
    )  # fmt: skip
    schemas = {**taken_schemas["$defs"], **shown_schemas["$defs"]}
    for name, hidden in _HIDDEN.items():
        schema = schemas[name]
        schema["properties"] = {k: v for k, v in schema["properties"].items() if k not in hidden}
        schema["required"] = [k for k in schema.get("required", []) if k not in hidden]
    del schemas["LastGood"]  # only what is hidden has it
    schemas["Problem"] = _problem()
    schemas["Approval"] = _approval()
    return dict(sorted(schemas.items()))


def _approval() -> dict[str, Any]:
    """An approval as `usecases.approvals` shows it: the question, and what it is about."""
    text, maybe = {"type": "string"}, {"type": ["string", "null"]}
    always = {
        "requestId": text, "status": {"enum": [one.value for one in ApprovalStatus]},
        "planDigest": text, "question": text, "businessUnit": text, "submittedBy": text,
        "submittedAt": text, "openedAt": text, "expiresAt": text,
        "approversNeeded": {"enum": [1, 2]}, "approversMissing": {"type": "integer"},
        "round": {"type": "integer"}, "applicationName": text, "targetEnvironment": text,
        "decisions": {"type": "array", "items": {"type": "object"}},
        "plan": {"anyOf": [_ref("Plan"), {"type": "null"}]},
        "preview": {
            "description": "Of an update: what becomes of the stack. The plan's digest covers it.",
            "anyOf": [_ref("Preview"), {"type": "null"}],
        },
    }  # fmt: skip
    at_times = {
        "projectType": maybe, "techStack": maybe, "projectUrl": maybe, "operation": maybe,
        "operationParameters": {"type": ["object", "null"]}, "closedAt": text, "closedBy": text,
        "closedBecause": text, "escalatedAt": text, "remindersSent": {"type": "integer"},
    }  # fmt: skip
    return {
        "type": "object",
        "description": "The question whether a plan may be carried out, and the decisions on it.",
        "properties": {**always, **at_times},
        "required": list(always),
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "Problem details, RFC 9457.",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": text, "title": text, "status": {"type": "integer"}, "detail": text,
            "code": text,
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail", "code"],
                    "properties": {"pointer": text, "detail": text, "code": text},
                },
            },
        },
    }  # fmt: skip


def _operation(route: str, operation: Operation) -> dict[str, Any]:
    refusals = sorted({*_ALWAYS, *operation.refusals})
    scopes = dict(zip(Role, AUTHORIZATION[operation.name], strict=True))
    described: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": operation.summary,
        "description": "Reach by role: "
        + "; ".join(f"{role}: {scope}" for role, scope in scopes.items())
        + ".",
        "tags": [operation.name.split(".")[0]],
        "parameters": _parameters(route, operation),
        "responses": {
            str(operation.status): _success(operation),
            **{str(status): _refusal(status) for status in refusals},
        },
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{operation.body.__name__}"}
                }
            },
        }
    return described


def _operation_id(route: str) -> str:
    method, path = route.split(" ")
    words = re.findall(r"[A-Za-z]+", path)
    return method.lower() + "".join(word[0].upper() + word[1:] for word in words)


def _parameters(route: str, operation: Operation) -> list[dict[str, Any]]:
    def parameter(name: str, place: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
        return {
            "name": name, "in": place, "required": place == "path", "schema": schema,
            "description": text,
        }  # fmt: skip

    text = {"type": "string"}
    found = [parameter(name, "path", text, name) for name in re.findall(r"\{(\w+)\}", route)]
    if operation.paged:
        size = {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}
        found.append(parameter("limit", "query", size, "Items a page."))
        found.append(parameter("cursor", "query", text, "`next` of the page before."))
    if operation.repeatable:
        key = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append(
            parameter("Idempotency-Key", "header", key,
                      "The same key and body get the same answer; another body gets 422.")
        )  # fmt: skip
    return found


def _success(operation: Operation) -> dict[str, Any]:
    schema: dict[str, Any] = (
        {"$ref": f"#/components/schemas/{operation.answer}"}
        if operation.answer != "object"
        else {"type": "object"}
    )
    if operation.paged:
        schema = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": schema},
                "next": {"type": ["string", "null"]},
            },
        }
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": _TITLES.get(status, "Refused"),
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }


def _public(path: str) -> dict[str, Any]:
    return {
        "operationId": "get" + path.strip("/").split(".")[0].capitalize(),
        "summary": {"/health": "Is the API there?"}.get(path, "This document"),
        "security": [],
        "tags": ["platform"],
        "responses": {
            "200": {
                "description": "Done.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def committed() -> Path:
    """Where the committed document stands."""
    return Path(str(resources.files("autoprovision").joinpath("openapi.json")))


if __name__ == "__main__":
    committed().write_text(text(), encoding="utf-8")
