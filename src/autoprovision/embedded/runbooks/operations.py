"""How Systems Manager's operations that are played here are answered beside MiniStack's own."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class Refused(Exception):  # noqa: N818
    """An error as AWS names it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer_also(operations: Mapping[str, Operation]) -> None:
    """Let Systems Manager answer these, in place of what MiniStack would say."""
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import ssm

    handle = ssm.handle_request

    async def handle_request(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        own = operations.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if own is None:
            return await handle(method, path, headers, body, query)
        try:
            return json_response(own(json.loads(body) if body else {}))
        except Refused as refused:
            return error_response_json(refused.code, str(refused), 400)

    ssm.handle_request = handle_request
