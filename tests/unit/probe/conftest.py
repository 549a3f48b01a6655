from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PROBE = "ansible.module_utils.fleetpolicy_probe"
MODULE_UTILS = Path(__file__).resolve().parents[3] / "playbooks" / "module_utils"


@pytest.fixture
def probe_module() -> Callable[[str], ModuleType]:
    """Return a loader of one module of the probe."""
    package = import_module("ansible.module_utils")
    if str(MODULE_UTILS) not in package.__path__:
        package.__path__.append(str(MODULE_UTILS))
    return lambda name: import_module(f"{PROBE}.{name}")
