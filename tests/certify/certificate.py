"""The certificate: which points were tested, of which workflow, on which blueprint, and how many hold.

`python -m tests.certify` plays all of them and writes docs/certificate.md and each blueprint's
certificate.json, which the deployer publishes with it.
"""

import json
import logging
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.certify.engine import engines
from tests.certify.faults import Fault, Place, Point
from tests.certify.play import Make, Outcome, play
from tests.certify.scenarios import SCENARIOS, Scenario
from tests.certify.world import CATALOG, ROOT, blueprints

PAGE = ROOT / "docs" / "certificate.md"
NAME = "certificate.json"
Say = Callable[[str], None]


@dataclass
class Unit:
    """The points of one scenario, by its place in `SCENARIOS`, on one blueprint."""

    blueprint: str
    number: int
    status: str = ""
    states: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    operators: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def scenario(self) -> Scenario:
        """The way through a workflow."""
        return SCENARIOS[self.number]

    @property
    def points(self) -> int:
        """How many were tested."""
        return sum(self.faults.values())


def points_of(places: Iterable[Place]) -> Iterator[Point]:
    """Everything that can go wrong at these places."""
    for place in places:
        for fault in place.faults():
            yield Point(place, fault)


def try_point(
    folder: Any, scenario: Scenario, point: Point, make: Make
) -> tuple[list[str], Outcome | None]:
    """Play a point. Gives the broken promises, none when it holds."""
    try:
        outcome = play(folder, scenario, point, make)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong counts against the product
        return [f"{type(error).__name__}: {error}"[:300]], None
    if not outcome.struck:
        return ["the fault did not happen"], outcome
    return outcome.broken, outcome


def examine(blueprint: str, number: int) -> Unit:
    """Play every point of a scenario on a blueprint."""
    logging.disable(logging.CRITICAL)
    scenario = SCENARIOS[number]
    folder = next(one for one in blueprints() if one.manifest.id == blueprint)
    unit = Unit(blueprint, number)
    with engines() as make:
        plain = play(folder, scenario, None, make)
        unit.status = plain.status
        unit.states.update(dict.fromkeys(plain.states, 0))
        unit.broken += [f"without a fault: {one}" for one in plain.broken]
        for point in points_of(plain.places):
            broken, outcome = try_point(folder, scenario, point, make)
            unit.states[point.place.state] += 1
            unit.faults[point.fault.value] += 1
            unit.passed[point.fault.value] += not broken
            unit.operators += outcome is not None and outcome.operators
            unit.broken += [f"{point}: {'; '.join(broken)}"] if broken else []
    return unit


def _examine(job: tuple[str, int]) -> Unit:
    return examine(*job)


def examine_all(say: Say) -> list[Unit]:
    """Play everything, on all cores."""
    jobs = [
        (one.manifest.id, n)
        for one in blueprints()
        for n, scenario in enumerate(SCENARIOS)
        if scenario.is_played_on(one.manifest.id)
    ]
    units: list[Unit] = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count() or 1) as pool:
        for unit in pool.imap_unordered(_examine, jobs):
            units.append(unit)
            name = f"{unit.blueprint} {unit.scenario.workflow} ({unit.scenario.name})"
            held = sum(unit.passed.values())
            say(f"[{len(units)}/{len(jobs)}] {name}: {held} of {unit.points} hold")
            for one in unit.broken:
                say(f"    {one}")
    return sorted(units, key=lambda one: (one.blueprint, one.number))


def documents(units: list[Unit]) -> dict[str, dict[str, Any]]:
    """What is published with each blueprint."""
    found: dict[str, dict[str, Any]] = {}
    for unit in units:
        one = found.setdefault(unit.blueprint, {"points": 0, "passed": 0, "workflows": {}})
        flow = one["workflows"].setdefault(
            unit.scenario.workflow, {"scenarios": 0, "points": 0, "passed": 0}
        )
        held = sum(unit.passed.values())
        flow["scenarios"] += 1
        for part in (one, flow):
            part["points"] += unit.points
            part["passed"] += held
    return found


def write(units: list[Unit]) -> None:
    """Write the page and the blueprints' files."""
    for blueprint, document in documents(units).items():
        text = json.dumps(document, indent=1) + "\n"
        (CATALOG / blueprint / NAME).write_text(text, "utf-8")
    PAGE.write_text(page(units), "utf-8")


def page(units: list[Unit]) -> str:
    """docs/certificate.md."""
    total, held = sum(one.points for one in units), sum(sum(one.passed.values()) for one in units)
    operators = sum(one.operators for one in units)
    return "\n".join(
        [
            _INTRODUCTION.format(total=total, held=held, operators=operators),
            *_by_blueprint(units), "", "## By fault", "", *_by_fault(units), "",
            "## By state", "", *_by_state(units), "", "## Scenarios", "", *_by_scenario(units), "",
        ]
    )  # fmt: skip


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _by_blueprint(units: list[Unit]) -> list[str]:
    rows = [_row("blueprint", "workflow", "points tested", "passed"), "|---|---|---:|---:|"]
    for blueprint, document in documents(units).items():
        for workflow, flow in document["workflows"].items():
            rows.append(_row(blueprint, workflow, flow["points"], flow["passed"]))
    return rows


def _by_fault(units: list[Unit]) -> list[str]:
    tested, passed = Counter[str](), Counter[str]()
    for unit in units:
        tested.update(unit.faults)
        passed.update(unit.passed)
    rows = [_row("fault", "what happens", "points", "passed"), "|---|---|---:|---:|"]
    return rows + [
        _row(one.value, MEANING[one], tested[one.value], passed[one.value])
        for one in Fault
        if tested[one.value]
    ]


def _by_state(units: list[Unit]) -> list[str]:
    counts: dict[tuple[str, str], int] = Counter()
    for unit in units:
        for state, count in unit.states.items():
            counts[unit.scenario.workflow, state] += count
    rows = [_row("workflow", "state", "points"), "|---|---|---:|"]
    return rows + [_row(*key, count or "entered") for key, count in sorted(counts.items())]


def _by_scenario(units: list[Unit]) -> list[str]:
    rows = [_row("workflow", "scenario", "ends as", "points", "passed"), "|---|---|---|---:|---:|"]
    for number, scenario in enumerate(SCENARIOS):
        own = [one for one in units if one.number == number]
        ends = ", ".join(sorted({one.status for one in own}))
        held = sum(sum(one.passed.values()) for one in own)
        rows.append(
            _row(scenario.workflow, scenario.name, ends, sum(one.points for one in own), held)
        )
    return rows


F = Fault
MEANING = {
    F.ERROR_BEFORE: "the call fails once, nothing has happened",
    F.ERROR_AFTER: "the effect happened once and its answer was lost",
    F.THROTTLED: "every call is refused until the retries run out",
    F.ANSWERS_LOST: "every call has its effect, and no answer ever comes",
    F.KILLED_BEFORE: "the process is killed before the call",
    F.KILLED_AFTER: "the process is killed right after the call",
    F.KILLED_ALWAYS: "the process is killed right after the call, each time",
    F.HUNG_BEFORE: "the process hangs before the call until the state's limit",
    F.HUNG_AFTER: "the process hangs after the call until the state's limit",
    F.HUNG_ALWAYS: "the process hangs before the call, each time",
    F.DELAYED: "the call fails, and its effect happens later, when another state is at work",
    F.DOUBLED: "the call is made twice",
    F.INVOKED_TWICE: "the function runs twice",
    F.STOPPED: "the execution is stopped as the state begins",
    F.CANCELLED: "somebody cancels as the state begins",
    F.EVENT_LOST: "the event never comes",
    F.EVENT_DOUBLED: "the event comes twice",
    F.EVENT_DELAYED: "the event comes late, behind others",
    F.EVENT_EARLY: "the event comes, and once more when it is out of date",
}
_INTRODUCTION = """# The rollback certificate

Generated by `make certify`; do not edit.

**{held} of {total} points hold.** Each point is one run of a whole workflow in which one thing goes wrong: one fault, at one effect, in one state. {operators} of them went by way of an operator, who resumed them.

A run is the real state machine (`workflows/*.asl.json`, on the embedded AWS's Step Functions engine) with the real handlers, on the in-memory ports, which pass the same contract tests as those on AWS. Nobody lists the effects: a run without a fault finds every call of a port that a state makes, and each of them is then made to fail in every way there is. `tests/certify/test_on_the_platform.py` does a sample of each kind on the whole platform, where Lambda's process is really killed and CloudFormation, DynamoDB, SES and S3 refuse.

When a run has come to rest, with the sweep at work and operators resuming what needed them, this must be true (`tests/certify/invariants.py`):

- no stack, file or credential without a live application; no hold, name or lock of one that has ended
- the request has a final status with a reason and a sentence, and a timeline
- the application's status is true: AVAILABLE has a complete stack, a live release and a committed hold; TERMINATED has nothing
- an update came whole or not at all: after one that failed, the stack's template and parameters, the live release, the credentials, the price and everything that was asked for are those of before
- no build runs, no staged source is left, and no output of a build but of what was published
- exactly one mail tells the outcome, and an event says it; no credential is in a history, mail or event
- no task token waits, no question is open, no execution runs
- the ledger proves: entries, accounts, holds, applications and stacks agree
- whatever needed an operator said so, with the command that resumes it, and somebody was told

Each scenario is played where it matters: on every blueprint, on one for each target that a build has, or on the first. CloudFormation and CodeBuild are played here: change sets that are refused, empty or out of date, rollbacks that get stuck and are continued, stacks that are not updated while they are stuck, templates that put something else in a release's place, builds that bring something although they failed. They refuse what AWS refuses.

One exception is allowed, and only there: when the process is killed between SES's answer and the mark that the mail is sent, it may come twice ([0011](decisions/0011-outcome-mails.md)).

## By blueprint and workflow
"""
