from collections.abc import Callable

import pytest

from tests.integration.consumers.programs import needs as find_program
from tests.unit.conftest import agent_module

__all__ = ["agent_module", "needs"]


@pytest.fixture
def needs() -> Callable[[str], str]:
    """Find a program; see tests/integration/consumers/programs.py, which others may import."""
    return find_program
