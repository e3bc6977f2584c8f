"""Ways through the workflow `update`."""

from typing import Any

from tests.certify.engine import FaultyEngine
from tests.certify.scenarios.common import (
    BUILT,
    EVERYWHERE,
    FAILED,
    TARGETS,
    UP,
    Arrange,
    Scenario,
    World,
    answered,
    broken,
    questions_end,
    url_is_dead,
)
from tests.certify.world import IMAGES, OTHER, OTHER_COMMIT
from tests.workflow.world import ADA, BOB, REPOSITORY, SECRET

from autoprovision.domain.policy_document import Policy, parse_policy
from autoprovision.domain.request import Request
from autoprovision.usecases import updates

_THIRD = "req_01jf0000000000000000000000"


def _change(world: World, engine: FaultyEngine, environment: str) -> Request:
    """A newer version of the blueprint, dearer, and other code that other credentials open."""
    wish: dict[str, Any] = {"upgrade": True, "ProjectEmail": "team@uni.edu"}
    return _update(world, wish | _other_code(world))


def _same_stack(world: World, engine: FaultyEngine, environment: str) -> Request:
    return _update(world, {"ProjectEmail": "team@uni.edu"})


def _other_code(world: World) -> dict[str, str]:
    application = next(iter(world.records.applications(None, limit=1).items))
    if "ProjectURL" not in application.template:
        return {}
    return {"ProjectURL": OTHER, "AccessToken": SECRET}


def _update(world: World, wish: dict[str, Any]) -> Request:
    application = next(iter(world.records.applications(None, limit=1).items))
    actor = world.users.by_email(ADA).actor()
    return updates.update(actor, application.id, wish, world, request_id=_THIRD)


def _publish(world: World, engine: FaultyEngine, environment: str) -> Request:
    application = next(iter(world.records.applications(None, limit=1).items))
    actor = world.users.by_email(ADA).actor()
    return updates.publish(actor, application.id, world, request_id=_THIRD)


def _with(*more: Arrange, **formation: Any) -> Arrange:
    """A newer version of the blueprint is there, and CloudFormation does as told."""

    def arrange(world: World, engine: FaultyEngine) -> None:
        world.publish_next()
        for name, value in formation.items():
            setattr(world.stacks, name, list(value) if isinstance(value, tuple) else value)
        for one in more:
            one(world, engine)

    return arrange


def _code_moves_on(world: World, engine: FaultyEngine) -> None:
    """The same repository has a newer commit."""
    world.source.trees[REPOSITORY] = world.source.trees[OTHER]


def _asks(world: World, engine: FaultyEngine) -> None:
    """Whatever happens in dev is for people to decide too."""
    world.catalog.publish_policy(_POLICY, by="root", at="")


def _build_fails(world: World, engine: FaultyEngine) -> None:
    world.code_build.build_ends = "FAILED"


def _containers_do_not_become_well(world: World, engine: FaultyEngine) -> None:
    (application,) = world.records.applications(None, limit=1).items
    world.services.broken.add(f"{IMAGES}/{application.stack_name}:{OTHER_COMMIT[:12]}")


_POLICY: Policy = parse_policy({
    "name": "test", "version": "asks", "thresholds": {"oneApprover": 5, "twoApprovers": 10, "refuse": 100},
    "rules": [{"id": "dev", "reason": "It goes to dev.", "weight": 5, "when": {"environment": ["dev"]}}],
})  # fmt: skip
_ROLLED_BACK = ("UPDATE_ROLLBACK_COMPLETE",)
_STUCK = ("UPDATE_ROLLBACK_FAILED",)
_NOT_RESTORED = ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE")
_NEVER_RESTORED = ("UPDATE_ROLLBACK_COMPLETE",)
_CONTINUED = ("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE")


def _updating(name: str, ends: frozenset[str], arrange: Arrange, **more: Any) -> Scenario:
    return Scenario("update", name, ends, arrange, **{"begin": _change, "live": True, **more})


def _ending(*names: str) -> frozenset[str]:
    return frozenset(names)


UPDATE: tuple[Scenario, ...] = (
    _updating("to a newer version", UP, _with(), on=EVERYWHERE),
    _updating("its newest code", UP, _code_moves_on, begin=_publish, on=TARGETS[:2]),
    _updating("nothing of the stack changes", UP, _with(), begin=_same_stack, on=("cms",)),
    _updating("is refused", FAILED, _with(change_set_fails="Circular dependency")),
    _updating("the stack moves under it", FAILED, _with(moves_under=True)),
    _updating("approved", UP, _with(_asks, answered((BOB, "APPROVED")))),
    _updating("rejected", _ending("REJECTED"), _with(_asks, answered((BOB, "REJECTED")))),
    _updating("expired", _ending("EXPIRED"), _with(_asks)),
    _updating("expired by the state", _ending("EXPIRED"), _with(_asks, questions_end)),
    _updating("answer to execute lost", UP, _with(lose_execution=1)),
    _updating("stack rolls back", FAILED, _with(update_ends=_ROLLED_BACK), on=TARGETS),
    _updating("rollback is continued", FAILED, _with(update_ends=_STUCK, continue_ends=_CONTINUED)),
    _updating("rollback never goes on", FAILED, _with(update_ends=_STUCK, continue_ends=_STUCK)),
    _updating("URL never answers", FAILED, _with(url_is_dead), on=TARGETS),
    _updating("restoring fails twice", FAILED, _with(url_is_dead, restore_ends=_NOT_RESTORED)),
    _updating("cannot be restored", FAILED, _with(url_is_dead, restore_ends=_NEVER_RESTORED)),
    _updating("build fails", FAILED, _with(_build_fails), on=BUILT[:2]),
    _updating(
        "containers do not become well", FAILED, _with(_containers_do_not_become_well), on=BUILT[2:]
    ),
    _updating("mails fail", UP, _with(broken("mail"))),
    _updating("mark fails", FAILED, _with(url_is_dead, broken("goBack", "operators"))),
)
