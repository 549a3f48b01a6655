# SPDX-License-Identifier: Apache-2.0
"""Measure the regions of VFIO devices: what KVM refuses, and what it installs."""

from __future__ import annotations

import contextlib
import os
import signal

from ansible.module_utils.fleetpolicy_probe.btf import BTF, find_run
from ansible.module_utils.fleetpolicy_probe.guest import (
    LOG_DIRTY_PAGES,
    RAM_DATA,
    RAM_IPA,
    Guest,
    has_mte,
)
from ansible.module_utils.fleetpolicy_probe.kcore import KernelMemory
from ansible.module_utils.fleetpolicy_probe.stage2 import Table, walk
from ansible.module_utils.fleetpolicy_probe.system import OK, Area, ProbeError, name_of
from ansible.module_utils.fleetpolicy_probe.tracing import Watch
from ansible.module_utils.fleetpolicy_probe.vfio import Device, Region, driver_of

MEMBERS = ("ia_bits", "start_level", "pgd")
LOAD, FETCH, LATE = "load", "fetch", "mapped-after-slot"
DIRTY, MTE = "dirty-logging", "mte-guest"
CASES = (LOAD, FETCH, LATE, DIRTY, MTE)
REGION_IPA, OTHER_IPA = 0x240000000, 0x280000000
"""Where the guest sees the region: the one that is not the region's own physical address."""
MAPPED_LIMIT = 1 << 30
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Reader:
    """Reads stage-2 entries, or says why it cannot."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.why = ""
        self._page_size = os.sysconf("SC_PAGE_SIZE")
        try:
            with open(BTF, "rb") as file:
                offsets = find_run(file.read(), MEMBERS)
            if offsets is None:
                self.why = "the kernel's types have no struct kvm_pgtable as it is known"
                return
            self._watch = Watch(offsets)
            stack.callback(self._watch.close)
            self._memory = KernelMemory()
            stack.callback(self._memory.close)
        except OSError as error:
            self.why = f"the kernel lets nobody look: {error.filename}: {name_of(error)}"

    def forget(self) -> None:
        """Drop what was seen of earlier guests."""
        if not self.why:
            self._watch.forget()

    def entry(self, ipa: int) -> dict[str, object]:
        """Return the entry of an address in the guest that ran last, or why it is missing."""
        if self.why:
            return {"missing": self.why}
        root = self._watch.root()
        if root is None:
            return {"missing": "nothing was mapped"}
        return walk(Table(root[0], root[1], self._page_size), ipa, self._memory)


def measure(wanted: dict[str, list[int]]) -> dict[str, object]:
    """Return what was measured; nothing stays behind, also when it is interrupted.

    Args:
        wanted: PCI address to the indices of BARs, none for all of them.
    """
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        with contextlib.ExitStack() as stack:
            reader = Reader(stack)
            cases = [case for case in CASES if case != MTE or has_mte()]
            return {
                "devices": [_device(name, bars, reader, cases) for name, bars in wanted.items()],
                "pageSizeKib": os.sysconf("SC_PAGE_SIZE") // 1024,
                "release": os.uname().release,
            }
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _device(address: str, bars: list[int], reader: Reader, cases: list[str]) -> dict[str, object]:
    shown: dict[str, object] = {"address": address, "driver": None, "refused": None, "regions": []}
    try:
        shown["driver"] = driver_of(address)
        device = Device(address)
    except ProbeError as error:
        return {**shown, "refused": str(error)}
    try:
        regions = [region for region in device.regions() if not bars or region.index in bars]
        measured = [_region(device, region, reader, cases) for region in regions]
        return {**shown, "regions": measured}
    finally:
        device.close()


def _region(device: Device, region: Region, reader: Reader, cases: list[str]) -> dict[str, object]:
    shown: dict[str, object] = {
        "cases": [],
        "index": region.index,
        "mapped": region.length,
        "physical": f"{device.physical(region.index) + region.start:#x}",
        "size": region.size,
        "vmFlags": [],
    }
    if region.length < os.sysconf("SC_PAGE_SIZE"):
        return shown
    area = _area(region)
    try:
        area.map(device.file, region.offset)
        shown["vmFlags"] = area.flags()
    except OSError as error:
        return {**shown, "mapped": 0, "refused": name_of(error)}
    finally:
        area.close()
    return {**shown, "cases": [_case(case, device, region, reader) for case in cases]}


def _area(region: Region) -> Area:
    """Return addresses that large mappings are possible at."""
    size = min(region.length, MAPPED_LIMIT)
    return Area(size, 1 << size.bit_length() - 1)


def _case(case: str, device: Device, region: Region, reader: Reader) -> dict[str, object]:
    """Return what became of a region under the circumstances of a case."""
    shown: dict[str, object] = {"case": case, "memslot": None, "run": None}
    area, guest = _area(region), None
    physical = device.physical(region.index) + region.start
    ipa = OTHER_IPA if physical == REGION_IPA else REGION_IPA
    try:
        guest = Guest(mte=case == MTE)
        if case != LATE:
            area.map(device.file, region.offset)
        flags = LOG_DIRTY_PAGES if case == DIRTY else 0
        shown["memslot"] = guest.add_slot(1, ipa, area.size, area.address, flags)
        if shown["memslot"] != OK:
            return shown
        if case == LATE:
            area.map(device.file, region.offset)
        reader.forget()
        run, value = guest.touch(ipa, fetch=case == FETCH)
        shown.update({"run": run, "value": f"{value:#x}", "entry": reader.entry(ipa)})
        shown["ram"] = reader.entry(RAM_IPA + RAM_DATA)
    except ProbeError as error:
        shown["refused"] = str(error)
    finally:
        if guest:
            guest.close()
        area.close()
    return shown
