"""One embedded AWS for all contract tests of a process; every test has tables of its own."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.kit.embedded import dynamo_records

from autoprovision.embedded import launcher
from autoprovision.embedded.launcher import EmbeddedAws
from autoprovision.memory.records import MemoryRecords
from autoprovision.ports import Records

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    data = tmp_path_factory.mktemp("contract-aws")
    yield launcher.start(data)
    launcher.stop(data)


@pytest.fixture(scope="session")
def client(aws: EmbeddedAws) -> Callable[[str], Any]:
    clients: dict[str, Any] = {}

    def of(service: str) -> Any:
        if service not in clients:
            clients[service] = aws.client(service)
        return clients[service]

    return of


@pytest.fixture
def prefix() -> str:
    """A name that no other test has."""
    return f"t{next(_numbers)}"


@pytest.fixture(params=["memory", "aws"])
def records(request: pytest.FixtureRequest, prefix: str) -> Records:
    """The port `Records`, empty: in dictionaries, and on DynamoDB."""
    if request.param == "memory":
        return MemoryRecords()
    return dynamo_records(request.getfixturevalue("client")("dynamodb"), prefix)
