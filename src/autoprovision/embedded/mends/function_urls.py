"""A function's URL is one that can be fetched.

AWS: `https://<id>.lambda-url.<region>.on.aws/` (Lambda developer guide, "Lambda function URLs").

MiniStack: gives that address, where nothing of this machine listens.

Mend: `http://<id>.lambda-url.<region>.localhost:PORT/`.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import os
from typing import Any

_CREATED = 201
_SUFFIX = ".on.aws/"


def apply() -> None:
    """Give URLs their local address."""
    from ministack.core.responses import json_response
    from ministack.services import lambda_svc

    local = f".{os.environ['MINISTACK_HOST']}:{os.environ['GATEWAY_PORT']}/"
    create = lambda_svc._create_function_url_config

    def create_local(name: str, data: dict[str, Any], qualifier: str | None) -> Any:
        answer = create(name, data, qualifier)
        if answer[0] != _CREATED:
            return answer
        config = lambda_svc._function_urls[lambda_svc._url_config_key(name, qualifier)]
        address = config["FunctionUrl"].removesuffix(_SUFFIX).removeprefix("https://")
        config["FunctionUrl"] = f"http://{address}{local}"
        return json_response(config, status=_CREATED)

    lambda_svc._create_function_url_config = create_local
