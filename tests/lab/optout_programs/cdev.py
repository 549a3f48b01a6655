# SPDX-License-Identifier: Apache-2.0
"""Take devices through their own character devices and iommufd, with both drivers.

Every function returns what it saw, for test_optout_cdev.py to judge.
"""

import ctypes
import os
import struct
from fcntl import ioctl
from pathlib import Path

from ansible.module_utils.optout_programs import answers, sriov
from ansible.module_utils.optout_programs.function import (
    DEVICES,
    OURS,
    THEIRS,
    Function,
    attempt,
    bind,
    functions,
    log_lines,
    parameter,
    release,
)
from ansible.module_utils.optout_programs.view import viewing
from ansible.module_utils.optout_programs.zaps import around

CARD, PHYSICAL = "8086:10d3", "8086:10c9"
BIND, ATTACH, DETACH, ALLOCATE = 0x3B76, 0x3B77, 0x3B78, 0x3B81
WITH_TOKEN = 1


class Owned(Function):  # type: ignore[misc]
    """A function that is taken by its character device.

    Args:
        address: Of the function.
        token: Of its physical function, for a virtual one.
    """

    def __init__(self, address: str, token: bytes = b"") -> None:
        self._token = ctypes.create_string_buffer(token, 16) if token else None
        super().__init__(address)

    def _take(self) -> None:
        self._iommu = self._keep(os.open("/dev/iommu", os.O_RDWR))
        (node,) = (DEVICES / self.address / "vfio-dev").iterdir()
        self.file = self._keep(os.open(Path("/dev/vfio/devices") / node.name, os.O_RDWR))
        place = ctypes.addressof(self._token) if self._token else 0
        request = struct.pack("=IIiIQ", 24, WITH_TOKEN if place else 0, self._iommu, 0, place)
        ioctl(self.file, BIND, bytearray(request))
        space = bytearray(struct.pack("=III", 12, 0, 0))
        ioctl(self._iommu, ALLOCATE, space)
        self._space = struct.unpack("=III", space)[2]
        self.attach()
        self._enable_memory()

    def attach(self) -> None:
        """Give the function the address space that it has here."""
        ioctl(self.file, ATTACH, bytearray(struct.pack("=III", 12, 0, self._space)))

    def detach(self) -> None:
        """Take the address space away."""
        ioctl(self.file, DETACH, bytearray(struct.pack("=II", 8, 0)))


def main(_bound: list[str]) -> dict[str, object]:
    """Return what came of each use, by driver."""
    (card,) = functions(CARD)
    (physical,) = functions(PHYSICAL)
    sriov.isolate(physical)
    found: dict[str, object] = {}
    for driver in (THEIRS, OURS):
        found[driver] = {"card": use(card, driver), "tokens": use_tokens(physical, driver)}
    found["warnings"] = log_lines("WARNING: ") + log_lines("BUG: ")
    return found


def use(address: str, driver: str) -> dict[str, object]:
    """Use a device, and leave it without a driver."""
    found: dict[str, object] = {"bound": bind(address, driver) == driver}
    with viewing(Owned(address)) as view:
        function = view.function
        found |= {
            "identity": answers.identity(function),
            "second": opens(address),
            "dependents": answers.dependents(function),
            "reset": around(view, lambda: answers.reset(function)),
            "hotReset": around(view, lambda: answers.hot_reset(function, [])),
            "hotResetByGroup": answers.hot_reset(function, [function.file]),
            "detach": attempt(function.detach),
            "attach": attempt(function.attach),
            "last": view.look(),
        }
    release(address)
    return found


def use_tokens(physical: str, driver: str) -> dict[str, object]:
    """Open a virtual function with and without a token."""
    bind(physical, driver)
    parameter(driver, "enable_sriov").write_text("Y")
    sriov.set_count(physical, 1)
    (virtual,) = sriov.virtual_functions(physical)
    owner, right = Owned(physical), sriov.TOKEN.bytes
    found: dict[str, object] = {
        "set": answers.set_token(owner, right),
        "without": opens(virtual),
        "wrong": opens(virtual, bytes(reversed(right))),
        "right": opens(virtual, right),
    }
    with viewing(Owned(virtual, right if found["right"] == "ok" else b"")) as view:
        found["view"] = view.look()
    owner.close()
    release(physical)
    return found


def opens(address: str, token: bytes = b"") -> str:
    """Tell whether a function is handed out: ok, or the name of the error."""
    answer: str = attempt(lambda: Owned(address, token).close())
    return answer
