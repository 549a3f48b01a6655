from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

Load = Callable[[str], ModuleType]
ROOT, SECOND, THIRD = 0xFFFF000000000000, 0x41000000, 0x42000000
VALID_TABLE = 0b11


@dataclass(frozen=True)
class Memory:
    """The words of a table: by kernel address for its first level, by physical one below."""

    virtual: Mapping[int, int]
    physical: Mapping[int, int]

    def at_virtual(self, address: int) -> int | None:
        return self.virtual.get(address)

    def at_physical(self, address: int) -> int | None:
        return self.physical.get(address)


def walk(load: Load, table: tuple[int, int, int], ipa: int, memory: Memory) -> dict[str, Any]:
    stage2 = load("stage2")
    found: dict[str, Any] = stage2.walk(stage2.Table(*table), ipa, memory)
    return found


def test_page_is_found_through_a_concatenated_first_level(probe_module: Load) -> None:
    # 40 bits with 4 KiB pages: two tables in a row at level 1, so its index has ten bits.
    ipa = 0x240000000 + (512 << 30)
    memory = Memory(
        {ROOT + 8 * (512 + 9): SECOND | VALID_TABLE},
        {SECOND: THIRD | VALID_TABLE, THIRD: 0x00400000100007D7},
    )

    assert walk(probe_module, (ROOT, 1, 4096), ipa, memory) == {
        "descriptor": "0x00400000100007d7",
        "executable": False,
        "level": 3,
        "memattr": 0b0101,
        "output": "0x10000000",
        "sizeKib": 4,
        "writable": True,
    }


def test_block_is_found_with_its_size(probe_module: Load) -> None:
    memory = Memory({ROOT + 8 * 9: SECOND | VALID_TABLE}, {SECOND: 0x00400080000004C5})

    assert walk(probe_module, (ROOT, 1, 4096), 0x240000000, memory) == {
        "descriptor": "0x00400080000004c5",
        "executable": False,
        "level": 2,
        "memattr": 0b0001,
        "output": "0x8000000000",
        "sizeKib": 2048,
        "writable": True,
    }


@pytest.mark.parametrize(
    ("page_size", "level", "index", "size_kib"),
    [(16384, 2, 0x240000000 >> 25, 16), (65536, 2, 0x240000000 >> 29, 64)],
)
def test_other_page_sizes_are_walked(
    probe_module: Load, page_size: int, level: int, index: int, size_kib: int
) -> None:
    memory = Memory({ROOT + 8 * index: SECOND | VALID_TABLE}, {SECOND: 0x00000000400007FF})

    found = walk(probe_module, (ROOT, level, page_size), 0x240000000, memory)

    assert (found["sizeKib"], found["memattr"], found["executable"]) == (size_kib, 0xF, True)


def test_table_above_48_bits_is_found(probe_module: Load) -> None:
    stage2 = probe_module("stage2")

    assert stage2.table_in(0x0000_0000_4100_0303, 12) == (0b11 << 50) | 0x41000000
    assert stage2.table_in(0x0000_0000_4101_F003, 16) == (0xF << 48) | 0x41010000


@pytest.mark.parametrize(
    ("memory", "why"),
    [
        (Memory({}, {}), "the table of level 1 cannot be read"),
        (Memory({ROOT + 8 * 9: 0}, {}), "no valid entry at level 1"),
        (Memory({ROOT + 8 * 9: SECOND | VALID_TABLE}, {}), "the table of level 2 cannot be read"),
    ],
)
def test_entry_that_is_not_there_is_missing(probe_module: Load, memory: Memory, why: str) -> None:
    assert walk(probe_module, (ROOT, 1, 4096), 0x240000000, memory) == {"missing": why}
