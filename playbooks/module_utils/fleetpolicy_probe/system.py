# SPDX-License-Identifier: Apache-2.0
"""Call the kernel: ioctl and mmap, with the error's name where the error is the answer."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os

MAP_FIXED = 0x10
FAILED = ctypes.c_void_p(-1).value
OK = "ok"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int64,
]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class ProbeError(Exception):
    """Something is not as the measurement needs it; nothing was changed."""


def attempt(descriptor: int, number: int, argument: int | bytes | bytearray = 0) -> str:
    """Return ok, or the name of the error that an ioctl ends with."""
    try:
        fcntl.ioctl(descriptor, number, argument)
    except OSError as error:
        return name_of(error)
    return OK


def name_of(error: OSError) -> str:
    """Return an error's name, such as EINVAL."""
    return errno.errorcode.get(error.errno or 0, str(error.errno))


class Area:
    """A range of addresses of this process, aligned; what is mapped into it goes with it."""

    def __init__(self, size: int, alignment: int) -> None:
        self.size = size
        self._whole = size + alignment
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._start = _map(None, self._whole, 0, flags)
        self.address = -(-self._start // alignment) * alignment

    def fill(self) -> None:
        """Put zeroed memory there."""
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED
        _map(self.address, self.size, mmap.PROT_READ | mmap.PROT_WRITE, flags)

    def map(self, descriptor: int, offset: int) -> None:
        """Put a part of a file there.

        Raises:
            OSError: The file does not let itself be mapped.
        """
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        file = (descriptor, offset)
        _map(self.address, self.size, protection, mmap.MAP_SHARED | MAP_FIXED, file)

    def write(self, offset: int, data: bytes) -> None:
        """Write into memory that is there."""
        ctypes.memmove(self.address + offset, data, len(data))

    def flags(self) -> list[str]:
        """Return the flags of the mapping as /proc/self/smaps abbreviates them.

        Source:
            Documentation/filesystems/proc.rst, VmFlags
        """
        wanted = f"{self.address:x}-"
        found = False
        with open("/proc/self/smaps") as file:
            for line in file:
                if found and line.startswith("VmFlags:"):
                    return line.split()[1:]
                found = found or line.startswith(wanted)
        return []

    def close(self) -> None:
        """Give the addresses back."""
        _libc.munmap(self._start, self._whole)


def _map(
    address: int | None, size: int, protection: int, flags: int, file: tuple[int, int] = (-1, 0)
) -> int:
    found = _libc.mmap(address, size, protection, flags, *file)
    if found == FAILED:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(found)
