"""A world for single steps."""

import pytest
from tests.workflow.world import World


@pytest.fixture
def world() -> World:
    return World()
