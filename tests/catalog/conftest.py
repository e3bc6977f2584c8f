"""One embedded AWS a module, with names below .localhost resolved."""

import socket
from collections.abc import Iterator

import pytest
from tests.catalog.stacks import Workbench

from autoprovision.embedded import launcher, localhost_names


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    data = tmp_path_factory.mktemp("aws")
    try:
        bench = Workbench(launcher.start(data))
        bench.boundary()
        yield bench
    finally:
        launcher.stop(data)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    localhost_names.install()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes unless it is asked for (`make samples`)."""
    if config.option.markexpr:
        return
    left = [item for item in items if item.get_closest_marker("long")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
