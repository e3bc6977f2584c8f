"""ForgetSecrets: the repository's credentials go with what they were for."""

from typing import Any

from autoprovision.domain.request import Request, RequestStatus
from autoprovision.ports import Platform
from autoprovision.steps.request import application_of


def forget_replaced(request: Request, platform: Platform) -> None:
    """The credentials before an update are of no use once others have taken their place.

    Behind the pivot nothing is taken back, so no state of the workflow can insist on this: it is
    part of telling the outcome, which is done again until it is done.
    """
    if request.replaced_secret_arn and request.status is RequestStatus.SUCCEEDED:
        platform.secrets.forget(request.replaced_secret_arn)


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
