"""A part of the certificate, and that no state of a workflow is outside of it.

`make certify` plays all of it.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from tests.certify import certificate
from tests.certify.engine import engines
from tests.certify.faults import F, Place, Point
from tests.certify.play import Make, Outcome, play
from tests.certify.scenarios import SCENARIOS, Scenario
from tests.certify.scenarios.common import FIRST
from tests.certify.world import CATALOG, ROOT, blueprints
from tests.workflow.definitions import states_of

from autoprovision.deployer.blueprint_folder import BlueprintFolder
from autoprovision.memory.builds import MemoryServices

WORKFLOWS = sorted(path.name.removesuffix(".asl.json") for path in ROOT.glob("workflows/*.json"))
IDS = [f"{one.workflow}: {one.name}" for one in SCENARIOS]
# Each point of every n-th is played; a prime, so that each kind of fault is met at many places.
_EVERY = 53


@pytest.fixture(scope="module")
def make() -> Iterator[Make]:
    logging.disable(logging.CRITICAL)
    with engines() as maker:
        yield maker
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def faultless(make: Make) -> Callable[[Scenario], Outcome]:
    """A scenario without a fault, played once."""
    return cache(lambda scenario: play(home(scenario), scenario, None, make))


def home(scenario: Scenario) -> BlueprintFolder:
    """The first blueprint that a scenario is played on."""
    name = (scenario.on or (FIRST,))[0]
    return next(one for one in blueprints() if one.manifest.id == name)


def test_every_state_of_every_workflow_is_entered_by_a_scenario(faultless):
    entered: dict[str, set[str]] = {name: set() for name in WORKFLOWS}
    for scenario in SCENARIOS:
        entered[scenario.workflow] |= faultless(scenario).states
    for workflow in WORKFLOWS:
        missing = set(states_of(workflow)) - entered[workflow]
        assert missing == set(), f"{workflow}: add a scenario in scenarios/"


def test_every_state_of_every_workflow_is_in_the_committed_certificate():
    text = certificate.PAGE.read_text("utf-8")
    listed = set(re.findall(r"^\| (\w+) \| (\w+) \| ", text, re.MULTILINE))
    for workflow in WORKFLOWS:
        missing = {name for name in states_of(workflow) if (workflow, name) not in listed}
        assert missing == set(), f"run `make certify`: {workflow} has other states"


@pytest.mark.parametrize("folder", blueprints(), ids=lambda one: one.manifest.id)
def test_every_blueprint_carries_its_certificate(folder):
    path = CATALOG / folder.manifest.id / certificate.NAME
    assert path.is_file(), "run `make certify`"
    document = json.loads(path.read_text("utf-8"))
    played = {one.workflow for one in SCENARIOS if one.is_played_on(folder.manifest.id)}
    assert played >= {"provision", "terminate", "update"}
    assert set(document["workflows"]) == played, "run `make certify`"
    assert document["points"] == document["passed"] > 500


@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_a_scenario_ends_as_it_should_and_leaves_nothing(scenario: Scenario, faultless):
    outcome = faultless(scenario)
    assert outcome.broken == []
    assert outcome.status in scenario.ends


@pytest.mark.parametrize("number", range(len(SCENARIOS)), ids=IDS)
def test_whatever_goes_wrong_nothing_is_left(number: int, make: Make, faultless):
    scenario = SCENARIOS[number]
    places = faultless(scenario).places
    for point in list(certificate.points_of(places))[number % _EVERY :: _EVERY]:
        broken, _ = certificate.try_point(home(scenario), scenario, point, make)
        assert broken == [], point


@pytest.mark.parametrize(
    ("workflow", "name", "lazy", "seen"),
    [
        ("provision", "stack fails", "ForgetSecrets", "secrets: credentials are left"),
        ("provision", "build fails", "UnpublishProject", "builds: a source is left"),
        ("update", "URL never answers", "RestoreRelease", "another release is live than before"),
        ("update", "URL never answers", "ForgetSecrets", "credentials are not those of before"),
        ("update", "build fails", "RestoreRelease", "builds: a source is left"),
    ],
)
def test_the_certificate_sees_what_is_left(
    make: Make, monkeypatch: pytest.MonkeyPatch, workflow: str, name: str, lazy: str, seen: str
):
    """The proof can fail: a step that says it is done and has done nothing."""
    import importlib

    steps = importlib.import_module("autoprovision.functions.steps")
    run = steps.run

    def careless(step, action, event, outside):
        doing = (lambda _event, _platform: {}) if step == lazy else action
        return run(step, doing, event, outside)

    monkeypatch.setattr(steps, "run", careless)
    (scenario,) = [one for one in SCENARIOS if (one.workflow, one.name) == (workflow, name)]
    assert any(seen in one for one in play(home(scenario), scenario, None, make).broken)
    point = Point(Place("CloseRequest", "records.close#1"), F.ERROR_AFTER)
    broken, _ = certificate.try_point(home(scenario), scenario, point, make)
    assert any(seen in one for one in broken)


def test_the_certificate_sees_an_image_that_may_expire(make: Make, monkeypatch: pytest.MonkeyPatch):
    (containers,) = [one for one in blueprints() if one.manifest.id == "web-service"]
    (scenario,) = [
        one for one in SCENARIOS if (one.workflow, one.name) == ("update", "URL never answers")
    ]
    assert play(containers, scenario, None, make).broken == []
    monkeypatch.setattr(MemoryServices, "_keep", lambda *_: None)
    assert any("images: " in one for one in play(containers, scenario, None, make).broken)
