import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs real kernels, unless it is asked for."""
    if config.getoption("--lab"):
        return
    wanted = [item for item in items if "lab" not in item.keywords]
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = wanted
