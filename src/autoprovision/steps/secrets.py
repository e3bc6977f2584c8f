"""ForgetSecrets: the repository's credentials go with what they were for."""

from typing import Any

from autoprovision.ports import Platform
from autoprovision.steps.request import application_of


def forget_secrets(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Delete the credentials that the request brought, or those of what it terminates."""
    request = platform.records.request(event["requestId"])
    arn = request.secret_arn
    if arn is None and request.kind == "terminate":
        arn = application_of(request, platform).secret_arn
    if arn is None:
        return {"message": "There were no credentials."}
    platform.secrets.forget(arn)
    return {"message": "The credentials are deleted."}
