import struct
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]
IMAGE, LINEAR, VMALLOC = 0xFFFFC00080000000, 0xFFF0000000000000, 0xFFFF800080000000
RAM, INIT = 0x40000000, 0x40002000
UNMAPPED = bytes(0x1000)
NOTE, LOAD, NO_ADDRESS = 4, 1, (1 << 64) - 1


def kcore(folder: Path, segments: list[tuple[int, int, int, bytes]]) -> str:
    """Write a core file of the kernel: kind, kernel address, physical address, content each."""
    place = 64 + 56 * len(segments)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF", 4, 183, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    table, content = b"", b""
    for kind, virtual, physical, data in segments:
        at = place + len(content)
        table += struct.pack("<IIQQQQQQ", kind, 7, at, virtual, physical, len(data), len(data), 0)
        content += data
    head = head[:56] + struct.pack("<H", len(segments)) + head[58:]
    path = folder / "kcore"
    path.write_bytes(head + table + content)
    return str(path)


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a core file in the order in which Linux 6.12 writes one."""
    ram = bytearray(0x4000)
    struct.pack_into("<Q", ram, INIT - RAM + 8, 0x400000100204D7)
    return kcore(
        tmp_path,
        [
            (NOTE, 0, 0, b"release"),
            (LOAD, IMAGE, INIT, UNMAPPED),
            (LOAD, VMALLOC, NO_ADDRESS, UNMAPPED),
            (LOAD, LINEAR, RAM, bytes(ram)),
        ],
    )


def test_table_in_what_was_the_kernels_init_code_is_read_where_it_is_mapped(
    probe_module: Load, path: str
) -> None:
    memory = probe_module("kcore").KernelMemory(path)

    assert memory.at_physical(INIT + 8) == 0x400000100204D7
    assert memory.at_virtual(LINEAR + INIT - RAM + 8) == 0x400000100204D7
    assert memory.at_virtual(IMAGE + 8) == 0
    memory.close()


def test_address_that_is_not_ram_cannot_be_read(probe_module: Load, path: str) -> None:
    memory = probe_module("kcore").KernelMemory(path)

    assert memory.at_physical(RAM - 8) is None
    assert memory.at_physical(RAM + 0x4000) is None
    assert memory.at_virtual(LINEAR - 8) is None
    memory.close()
