# SPDX-License-Identifier: Apache-2.0
"""Walk a stage-2 table to the entry of an address, and take the entry apart."""

from __future__ import annotations

from ansible.module_utils.fleetpolicy_probe.kcore import KernelMemory

LAST_LEVEL = 3
VALID, TABLE = 1, 2
ADDRESS_LIMIT = 1 << 48
PAGE_SHIFT_64K = 16


class Table:
    """A stage-2 table.

    Args:
        root: Kernel address of its first level.
        level: That of its first level: -1 to 3.
        page_size: The granule, in bytes.
    """

    def __init__(self, root: int, level: int, page_size: int) -> None:
        self.root, self.level = root, level
        self.page_shift = page_size.bit_length() - 1

    def shift(self, level: int) -> int:
        """Return how many address bits an entry of a level leaves to those below."""
        return self.page_shift + (self.page_shift - 3) * (LAST_LEVEL - level)


def walk(table: Table, ipa: int, memory: KernelMemory) -> dict[str, object]:
    """Return the entry that maps an address.

    Args:
        table: Where to begin.
        ipa: Intermediate physical address.
        memory: Where the tables are.

    Returns:
        What `describe` returns, or why there is no entry.

    Source:
        Arm DDI 0487, D8.3: the first level may be several tables in a row, so that its index is
        not cut to the width of one.
    """
    read, base, level, mask = memory.at_virtual, table.root, table.level, -1
    while level <= LAST_LEVEL:
        shift = table.shift(level)
        entry = read(base + 8 * (ipa >> shift & mask))
        if entry is None:
            return {"missing": f"the table of level {level} cannot be read"}
        if not entry & VALID:
            return {"missing": f"no valid entry at level {level}"}
        if level == LAST_LEVEL or not entry & TABLE:
            return describe(entry, level, shift)
        base = table_in(entry, table.page_shift)
        read, level, mask = memory.at_physical, level + 1, (1 << table.page_shift - 3) - 1
    return {"missing": "the table has no end"}


def describe(entry: int, level: int, shift: int) -> dict[str, object]:
    """Return what a page or block entry says.

    Args:
        entry: The descriptor.
        level: Where it was found.
        shift: How many address bits it maps.

    Source:
        Arm DDI 0487, D8.3: MemAttr[3:0] is in bits 5 to 2, S2AP in 7 and 6, XN in 54 and 53
    """
    return {
        "descriptor": f"{entry:#018x}",
        "executable": entry >> 53 & 0b11 == 0,
        "level": level,
        "memattr": entry >> 2 & 0b1111,
        "output": f"{output_of(entry, shift):#x}",
        "sizeKib": (1 << shift) >> 10,
        "writable": bool(entry >> 7 & 1),
    }


def output_of(entry: int, shift: int) -> int:
    """Return the physical address that a page or block entry of up to 48 bits leads to."""
    return entry & (ADDRESS_LIMIT - 1) >> shift << shift


def table_in(entry: int, page_shift: int) -> int:
    """Return the physical address of the table that an entry leads to, of up to 52 bits.

    Source:
        Arm DDI 0487, D8.3.1: bits 51 to 48 are in bits 15 to 12 with 64 KiB pages; 51 and 50 are in
        bits 9 and 8 with smaller ones, which are zero where addresses have 48 bits
    """
    address = entry & (ADDRESS_LIMIT - 1) >> page_shift << page_shift
    if page_shift == PAGE_SHIFT_64K:
        return address | (entry >> 12 & 0b1111) << 48
    return address | (entry >> 8 & 0b11) << 50
