"""The ledger under random deeds, on DynamoDB: the walk of the unit test, shorter."""

import random
from collections.abc import Callable
from typing import Any

from tests.kit.embedded import dynamo_records
from tests.kit.ledger_world import World, random_step


def test_a_walk_on_dynamodb(client: Callable[[str], Any], prefix: str) -> None:
    dice = random.Random(7)
    for number in range(4):
        world = World(dynamo_records(client("dynamodb"), f"{prefix}-{number}"))
        for step in range(1, 41):
            random_step(world, dice)
            if step % 5 == 0:
                world.check()
