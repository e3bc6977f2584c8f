"""Plays one scenario with one fault, to its end and beyond: sweeps, operators, late arrivals."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from tests.certify.engine import FaultyEngine
from tests.certify.faults import Injector, Place, Point
from tests.certify.invariants import violations
from tests.certify.scenarios import Scenario
from tests.certify.world import CertifiedWorld
from tests.workflow.engine import Engine
from tests.workflow.world import ROOT, SECRET

from autoprovision.deployer.blueprint_folder import BlueprintFolder
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.steps.sweep import sweep
from autoprovision.usecases import resumption

Make = Callable[[CertifiedWorld, Injector], FaultyEngine]
_BETWEEN_SWEEPS = timedelta(minutes=5)
_LONGEST_QUESTION = timedelta(days=20)
_MOST_TICKS = 30
_QUESTIONS_END = 5


@dataclass
class Outcome:
    """What became of a run.

    Attributes:
        broken: promises that do not hold; none of them is what is certified.
        states: the states that were entered.
        operators: whether it went by way of an operator.
    """

    point: Point | None
    broken: list[str]
    status: str
    states: set[str] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)
    struck: int = 0
    operators: bool = False
    path: list[str] = field(default_factory=list)


def play(folder: BlueprintFolder, scenario: Scenario, point: Point | None, make: Make) -> Outcome:
    """Run a scenario with a fault, let time pass until nothing changes, and look."""
    world, injector = CertifiedWorld(folder), Injector(point, healed=True)
    engine = make(world, injector)
    if scenario.live:
        world.order(scenario.environment)
        until_quiet(world, engine, scenario)
        world.note_standing()
    before = set(engine.runs)
    scenario.arrange(world, engine)
    injector.met.clear()
    injector.healed = False
    request = scenario.begin(world, engine, scenario.environment)
    operators = until_quiet(world, engine, scenario, faulty=True)
    runs = [run for key, run in engine.runs.items() if key not in before]
    path = [state for run in runs for state in Engine.path(run)]
    broken = violations(world, engine) + operators.broken
    if SECRET in json.dumps([run["events"] for run in runs], default=str):
        broken.append("secrets: the canary is in a history")
    for run in engine.runs.values():
        engine.states._executions.pop(run["executionArn"], None)
    return Outcome(
        point, broken, world.records.request(request.id).status.value, set(path),
        list(injector.met), injector.struck, operators.called, path,
    )  # fmt: skip


@dataclass
class _Operators:
    called: bool = False
    broken: list[str] = field(default_factory=list)


def until_quiet(
    world: CertifiedWorld, engine: FaultyEngine, scenario: Scenario, *, faulty: bool = False
) -> _Operators:
    operators, quiet = _Operators(), 0
    for tick in range(_MOST_TICKS):
        ended = engine.rests()
        # A fault lasts as long as the execution that met it.
        if ended and engine.injector.struck:
            engine.injector.healed = True
        engine.arrive_late()
        engine.redrive()
        world.stacks.go_on()
        world.code_build.go_on()
        if engine.systems_manager is not None:
            engine.systems_manager.go_on()
        for request in _needing_operators(world) if ended else ():
            operators.called = True
            operators.broken += _is_visible(world, engine, request)
            scenario.heal(world)
            resumption.resume(world.users.by_email(ROOT).actor(), request.id, world)
        if tick >= _QUESTIONS_END and not ended:
            world.outside.clock += _LONGEST_QUESTION
        if engine.questions_end and not ended:  # the state's limit comes before any sweep
            world.outside.clock += _LONGEST_QUESTION
            engine.time_out_questions()
            engine.rests()
        if tick > _QUESTIONS_END:
            engine.time_out_questions()
            scenario.heal(world)
        world.outside.clock += _BETWEEN_SWEEPS
        sweep(world)
        quiet = quiet + 1 if _is_over(world, engine) else 0
        if quiet > (1 if faulty else 0):
            scenario.heal(world)
            if quiet > (3 if faulty else 0):
                break
    return operators


def _is_over(world: CertifiedWorld, engine: FaultyEngine) -> bool:
    over = all(one.is_final for one in world.records.requests(None, limit=10_000).items)
    return over and all(run["status"] != "RUNNING" for run in engine.runs.values())


def _needing_operators(world: CertifiedWorld) -> Iterator[Request]:
    for request in world.records.requests(None, limit=10_000).items:
        if request.status is RequestStatus.NEEDS_OPERATOR:
            yield request


def _is_visible(world: CertifiedWorld, engine: FaultyEngine, request: Request) -> list[str]:
    found = []
    if f"autoprovision request resume {request.id}" not in request.message:
        found.append("operator: the message does not say how to resume")
    # The alarm on failed executions is theirs too, when no other word gets through.
    alarm = any(run["status"] == "FAILED" for run in engine.runs.values())
    if not (world.operators.told or engine.told_operators or alarm):
        found.append("operator: nobody was told")
    return found
