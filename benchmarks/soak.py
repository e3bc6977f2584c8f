"""A soak: hundreds of mixed operations on one platform, faults at random places, then the proof.

People order, update, publish, cancel and terminate at random while calls fail, processes die,
events get lost and executions are stopped; the sweep and operators go on as they would. At the end
nothing may be left and the ledger must prove. Run: `python -m benchmarks.soak [operations] [seed]`.
"""

import argparse
import logging
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.certify.engine import engines
from tests.certify.faults import Fault, Injector, Place
from tests.certify.invariants import violations
from tests.certify.play import Make, play, until_quiet
from tests.certify.scenarios import SCENARIOS
from tests.certify.world import CertifiedWorld, blueprints
from tests.workflow.world import ADA, BOB, EVE

from autoprovision.domain.actor import Actor
from autoprovision.domain.application import ENDED
from autoprovision.domain.errors import AutoprovisionError
from autoprovision.usecases import applications, approvals, cancellation, updates
from benchmarks import report

_OFTEN = 0.02
_AT_ONCE = 5


class RandomFaults(Injector):
    """Lets any effect fail once in a while."""

    def __init__(self, seed: int) -> None:
        super().__init__(healed=True)
        self._random = random.Random(seed)
        self.counts: Counter[str] = Counter()

    def strikes(self, place: Place, *faults: Fault) -> Fault | None:
        """A fault at random; not the one that may double a mail, which is documented."""
        if self.healed or place.effect.startswith("ses:mail.sent"):
            return None
        fault = self._random.choice(faults)
        if self._random.random() >= _OFTEN:
            return None
        self.counts[fault.value] += 1
        self.struck += 1
        return fault


def soak(operations: int, seed: int, make: Make) -> dict[str, Any]:
    """Run the operations in small crowds and look at what is left after all of them."""
    dice = random.Random(seed)
    folder = next(one for one in blueprints() if one.manifest.id == "static-site")
    world, faults = CertifiedWorld(folder), RandomFaults(seed)
    engine = make(world, faults)
    engine.on_question = lambda: _answer(world, dice)
    done, begun = Counter[str](), time.perf_counter()
    while done.total() < operations:
        faults.healed = False
        for _ in range(_AT_ONCE):
            done[_operate(world, dice, done.total())] += 1
        until_quiet(world, engine, SCENARIOS[0], faulty=True)
    faults.healed = True
    until_quiet(world, engine, SCENARIOS[0], faulty=True)
    ends = Counter(one.status.value for one in world.records.requests(None, limit=10_000).items)
    return {
        "operations": dict(done), "seed": seed, "requests": dict(sorted(ends.items())),
        "faults": dict(sorted(faults.counts.items())), "faultsInjected": faults.struck,
        "executions": len(engine.runs),
        "broken": violations(world, engine, one_update=False) + _apart(world),
        "seconds": round(time.perf_counter() - begun, 1),
    }  # fmt: skip


def _apart(world: CertifiedWorld) -> list[str]:
    """Applications whose stack is not what they are said to be, after all the updates."""
    return [
        f"{one.id}: its stack is not what it says"
        for one in world.records.applications(None, limit=10_000).items
        if one.status not in ENDED
        and not one.parameters.items() <= world.stacks.shapes[one.stack_id or ""].parameters.items()
    ]


def _operate(world: CertifiedWorld, dice: random.Random, number: int) -> str:
    """One thing that a person does; what is refused is an operation too."""
    what = dice.choices(tuple(_DEEDS), (5, 3, 2, 2, 1))[0]
    try:
        if what != "order" and _DEEDS[what](world, dice, number):
            return what
        environment = dice.choice(("dev", "dev", "dev", "stag"))
        world.order(environment, request_id=f"req_o{number:024d}", name=f"app-{number}")
    except AutoprovisionError as error:
        return f"refused: {error.reason}"
    return "order"


def _ada(world: CertifiedWorld) -> Actor:
    user = world.users.by_email(ADA)
    assert user is not None
    return user.actor()


def _living(world: CertifiedWorld, dice: random.Random) -> str | None:
    """An application that has not ended; None when there is none."""
    found = [
        one.id
        for one in world.records.applications(None, limit=10_000).items
        if one.status not in ENDED
    ]
    return dice.choice(found) if found else None


def _terminate(world: CertifiedWorld, dice: random.Random, number: int) -> bool:
    chosen = _living(world, dice)
    if chosen:
        applications.terminate(_ada(world), chosen, world, request_id=f"req_t{number:024d}")
    return chosen is not None


def _update(world: CertifiedWorld, dice: random.Random, number: int) -> bool:
    chosen = _living(world, dice)
    if chosen:
        wish = {"Parameters": {"NotFound": dice.choice(("page", "app"))}}
        updates.update(_ada(world), chosen, wish, world, request_id=f"req_u{number:024d}")
    return chosen is not None


def _publish(world: CertifiedWorld, dice: random.Random, number: int) -> bool:
    chosen = _living(world, dice)
    if chosen:
        updates.publish(_ada(world), chosen, world, request_id=f"req_p{number:024d}")
    return chosen is not None


def _cancel(world: CertifiedWorld, dice: random.Random, _number: int) -> bool:
    under_way = [one for one in world.records.requests(None, limit=100).items if not one.is_final]
    if under_way:
        cancellation.cancel(_ada(world), dice.choice(under_way).id, world)
    return bool(under_way)


_DEEDS: dict[str, Callable[[CertifiedWorld, random.Random, int], bool]] = {
    "order": lambda _world, _dice, _number: False,
    "terminate": _terminate,
    "cancel": _cancel,
    "update": _update,
    "publish": _publish,
}


def _answer(world: CertifiedWorld, dice: random.Random) -> None:
    for question in world.approvals.list_open(limit=50).items:
        decision = dice.choice(("APPROVED", "APPROVED", "REJECTED"))
        for email in (BOB, EVE):
            try:
                approvals.decide(
                    world.users.by_email(email).actor(), question.request_id, world,
                    decision=decision, comment="As the dice fall.",
                    plan_digest=question.plan_digest,
                )  # fmt: skip
            except AutoprovisionError:
                break


def undoing(make: Make, times: int = 15) -> dict[str, float]:
    """How long a whole failure and its undoing take, against a whole success."""
    folder = next(one for one in blueprints() if one.manifest.id == "static-site")

    def measured(name: str) -> float:
        scenario = next(one for one in SCENARIOS if one.name == name)
        spans = []
        for _ in range(times):
            begun = time.perf_counter()
            play(folder, scenario, None, make)
            spans.append(time.perf_counter() - begun)
        return statistics.median(spans)

    up, stack, late = (
        measured(one) for one in ("straight to its URL", "stack fails", "URL never answers")
    )
    return {
        "stackFailsToUndoneOverSuccess": round(stack / up, 2),
        "urlFailsToUndoneOverSuccess": round(late / up, 2),
    }


def _write(result: dict[str, Any]) -> None:
    """The page of one run."""
    left = result["broken"]
    about = (
        f"{sum(result['operations'].values())} operations in crowds of {_AT_ONCE} with seed "
        f"{result['seed']}; {result['faultsInjected']} faults at random places of "
        f"{result['executions']} executions, in {result['seconds']} s of an engine without waits. "
        + (f"Left: {'; '.join(left)}" if left else "Nothing is left, and the ledger proves.")
    )
    undoing_ = result["undoing"]
    ratios = (
        "A whole request whose stack fails takes "
        f"{undoing_['stackFailsToUndoneOverSuccess']} times as long as one that succeeds, until "
        "everything is undone; one whose URL never answers "
        f"{undoing_['urlFailsToUndoneOverSuccess']} times. Seconds of the embedded AWS are in "
        "[undo](undo.md)."
    )
    tables = [
        report.table((what, "count"), list(result[key].items()))
        for what, key in (("operation", "operations"), ("end", "requests"), ("fault", "faults"))
    ]
    report.write("soak", "Is anything left after 500 operations with random faults?",
                 [about, *tables, ratios])  # fmt: skip


def main() -> int:
    """Run the soak, write its result, and give 1 when anything is left."""
    parser = argparse.ArgumentParser(description="Soak the workflows.")
    parser.add_argument("operations", type=int, nargs="?", default=500)
    parser.add_argument("seed", type=int, nargs="?", default=20261122)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with engines() as make:
        result = soak(given.operations, given.seed, make) | {"undoing": undoing(make)}
    _write(result)
    return 1 if result["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
