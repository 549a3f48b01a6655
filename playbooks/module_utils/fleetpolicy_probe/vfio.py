# SPDX-License-Identifier: Apache-2.0
"""Take a PCI function through VFIO, as a VMM does, and give it back."""

from __future__ import annotations

import os
import struct
from fcntl import ioctl

from ansible.module_utils.fleetpolicy_probe.system import OK, ProbeError, attempt, name_of

DEVICES = "/sys/bus/pci/devices"
GROUP_GET_STATUS, GROUP_SET_CONTAINER = 0x3B67, 0x3B68
SET_IOMMU, GROUP_GET_DEVICE_FD = 0x3B66, 0x3B6A
DEVICE_GET_REGION_INFO = 0x3B6C
TYPE1V2_IOMMU = 3
GROUP_VIABLE = 1
CONFIG_REGION = 7
FLAG_MMAP, FLAG_CAPS = 1 << 2, 1 << 3
SPARSE_MMAP = 1
COMMAND_OFFSET, COMMAND_MEMORY = 4, 2
INFO = struct.Struct("=IIIIQQ")


class Region:
    """A memory region of a device.

    Args:
        index: That of the BAR.
        size: Bytes of the BAR.
        offset: Where its first part that can be mapped is in the device's file.
        length: Bytes of that part; 0 where none can be mapped.
        start: Where that part begins in the BAR.
    """

    def __init__(self, index: int, size: int, offset: int, length: int, start: int) -> None:
        self.index, self.size, self.offset = index, size, offset
        self.length, self.start = length, start


class Device:
    """A PCI function that this process owns until it is closed.

    Raises:
        ProbeError: It is not on a VFIO driver, or somebody uses its group.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.driver = driver_of(address)
        self._open: list[int] = []
        try:
            self._take()
        except BaseException:
            self.close()
            raise

    def _take(self) -> None:
        group = os.path.basename(_link(self.address, "iommu_group", "IOMMU group"))
        container = self._keep(_open("/dev/vfio/vfio", "VFIO is not loaded"))
        owned = self._keep(_open(f"/dev/vfio/{group}", f"IOMMU group {group} cannot be had"))
        status = bytearray(struct.pack("=II", 8, 0))
        ioctl(owned, GROUP_GET_STATUS, status)
        if not struct.unpack("=II", status)[1] & GROUP_VIABLE:
            raise ProbeError(f"IOMMU group {group} has a function on a driver of the host")
        for descriptor, number, argument in (
            (owned, GROUP_SET_CONTAINER, struct.pack("=i", container)),
            (container, SET_IOMMU, TYPE1V2_IOMMU),
        ):
            answer = attempt(descriptor, number, argument)
            if answer != OK:
                raise ProbeError(f"IOMMU group {group} cannot be taken: {answer}")
        try:
            self.file = self._keep(
                ioctl(owned, GROUP_GET_DEVICE_FD, bytearray(self.address.encode() + b"\0"))
            )
        except OSError as error:
            raise ProbeError(f"{self.driver} does not hand it out: {name_of(error)}") from error
        self._enable_memory()

    def _keep(self, descriptor: int) -> int:
        self._open.append(descriptor)
        return descriptor

    def _enable_memory(self) -> None:
        """Let the function decode its BARs; VFIO gives it back as it was."""
        place = INFO.unpack_from(self._info(CONFIG_REGION))[5] + COMMAND_OFFSET
        (command,) = struct.unpack("<H", os.pread(self.file, 2, place))
        os.pwrite(self.file, struct.pack("<H", command | COMMAND_MEMORY), place)

    def regions(self) -> list[Region]:
        """Return the memory regions that the driver shows, by index."""
        found = []
        for index in range(6):
            info = self._info(index)
            _, flags, _, capability, size, offset = INFO.unpack_from(info)
            if not size:
                continue
            start, length = 0, size if flags & FLAG_MMAP else 0
            if flags & FLAG_CAPS:
                start, length = _sparse(info, capability) or (start, length)
            found.append(Region(index, size, offset + start, length, start))
        return found

    def physical(self, index: int) -> int:
        """Return the physical address of a BAR, 0 where the driver has made one up."""
        with open(f"{DEVICES}/{self.address}/resource") as file:
            return int(file.read().splitlines()[index].split()[0], 16)

    def _info(self, index: int) -> bytes:
        size = INFO.size
        while True:
            info = bytearray(INFO.pack(size, 0, index, 0, 0, 0).ljust(size, b"\0"))
            ioctl(self.file, DEVICE_GET_REGION_INFO, info)
            wanted = INFO.unpack_from(info)[0]
            if wanted <= size:
                return bytes(info)
            size = wanted

    def close(self) -> None:
        """Give the function back."""
        while self._open:
            os.close(self._open.pop())


def _sparse(info: bytes, position: int) -> tuple[int, int] | None:
    """Return start and length of the first part that a region lets be mapped, if it says so."""
    while position:
        kind, _, following = struct.unpack_from("=HHI", info, position)
        if kind == SPARSE_MMAP:
            (count,) = struct.unpack_from("=I", info, position + 8)
            return struct.unpack_from("=QQ", info, position + 16) if count else (0, 0)
        position = following
    return None


def driver_of(address: str) -> str:
    """Return the name of the driver that a PCI function is bound to.

    Raises:
        ProbeError: There is no such function, or it is bound to none.
    """
    if not os.path.isdir(f"{DEVICES}/{address}"):
        raise ProbeError("there is no such PCI function")
    return os.path.basename(_link(address, "driver", "driver"))


def _link(address: str, name: str, what: str) -> str:
    try:
        return os.readlink(f"{DEVICES}/{address}/{name}")
    except OSError:
        raise ProbeError(f"it has no {what}") from None


def _open(path: str, why: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise ProbeError(f"{why}: {path}: {name_of(error)}") from error
