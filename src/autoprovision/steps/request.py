"""How every step begins: the request as it stands now, and whether it is still wanted."""

from autoprovision.domain.application import Application
from autoprovision.domain.request import Request
from autoprovision.ports import Platform
from autoprovision.steps.errors import CancelledError, StepRefusedError


def wanted(event: dict[str, str], platform: Platform) -> Request:
    """The request of a step that goes forward.

    Raises:
        CancelledError: somebody has asked to cancel it.
        NotFoundError: there is no such request.
    """
    request = platform.records.request(event["requestId"])
    if request.cancel_requested_by:
        raise CancelledError("The request was cancelled.")
    return request


def application_of(request: Request, platform: Platform) -> Application:
    """The application that a request makes or changes.

    Raises:
        StepRefusedError: the request has none, which admission does not let happen.
    """
    if request.application_id is None:
        raise StepRefusedError("The request has no application.", code="NO_APPLICATION")
    return platform.records.application(request.application_id)
