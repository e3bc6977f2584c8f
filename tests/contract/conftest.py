"""One embedded AWS for all contract tests of a process; every test has tables of its own."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.kit.embedded import dynamo_records, make_table

from autoprovision.embedded import launcher
from autoprovision.embedded.launcher import EmbeddedAws
from autoprovision.memory.outside import Outside
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


class Store:
    """Which kind of adapter a test is for, and what the AWS one needs."""

    def __init__(self, kind: str, client: Callable[[str], Any] | None, prefix: str) -> None:
        self.is_memory = kind == "memory"
        self.outside = Outside()
        self.prefix = prefix
        self._client = client

    def client(self, service: str) -> Any:
        assert self._client is not None
        return self._client(service)

    def table(self, kind: str) -> tuple[Any, str]:
        """DynamoDB and a fresh table of a kind."""
        dynamodb = self.client("dynamodb")
        return dynamodb, make_table(dynamodb, kind, self.prefix)


@pytest.fixture(params=["memory", "aws"])
def store(request: pytest.FixtureRequest, prefix: str) -> Store:
    client = None if request.param == "memory" else request.getfixturevalue("client")
    return Store(request.param, client, prefix)


@pytest.fixture
def on_aws(client: Callable[[str], Any], prefix: str) -> Store:
    return Store("aws", client, prefix)
