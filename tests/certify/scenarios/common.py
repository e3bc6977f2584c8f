"""What scenarios are made of: the way through a workflow, and what is done to the world before it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.certify.engine import FaultyEngine
from tests.certify.world import CertifiedWorld
from tests.workflow.world import BOB, policy

from autoprovision.domain.errors import UnavailableError
from autoprovision.domain.request import Request
from autoprovision.usecases import approvals

World, Arrange = CertifiedWorld, Callable[[CertifiedWorld, FaultyEngine], None]
# What does not depend on the blueprint is played on this one.
FIRST = "static-site"
EVERYWHERE: tuple[str, ...] = ()
# One for each target of a build, and for whatever code is put on.
BUILT = ("serverless-web", "spa", "web-service")
TARGETS = (FIRST, "serverless-web", "web-service")
UP, FAILED = frozenset({"SUCCEEDED"}), frozenset({"FAILED"})
TWICE = ("DELETE_FAILED", "DELETE_FAILED", "DELETE_COMPLETE")


def nothing(world: World, engine: FaultyEngine) -> None:
    """As it is."""


def heal_world(world: World) -> None:
    """What an operator does before resuming: take away what was in the way."""
    world.stacks.delete_ends = ["DELETE_COMPLETE"]
    world.stacks.restore_ends = ["UPDATE_COMPLETE"]
    world.stacks.continue_ends = ["UPDATE_ROLLBACK_COMPLETE"]
    world.outside._planned.clear()


def order(world: World, engine: FaultyEngine, environment: str) -> Request:
    return world.order(environment)


@dataclass(frozen=True)
class Scenario:
    """One way through a workflow, without a fault.

    Attributes:
        arrange: what is done to the world before the workflow begins.
        begin: starts the workflow and gives its request.
        live: whether an application is there before it begins.
        ends: the statuses that it comes to when nothing else goes wrong.
        on: the blueprints that it is played on; none: on all of them.
    """

    workflow: str
    name: str
    ends: frozenset[str]
    arrange: Arrange = nothing
    environment: str = "dev"
    begin: Callable[[World, FaultyEngine, str], Request] = order
    live: bool = False
    heal: Callable[[World], None] = heal_world
    on: tuple[str, ...] = (FIRST,)

    def is_played_on(self, blueprint: str) -> bool:
        """Whether it is played on a blueprint."""
        return self.on == EVERYWHERE or blueprint in self.on


def _decide(world: World, request_id: str, email: str, decision: str) -> None:
    question = world.approvals.get(request_id)
    approvals.decide(
        world.users.by_email(email).actor(), request_id, world, decision=decision,
        comment="Use dev." if decision == "REJECTED" else "Fits.", plan_digest=question.plan_digest,
    )  # fmt: skip


def answered(*answers: tuple[str, str]) -> Arrange:
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


def policy_moves(world: World, engine: FaultyEngine) -> None:
    approve = answered((BOB, "APPROVED"))

    def answer() -> None:
        if world.catalog.policy().version == "1":
            world.catalog.publish_policy(policy(version="2"), by="root", at="")
        engine.on_question = lambda: None
        approve(world, engine)
        engine.on_question()

    engine.on_question = answer


def questions_end(world: World, engine: FaultyEngine) -> None:
    engine.questions_end = True


def url_is_dead(world: World, engine: FaultyEngine) -> None:
    world.probe.faults["http://shop.test"] = "it answers 503"


def deletions(*ends: str, create: str = "ROLLBACK_COMPLETE") -> Arrange:
    def arrange(world: World, engine: FaultyEngine) -> None:
        world.stacks.create_ends = create
        world.stacks.delete_ends = list(ends)

    return arrange


def broken(*deeds: str, then: Arrange = nothing) -> Arrange:
    """These deeds fail until they are healed."""

    def arrange(world: World, engine: FaultyEngine) -> None:
        for deed in deeds:
            world.breaking(deed, times=10_000, error=UnavailableError("It does not answer."))
        then(world, engine)

    return arrange
