import struct
from collections.abc import Callable
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]


def test_first_part_that_can_be_mapped_is_found_behind_other_capabilities(
    probe_module: Load,
) -> None:
    other = struct.pack("=HHI", 2, 1, 48).ljust(16, b"\0")
    sparse = struct.pack("=HHIII", 1, 1, 0, 2, 0) + struct.pack("=QQQQ", 0x1000, 0x2000, 9, 9)
    info = bytes(32) + other + sparse

    assert probe_module("vfio")._sparse(info, 32) == (0x1000, 0x2000)
    assert probe_module("vfio")._sparse(info, 0) is None


def test_device_that_is_not_there_is_refused(probe_module: Load) -> None:
    system, vfio = probe_module("system"), probe_module("vfio")

    with pytest.raises(system.ProbeError, match="there is no such PCI function"):
        vfio.Device("ffff:ff:1f.7")
