import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs real kernels, unless it is asked for."""
    if config.getoption("--lab"):
        return
    # Not by keyword: that would take every folder of the name along.
    unwanted = [item for item in items if item.get_closest_marker("lab")]
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if not item.get_closest_marker("lab")]
