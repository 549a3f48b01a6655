import pytest

from tests.integration.libvirt.stacks import STACKS, Stack


@pytest.fixture(params=list(STACKS))
def stack(request: pytest.FixtureRequest) -> Stack:
    """Each libvirt with its QEMU in turn."""
    return STACKS[request.param]()
