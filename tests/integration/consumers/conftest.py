from collections.abc import Callable

import pytest

from tests.integration.consumers.programs import needs as find_program


@pytest.fixture
def needs() -> Callable[[str], str]:
    """Find a program; see tests/integration/consumers/programs.py, which others may import."""
    return find_program
