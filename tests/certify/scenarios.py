"""Ways through the workflows. Together they enter every state of every workflow: a test holds that.

A new workflow joins by being in `workflows/`; a new state by a scenario here that enters it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.certify.engine import FaultyEngine
from tests.certify.world import CertifiedWorld
from tests.workflow.world import ADA, BOB, EVE, policy

from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.request import Request
from autoprovision.usecases import applications, approvals

World, Arrange = CertifiedWorld, Callable[[CertifiedWorld, FaultyEngine], None]
_SECOND = "req_01je0000000000000000000000"


def _nothing(world: World, engine: FaultyEngine) -> None:
    """As it is."""


def _heal(world: World) -> None:
    """What an operator does before resuming: take away what was in the way."""
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    world.outside._planned.clear()


def _order(world: World, engine: FaultyEngine, environment: str) -> Request:
    return world.order(environment)


def _terminate(world: World, engine: FaultyEngine, environment: str) -> Request:
    application = next(iter(world.records.applications(None, limit=1).items))
    actor = world.users.by_email(ADA).actor()
    return applications.terminate(actor, application.id, world, request_id=_SECOND)


@dataclass(frozen=True)
class Scenario:
    """One way through a workflow, without a fault.

    Attributes:
        arrange: what is done to the world before the workflow begins.
        begin: starts the workflow and gives its request.
        live: whether an application is there before it begins.
        ends: the statuses that it comes to when nothing else goes wrong.
        everywhere: whether it is played on every blueprint.
    """

    workflow: str
    name: str
    ends: frozenset[str]
    arrange: Arrange = _nothing
    environment: str = "dev"
    begin: Callable[[World, FaultyEngine, str], Request] = _order
    live: bool = False
    heal: Callable[[World], None] = _heal
    everywhere: bool = False


def _decide(world: World, request_id: str, email: str, decision: str) -> None:
    question = world.approvals.get(request_id)
    approvals.decide(
        world.users.by_email(email).actor(), request_id, world, decision=decision,
        comment="Use dev." if decision == "REJECTED" else "Fits.", plan_digest=question.plan_digest,
    )  # fmt: skip


def _answered(*answers: tuple[str, str]) -> Arrange:
    """Everybody named answers each question as soon as it is open."""

    def arrange(world: World, engine: FaultyEngine) -> None:
        def answer() -> None:
            for email, decision in answers:
                for request in world.records.requests(None, limit=5).items:
                    question = world.approvals.get(request.id)
                    if question is not None and question.is_open:
                        _decide(world, request.id, email, decision)

        engine.on_question = answer

    return arrange


def _policy_moves(world: World, engine: FaultyEngine) -> None:
    approve = _answered((BOB, "APPROVED"))

    def answer() -> None:
        if world.catalog.policy().version == "1":
            world.catalog.publish_policy(policy(version="2"), by="root", at="")
        engine.on_question = lambda: None
        approve(world, engine)
        engine.on_question()

    engine.on_question = answer


def _questions_end(world: World, engine: FaultyEngine) -> None:
    engine.questions_end = True


def _create_ends(status: str) -> Arrange:
    def arrange(world: World, engine: FaultyEngine) -> None:
        world.stacks.create_ends = status

    return arrange


def _create_answer_lost(world: World, engine: FaultyEngine) -> None:
    world.stacks.lose_answer = 1


def _url_is_dead(world: World, engine: FaultyEngine) -> None:
    world.probe.faults["http://shop.test"] = "it answers 503"


def _deletions(*ends: str, create: str = "ROLLBACK_COMPLETE") -> Arrange:
    def arrange(world: World, engine: FaultyEngine) -> None:
        world.stacks.create_ends = create
        world.stacks.delete_ends = list(ends)

    return arrange


def _broken(*deeds: str, then: Arrange = _nothing) -> Arrange:
    """These deeds fail until they are healed."""

    def arrange(world: World, engine: FaultyEngine) -> None:
        for deed in deeds:
            world.breaking(deed, times=10_000, error=UnavailableError("It does not answer."))
        then(world, engine)

    return arrange


_UP, _FAILED = frozenset({"SUCCEEDED"}), frozenset({"FAILED"})
_FAILS = _create_ends("ROLLBACK_COMPLETE")
_TWICE = ("DELETE_FAILED", "DELETE_FAILED", "DELETE_COMPLETE")


def _provision(name: str, ends: frozenset[str], arrange: Arrange, **more: Any) -> Scenario:
    return Scenario("provision", name, ends, arrange, **more)


def _termination(name: str, arrange: Arrange, **more: Any) -> Scenario:
    return Scenario("terminate", name, _UP, arrange, begin=_terminate, live=True, **more)


SCENARIOS: tuple[Scenario, ...] = (
    _provision("straight to its URL", _UP, _nothing, everywhere=True),
    _provision("approved", _UP, _answered((BOB, "APPROVED")), environment="stag"),
    _provision(
        "approved by two", _UP, _answered((BOB, "APPROVED"), (EVE, "APPROVED")), environment="prod"
    ),
    _provision(
        "rejected", frozenset({"REJECTED"}), _answered((BOB, "REJECTED")), environment="stag"
    ),
    _provision("expired", frozenset({"EXPIRED"}), _nothing, environment="stag"),
    _provision("expired by the state", frozenset({"EXPIRED"}), _questions_end, environment="stag"),
    _provision("asked anew", _UP, _policy_moves, environment="stag"),
    _provision("answer to create lost", _UP, _create_answer_lost),
    _provision("stack fails", _FAILED, _FAILS),
    _provision("rollback fails", _FAILED, _create_ends("ROLLBACK_FAILED")),
    _provision("URL never answers", _FAILED, _url_is_dead, everywhere=True),
    _provision("deletion fails twice", _FAILED, _deletions(*_TWICE)),
    _provision("cannot be deleted", _FAILED, _deletions("DELETE_FAILED")),
    _provision("mails fail", _UP, _broken("mail")),
    _provision("mark fails", _FAILED, _broken("unpublish", "operators", then=_FAILS)),
    _termination("gone", _nothing, everywhere=True),
    _termination("deletion fails twice", _deletions(*_TWICE)),
    _termination("cannot be deleted", _deletions("DELETE_FAILED")),
    _termination("mails fail", _broken("mail")),
    _termination("mark fails", _broken("unpublish", "operators")),
)
