"""What is marked `certify` is played by `make certify` only."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the full certificate out unless it is asked for (`-m certify`)."""
    if config.option.markexpr:
        return
    full = [item for item in items if item.get_closest_marker("certify")]
    if full:
        config.hook.pytest_deselected(items=full)
        items[:] = [item for item in items if item not in full]
