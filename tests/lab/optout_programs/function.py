# SPDX-License-Identifier: Apache-2.0
"""Bind PCI functions, and open them with what a VMM can say beside the address."""

import ctypes
import errno
import os
import struct
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

from ansible.module_utils.fleetpolicy_probe.vfio import (
    GROUP_GET_DEVICE_FD,
    GROUP_SET_CONTAINER,
    SET_IOMMU,
    TYPE1V2_IOMMU,
    Device,
)

OURS, THEIRS = "optout_vfio_pci", "vfio-pci"
BUS = Path("/sys/bus/pci")
DEVICES = BUS / "devices"
FINIT_MODULE, DELETE_MODULE = 273, 106
"""Numbers of system calls on arm64."""
libc = ctypes.CDLL(None, use_errno=True)


class Function(Device):  # type: ignore[misc]
    """A PCI function that this process owns until it is closed.

    Args:
        address: Of the function.
        words: What follows the address when it is asked for, such as " vf_token=UUID".

    Raises:
        OSError: The driver does not hand it out.
    """

    def __init__(self, address: str, words: str = "") -> None:
        self._words = words
        super().__init__(address)

    def _take(self) -> None:
        container = self._keep(os.open("/dev/vfio/vfio", os.O_RDWR))
        self.group = self._keep(os.open(f"/dev/vfio/{group_of(self.address)}", os.O_RDWR))
        ioctl(self.group, GROUP_SET_CONTAINER, struct.pack("=i", container))
        ioctl(container, SET_IOMMU, TYPE1V2_IOMMU)
        name = f"{self.address}{self._words}\0".encode()
        self.file = self._keep(ioctl(self.group, GROUP_GET_DEVICE_FD, bytearray(name)))
        self._enable_memory()


def group_of(address: str) -> int:
    return int((DEVICES / address / "iommu_group").readlink().name)


def attempt(action: Callable[..., object], *arguments: object) -> str:
    """Return ok, or the name of the error that an action ends with."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def opens(address: str, words: str = "") -> str:
    """Tell whether a function is handed out: ok, or the name of the error."""
    return attempt(lambda: Function(address, words).close())


def functions(identity: str) -> list[str]:
    """Return the addresses of the functions of an id, such as 8086:10c9."""
    return [folder.name for folder in sorted(DEVICES.iterdir()) if id_of(folder) == identity]


def id_of(folder: Path) -> str:
    return ":".join((folder / name).read_text().strip()[2:] for name in ("vendor", "device"))


def driver_of(address: str) -> str:
    link = DEVICES / address / "driver"
    return link.readlink().name if link.exists() else ""


def bind(address: str, driver: str) -> str:
    """Give a function to a driver, and return the one that then has it."""
    release(address)
    (DEVICES / address / "driver_override").write_text(driver or "\n")
    (BUS / "drivers_probe").write_text(address)
    return driver_of(address)


def release(address: str) -> None:
    """Leave a function without a driver."""
    if driver_of(address):
        (DEVICES / address / "driver" / "unbind").write_text(address)


def load(name: str, words: str = "") -> str:
    """Load a module of the archive: ok, or the name of the error."""
    descriptor = os.open(f"/modules/{name}.ko", os.O_RDONLY)
    answer = libc.syscall(FINIT_MODULE, descriptor, words.encode(), 0)
    os.close(descriptor)
    return "ok" if answer == 0 else errno.errorcode[ctypes.get_errno()]


def unload(name: str) -> str:
    """Unload a module: ok, or the name of the error."""
    answer = libc.syscall(DELETE_MODULE, name.encode(), os.O_NONBLOCK)
    return "ok" if answer == 0 else errno.errorcode[ctypes.get_errno()]


def parameter(driver: str, name: str) -> Path:
    return Path("/sys/module") / driver.replace("-", "_") / "parameters" / name


def power_of(address: str) -> list[str]:
    """Return how a function is powered: as PCI says, and as runtime power management says."""
    shown = (DEVICES / address / name for name in ("power_state", "power/runtime_status"))
    return [path.read_text().strip() for path in shown]


def settled_power(address: str, wanted: str) -> list[str]:
    """Return how a function is powered, once it is as wanted or has had five seconds for it."""
    for _ in range(50):
        if power_of(address)[1] == wanted:
            break
        time.sleep(0.1)
    return power_of(address)


def log_lines(text: str) -> list[str]:
    """Return the kernel's messages that have a text in them."""
    found: list[str] = []
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                line = os.read(log, 8192).split(b";", 1)[-1].split(b"\n")[0].decode()
            except BlockingIOError:
                return found
            if text in line:
                found.append(line)
    finally:
        os.close(log)
