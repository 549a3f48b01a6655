# SPDX-License-Identifier: Apache-2.0
"""Do what makes VFIO take a mapping back, and see what the next fault brings."""

import struct
import time
from collections.abc import Callable
from os import pread, pwrite
from pathlib import Path

from ansible.module_utils.fleetpolicy_probe.vfio import COMMAND_MEMORY, COMMAND_OFFSET
from ansible.module_utils.optout_programs import answers
from ansible.module_utils.optout_programs.function import Function, settled_power
from ansible.module_utils.optout_programs.view import View, access, viewed

CONFIG = 7 << 40
"""Where the configuration space is in the file of a VFIO PCI device."""
FIRST_CAPABILITY, POWER_MANAGEMENT, POWER_STATE = 0x34, 1, 4
D0, D3HOT = 0, 3
SLEEP = Path("/sys/power")


def word(function: Function, place: int) -> int:
    value: int = struct.unpack("<H", pread(function.file, 2, CONFIG + place))[0]
    return value


def set_word(function: Function, place: int, value: int) -> None:
    pwrite(function.file, struct.pack("<H", value), CONFIG + place)


def capability(function: Function, wanted: int) -> int:
    """Return where a capability is in the configuration space, 0 where there is none."""
    place = word(function, FIRST_CAPABILITY) & 0xFF
    while place:
        found = word(function, place)
        if found & 0xFF == wanted:
            return place
        place = found >> 8
    return 0


def around(view: View, action: Callable[[], object]) -> dict[str, object]:
    """Look before an action, directly after it, and at the next fault."""
    before = view.look()
    answer = action()
    return {"before": before, "answer": answer, "zapped": view.installed(), "after": view.look()}


def by_reset(address: str) -> dict[str, object]:
    with viewed(address) as view:
        return around(view, lambda: answers.reset(view.function))


def by_hot_reset(address: str) -> dict[str, object]:
    with viewed(address) as view:
        return around(view, lambda: answers.hot_reset(view.function, [view.function.group]))


def while_off(view: View) -> list[object]:
    """Return what the VMM's and the guest's accesses end with, and what is installed then."""
    return [access(view.area.address), view.look()["run"], view.installed()["valid"]]


def by_memory_bit(address: str) -> dict[str, object]:
    """Switch memory decoding off and on in the configuration space, as guests do."""
    with viewed(address) as view:
        command = word(view.function, COMMAND_OFFSET)

        def toggle() -> object:
            set_word(view.function, COMMAND_OFFSET, command & ~COMMAND_MEMORY)
            seen = while_off(view)
            set_word(view.function, COMMAND_OFFSET, command | COMMAND_MEMORY)
            return seen

        return around(view, toggle)


def by_power_state(address: str) -> dict[str, object]:
    """Send a device to D3hot and back by its capability, as guests do."""
    with viewed(address) as view:
        place = capability(view.function, POWER_MANAGEMENT) + POWER_STATE
        kept = word(view.function, place) & ~3

        def toggle() -> object:
            set_word(view.function, place, kept | D3HOT)
            asleep = [word(view.function, place) & 3, *while_off(view)]
            set_word(view.function, place, kept | D0)
            return [*asleep, word(view.function, place) & 3]

        return around(view, toggle)


def by_low_power(address: str) -> dict[str, object]:
    """Let the host suspend a device that is open, and take it back."""
    with viewed(address) as view:

        def toggle() -> object:
            function = view.function
            entry = answers.feature(function, answers.FEATURE_SET | answers.LOW_POWER_ENTRY)
            asleep = settled_power(address, "suspended")
            off = while_off(view)
            leave = answers.feature(function, answers.FEATURE_SET | answers.LOW_POWER_EXIT)
            return [entry, asleep, off, leave, settled_power(address, "active")]

        return around(view, toggle)


def by_suspend(address: str) -> dict[str, object]:
    """Suspend and resume all devices of the machine while one is in use."""
    with viewed(address) as view:

        def toggle() -> object:
            (SLEEP / "pm_test").write_text("devices")
            began = time.monotonic()
            (SLEEP / "state").write_text("freeze")
            (SLEEP / "pm_test").write_text("none")
            return time.monotonic() - began > 1

        return around(view, toggle)
