# SPDX-License-Identifier: Apache-2.0
"""Read the kernel's memory through /proc/kcore."""

from __future__ import annotations

import os
import struct

PT_LOAD = 1
NO_ADDRESS = (1 << 64) - 1
WORD = struct.Struct("<Q")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")


class KernelMemory:
    """The memory of the running kernel, for root.

    Raises:
        OSError: It cannot be read: not root, or the kernel is locked down.
    """

    def __init__(self, path: str = "/proc/kcore") -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        header = os.pread(self._file, 64, 0)
        (table,) = struct.unpack_from("<Q", header, 32)
        (count,) = struct.unpack_from("<H", header, 56)
        size = PROGRAM_HEADER.size
        entries = [
            PROGRAM_HEADER.unpack(os.pread(self._file, size, table + size * number))
            for number in range(count)
        ]
        loaded = (entry for entry in entries if entry[0] == PT_LOAD)
        self._segments = sorted(loaded, key=lambda entry: entry[3])

    def at_virtual(self, address: int) -> int | None:
        """Return the 64-bit word at a kernel address, None where nothing is mapped."""
        for _, _, offset, start, _, size, _, _ in self._segments:
            if start <= address < start + size:
                return self._word(offset + address - start)
        return None

    def at_physical(self, address: int) -> int | None:
        """Return the 64-bit word at a physical address of RAM, None elsewhere.

        It is read in the linear map, which has the lowest of the kernel's addresses. The kernel's
        image names the same physical ones a second time, and reads as zeros where it was unmapped:
        what held its __init code became free memory at boot, and may hold page tables since.

        Source:
            Linux, Documentation/arch/arm64/memory.rst; arch/arm64/mm/init.c, free_initmem();
            fs/proc/kcore.c, KCORE_TEXT, and the zeros for what copy_from_kernel_nofault() refuses
        """
        for _, _, offset, _, start, size, _, _ in self._segments:
            if start != NO_ADDRESS and start <= address < start + size:
                return self._word(offset + address - start)
        return None

    def _word(self, place: int) -> int | None:
        data = os.pread(self._file, WORD.size, place)
        return WORD.unpack(data)[0] if len(data) == WORD.size else None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
