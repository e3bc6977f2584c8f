"""A world, and an engine around it."""

from collections.abc import Iterator

import pytest
from tests.workflow.engine import Engine, engine_of
from tests.workflow.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def engine(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with engine_of(world, monkeypatch) as made:
        yield made
