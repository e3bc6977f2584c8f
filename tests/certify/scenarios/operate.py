"""Ways through the workflow `operate`; whichever blueprint has machines does not matter to it."""

from collections.abc import Callable
from typing import Any

from tests.certify.engine import FaultyEngine
from tests.certify.runbooks import SlowSystemsManager
from tests.certify.scenarios.common import Arrange, Scenario, World, answered, broken
from tests.workflow.systems_manager import MACHINE, OPERATIONS, A
from tests.workflow.world import ADA, BOB, SECRET

from autoprovision.domain.declared_operation import DeclaredOperation
from autoprovision.domain.operation import Machine
from autoprovision.domain.request import Request
from autoprovision.usecases import operations

_ON = ("virtual-machine",)
_SECOND = "req_01jg0000000000000000000000"
_UP, _FAILED = frozenset({"SUCCEEDED"}), frozenset({"FAILED"})


def _with_machines(world: World, engine: FaultyEngine) -> SlowSystemsManager:
    """The application's blueprint offers operations, and Systems Manager knows its machine."""
    catalog = world.catalog.catalog()
    (one,) = catalog.blueprints
    declared = {name: DeclaredOperation.model_validate(o) for name, o in OPERATIONS.items()}
    manifest = one.manifest.model_copy(update={"operations": declared})
    world.catalog.publish(catalog.with_(blueprints=(one.with_(manifest=manifest),)))
    (application,) = world.records.applications(None, limit=1).items
    world.machines.known[application.id] = (Machine(id=MACHINE, online=True),)
    engine.systems_manager = SlowSystemsManager(world, engine)
    return engine.systems_manager


def _arranged(change: Callable[[SlowSystemsManager], None], then: Arrange | None = None) -> Arrange:
    def arrange(world: World, engine: FaultyEngine) -> None:
        change(_with_machines(world, engine))
        if then is not None:
            then(world, engine)

    return arrange


def _as_it_is(manager: SlowSystemsManager) -> None:
    """It works."""


def _lost(manager: SlowSystemsManager) -> None:
    manager.lose_answers = 1


def _lost_and_silent(manager: SlowSystemsManager) -> None:
    manager.lose_answers, manager.answers = 1, False


def _silent(manager: SlowSystemsManager) -> None:
    manager.answers = False


def _fails(manager: SlowSystemsManager) -> None:
    manager.ends = A.FAILED


def _hangs(manager: SlowSystemsManager) -> None:
    manager.ends = None


def _does_not_stop(manager: SlowSystemsManager) -> None:
    manager.ends, manager.stops = None, False


def _asks(world: World, engine: FaultyEngine) -> None:
    """The policy asks about what is done in stag."""
    (application,) = world.records.applications(None, limit=1).items
    world.records.patch_application(application.id, target_environment="stag")


def _approved(world: World, engine: FaultyEngine) -> None:
    _asks(world, engine)
    answered((BOB, "APPROVED"))(world, engine)


def _rejected(world: World, engine: FaultyEngine) -> None:
    _asks(world, engine)
    answered((BOB, "REJECTED"))(world, engine)


def _ends_by_the_state(world: World, engine: FaultyEngine) -> None:
    _asks(world, engine)
    engine.questions_end = True


def _begin(world: World, engine: FaultyEngine, environment: str) -> Request:
    (application,) = world.records.applications(None, limit=1).items
    actor = world.users.by_email(ADA).actor()
    return operations.operate(
        actor, application.id, "run-command", {"command": f"echo {SECRET}"}, world,
        request_id=_SECOND,
    )  # fmt: skip


def _heal(world: World) -> None:
    """What an operator does before resuming: see to it that the runbook can be stopped."""
    world.outside._planned.clear()
    if world.engine.systems_manager is not None:
        world.engine.systems_manager.stops = True


def _operation(name: str, ends: frozenset[str], arrange: Arrange, **more: Any) -> Scenario:
    return Scenario(
        "operate", name, ends, arrange, begin=_begin, live=True, heal=_heal, on=_ON, **more
    )


OPERATE: tuple[Scenario, ...] = (
    _operation("done", _UP, _arranged(_as_it_is)),
    _operation("approved", _UP, _arranged(_as_it_is, _approved)),
    _operation("rejected", frozenset({"REJECTED"}), _arranged(_as_it_is, _rejected)),
    _operation("expired", frozenset({"EXPIRED"}), _arranged(_as_it_is, _asks)),
    _operation(
        "expired by the state", frozenset({"EXPIRED"}), _arranged(_as_it_is, _ends_by_the_state)
    ),
    _operation("answer to start lost", _UP, _arranged(_lost)),
    _operation("answer to start and of the runbook lost", _UP, _arranged(_lost_and_silent)),
    _operation("the runbook does not answer", _UP, _arranged(_silent)),
    _operation("the runbook fails", _FAILED, _arranged(_fails)),
    _operation("the runbook hangs", _FAILED, _arranged(_hangs)),
    _operation("the runbook does not stop", _FAILED, _arranged(_does_not_stop)),
    _operation("mails fail", _UP, _arranged(_as_it_is, broken("mail"))),
    _operation("mark fails", _FAILED, _arranged(_does_not_stop, broken("operators"))),
)
