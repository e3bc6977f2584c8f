"""Ways through the workflow `terminate`."""

from typing import Any

from tests.certify.engine import FaultyEngine
from tests.certify.scenarios.common import (
    EVERYWHERE,
    TWICE,
    UP,
    Arrange,
    Scenario,
    World,
    broken,
    deletions,
    nothing,
)
from tests.workflow.world import ADA

from autoprovision.domain.request import Request
from autoprovision.usecases import terminations

_SECOND = "req_01je0000000000000000000000"


def _terminate(world: World, engine: FaultyEngine, environment: str) -> Request:
    application = next(iter(world.records.applications(None, limit=1).items))
    actor = world.users.by_email(ADA).actor()
    return terminations.terminate(actor, application.id, world, request_id=_SECOND)


def _termination(name: str, arrange: Arrange, **more: Any) -> Scenario:
    return Scenario("terminate", name, UP, arrange, begin=_terminate, live=True, **more)


TERMINATE: tuple[Scenario, ...] = (
    _termination("gone", nothing, on=EVERYWHERE),
    _termination("deletion fails twice", deletions(*TWICE)),
    _termination("cannot be deleted", deletions("DELETE_FAILED")),
    _termination("mails fail", broken("mail")),
    _termination("mark fails", broken("unpublish", "operators")),
)
