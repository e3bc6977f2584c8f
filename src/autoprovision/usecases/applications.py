"""Applications: what lives, and what its people may do to it."""

from autoprovision.domain.actor import Actor, authorize, units_within
from autoprovision.domain.application import Application
from autoprovision.domain.errors import NotFoundError
from autoprovision.ports import Page, Platform


def show(actor: Actor, application_id: str, platform: Platform) -> Application:
    """An application. Raises NotFoundError when there is none within reach."""
    return within_reach(actor, "application.show", application_id, platform)


def within_reach(
    actor: Actor, operation: str, application_id: str, platform: Platform
) -> Application:
    """The application, if this person may do this to it.

    Raises:
        ForbiddenError: the role may not do this at all.
        NotFoundError: there is none, or it is not theirs: the same answer.
    """
    thing = f"application {application_id}"
    units_within(actor, operation)
    try:
        application = platform.records.application(application_id)
    except NotFoundError:
        raise NotFoundError(f"There is no {thing}.") from None
    authorize(actor, operation, unit=application.business_unit, thing=thing)
    return application


def list_applications(
    actor: Actor, platform: Platform, *, limit: int, after: str | None
) -> Page[Application]:
    """The applications within reach, newest first."""
    units = units_within(actor, "application.list")
    return platform.records.applications(units, limit=limit, after=after)
