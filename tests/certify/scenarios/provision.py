"""Ways through the workflow `provision`."""

from typing import Any

from tests.certify.codebuild import GONE
from tests.certify.engine import FaultyEngine
from tests.certify.scenarios.common import (
    BUILT,
    EVERYWHERE,
    FAILED,
    TARGETS,
    TWICE,
    UP,
    Arrange,
    Scenario,
    World,
    answered,
    broken,
    deletions,
    nothing,
    policy_moves,
    questions_end,
    url_is_dead,
)
from tests.workflow.world import BOB, EVE


def _create_ends(status: str) -> Arrange:
    def arrange(world: World, engine: FaultyEngine) -> None:
        world.stacks.create_ends = status

    return arrange


def _create_answer_lost(world: World, engine: FaultyEngine) -> None:
    world.stacks.lose_answer = 1


def _provision(name: str, ends: frozenset[str], arrange: Arrange, **more: Any) -> Scenario:
    return Scenario("provision", name, ends, arrange, **more)


def _build_ends(end: str) -> Arrange:
    def arrange(world: World, engine: FaultyEngine) -> None:
        world.code_build.build_ends = end

    return arrange


def _start_answer_lost(world: World, engine: FaultyEngine) -> None:
    world.code_build.lose_answer = 1


_FAILS = _create_ends("ROLLBACK_COMPLETE")
PROVISION: tuple[Scenario, ...] = (
    _provision("straight to its URL", UP, nothing, on=EVERYWHERE),
    _provision("approved", UP, answered((BOB, "APPROVED")), environment="stag"),
    _provision(
        "approved by two", UP, answered((BOB, "APPROVED"), (EVE, "APPROVED")), environment="prod"
    ),
    _provision(
        "rejected", frozenset({"REJECTED"}), answered((BOB, "REJECTED")), environment="stag"
    ),
    _provision("expired", frozenset({"EXPIRED"}), nothing, environment="stag"),
    _provision("expired by the state", frozenset({"EXPIRED"}), questions_end, environment="stag"),
    _provision("asked anew", UP, policy_moves, environment="stag"),
    _provision("answer to create lost", UP, _create_answer_lost),
    _provision("stack fails", FAILED, _FAILS),
    _provision("rollback fails", FAILED, _create_ends("ROLLBACK_FAILED")),
    _provision("URL never answers", FAILED, url_is_dead, on=(*TARGETS, "cms")),
    _provision("deletion fails twice", FAILED, deletions(*TWICE)),
    _provision("cannot be deleted", FAILED, deletions("DELETE_FAILED")),
    _provision("mails fail", UP, broken("mail")),
    _provision("build fails", FAILED, _build_ends("FAILED"), on=BUILT),
    _provision("build takes too long", FAILED, _build_ends("TIMED_OUT"), on=BUILT[:1]),
    _provision("build is stopped by hand", FAILED, _build_ends("STOPPED"), on=BUILT[:1]),
    _provision("build is forgotten", FAILED, _build_ends(GONE), on=BUILT[:1]),
    _provision("answer to start lost", UP, _start_answer_lost, on=BUILT[:1]),
    _provision("mark fails", FAILED, broken("unpublish", "operators", then=_FAILS)),
)
