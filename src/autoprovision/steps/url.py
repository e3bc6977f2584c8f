"""CheckUrl: the application answers at the URL that its stack gives. It changes nothing."""

from typing import Any

from autoprovision.domain.plan import CONTROL_PLANE_ONLY, CONTROL_PLANE_REASON
from autoprovision.domain.request import Request
from autoprovision.domain.stack import Stack
from autoprovision.ports import Platform
from autoprovision.steps.errors import StepRefusedError, UrlNotReadyError
from autoprovision.steps.request import wanted


def check_url(event: dict[str, Any], platform: Platform) -> dict[str, Any]:
    """Ask the URL once; the state asks again for some minutes.

    Of a plan that is control plane only nothing runs, so nothing is asked.

    Raises:
        CancelledError: somebody has asked to cancel the request.
        UrlNotReadyError: it does not answer, or not well.
    """
    request = wanted(event, platform)
    if request.plan is not None and request.plan.control_plane_only:
        return {"message": CONTROL_PLANE_ONLY}
    _, url = url_of(event["stackId"], platform)
    problem = platform.probe.check(url)
    if problem is not None:
        raise UrlNotReadyError(f"{url} does not answer well: {problem}")
    return {"message": f"{url} answers."}


def url_of(stack_id: str, platform: Platform) -> tuple[Stack, str]:
    """The stack and its output `Url`.

    Raises:
        StepRefusedError: the stack is gone, or its blueprint gives no URL.
    """
    stack = platform.stacks.find(stack_id)
    if stack is None:
        raise StepRefusedError("The stack is gone.", code="STACK_GONE")
    url = stack.outputs.get("Url")
    if not url:
        raise StepRefusedError("The blueprint's stack has no output Url.", code="NO_URL")
    return stack, url


def without_url(request: Request, stack: Stack) -> dict[str, Any] | None:
    """What is said of an application of which only the stack stands; None of all others."""
    if request.plan is None or not request.plan.control_plane_only:
        return None
    return {
        "message": f"The stack of {request.application_name} stands. {CONTROL_PLANE_ONLY}",
        "reason": CONTROL_PLANE_REASON,
        "request_reason": CONTROL_PLANE_REASON,
        "url": None,
        # An address that nobody answers at is not to be taken for one that works.
        "outputs": {name: value for name, value in stack.outputs.items() if name != "Url"},
    }
