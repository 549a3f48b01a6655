# SPDX-License-Identifier: Apache-2.0
"""Mistreat the driver that withholds Normal-NC; runs inside the small emulated system.

Every function returns what it saw, for test_optout.py to judge.
"""

import ctypes
import errno
import mmap
import os
import threading
import time
from pathlib import Path

from ansible.module_utils.fleetpolicy_probe.btf import BTF, find_run
from ansible.module_utils.fleetpolicy_probe.guest import Guest
from ansible.module_utils.fleetpolicy_probe.kcore import KernelMemory
from ansible.module_utils.fleetpolicy_probe.measure import MEMBERS, REGION_IPA
from ansible.module_utils.fleetpolicy_probe.stage2 import Table, walk
from ansible.module_utils.fleetpolicy_probe.system import Area
from ansible.module_utils.fleetpolicy_probe.tracing import Watch
from ansible.module_utils.fleetpolicy_probe.vfio import Device
from ansible.module_utils.optout_programs.function import (
    DELETE_MODULE,
    DEVICES,
    FINIT_MODULE,
    OURS,
    attempt,
    libc,
    log_lines,
)

NONBLOCK = os.O_NONBLOCK
DRIVER: Path = Path("/sys/bus/pci/drivers") / OURS
PARAMETERS: Path = Path("/sys/module") / OURS / "parameters"
CYCLES, RACES = 1000, 200
EVERY_ID = "ffffffff ffffffff"
PAGE = mmap.PAGESIZE


def main(bound: list[str]) -> dict[str, object]:
    """Return what came of each fault.

    Args:
        bound: Addresses of two functions that the driver owns.
    """
    first, second = bound
    return {
        "badList": write_bad_list(),
        "byId": bind_by_id(second),
        "perDevice": choose_per_device(first, second),
        "whileOpen": change_while_open(first),
        "runningGuest": change_under_guest(first),
        "unloadInUse": unload_in_use(first),
        "race": change_at_every_moment(first),
        "cycles": open_and_close(first),
        "removedWhileMapped": remove_while_mapped(second),
        "badValue": load_with_bad_value(first),
    }


def parameter(name: str) -> str:
    return (PARAMETERS / name).read_text().strip()


def choice(address: str) -> tuple[str, str]:
    folder = DEVICES / address / "stage2"
    shown = [(folder / name).read_text().strip() for name in ("configured", "active")]
    return shown[0], shown[1]


def write_bad_list() -> dict[str, object]:
    """Write lists that are none; the one before stays."""
    (PARAMETERS / "devices").write_text("8086:10d3=normal-nc")
    bad = (
        "8086:10d3",
        "8086:10d3=fast",
        "0000:01:20.0=device",
        "0000:01:00.9=device",
        "x=device",
        "8086:10d3=device,8086:10d3=device",
        ",".join(f"{number:x}:0=device" for number in range(257)),
    )
    answers = [attempt((PARAMETERS / "devices").write_text, text) for text in bad]
    kept = parameter("devices")
    whole = ",".join(f"{number:04x}:0000=device" for number in range(200))
    long = attempt((PARAMETERS / "devices").write_text, whole)
    shown = parameter("devices") == whole
    (PARAMETERS / "devices").write_text("\n")
    return {
        "answers": answers,
        "kept": kept,
        "badType": attempt((PARAMETERS / "stage2").write_text, "fast"),
        "long": long,
        "longIsShown": shown,
        "empty": parameter("devices"),
    }


def bind_by_id(address: str) -> dict[str, object]:
    """Offer an id instead of the override, and all ids; then both: the override alone counts."""
    folder = DEVICES / address
    (DRIVER / "unbind").write_text(address)
    (folder / "driver_override").write_text("\n")
    own = " ".join((folder / name).read_text().strip()[2:] for name in ("vendor", "device"))
    others, answers, alone = owned(), [], []
    for words in (own, EVERY_ID):
        answers.append(attempt((DRIVER / "new_id").write_text, words))
        alone.append(owned() == others)
    (folder / "driver_override").write_text(OURS)
    Path("/sys/bus/pci/drivers_probe").write_text(address)
    overridden = (folder / "driver").exists()
    for words in (own, EVERY_ID):
        (DRIVER / "remove_id").write_text(words)
    refused = log_lines(f"{address}: not taken by id: write {OURS} to driver_override")
    told = {"overridden": overridden, "refusals": len(refused)}
    return {"answers": answers, "noOther": alone, **told}


def owned() -> list[str]:
    """Return the functions that the driver has."""
    return sorted(path.name for path in DRIVER.iterdir() if ":" in path.name)


def choose_per_device(first: str, second: str) -> dict[str, object]:
    """Give two devices different choices; an address goes before an id."""
    words = [(DEVICES / first / name).read_text().strip()[2:] for name in ("vendor", "device")]
    identity = ":".join(words)
    (PARAMETERS / "devices").write_text(f"{identity}=normal-nc")
    by_id = [choice(first)[0], choice(second)[0]]
    (PARAMETERS / "devices").write_text(f"{first}=device,{identity}=normal-nc")
    by_address = [choice(first)[0], choice(second)[0]]
    (PARAMETERS / "stage2").write_text("normal-nc")
    by_default = [choice(first)[0], choice(second)[0]]
    (PARAMETERS / "stage2").write_text("device")
    (PARAMETERS / "devices").write_text("\n")
    return {"byId": by_id, "byAddress": by_address, "byDefault": by_default}


def flags_of(device: Device) -> list[str]:
    """Return the flags of a mapping made now."""
    region = device.regions()[0]
    area = Area(region.length, PAGE)
    area.map(device.file, region.offset)
    try:
        return list(area.flags())
    finally:
        area.close()


def change_while_open(address: str) -> dict[str, object]:
    """Change the parameter under an open device; it keeps its own until it is opened anew."""
    closed = choice(address)
    device = Device(address)
    opened = choice(address)
    before = flags_of(device)
    (PARAMETERS / "stage2").write_text("normal-nc")
    changed = choice(address)
    after = flags_of(device)
    device.close()
    device = Device(address)
    reopened, anew = choice(address), flags_of(device)
    device.close()
    (PARAMETERS / "stage2").write_text("device")
    return {
        "closed": closed,
        "opened": opened,
        "changed": changed,
        "reopened": reopened,
        "flags": [("??" in found) for found in (before, after, anew)],
        "log": log_lines("it applies when a device is opened next"),
    }


def change_under_guest(address: str) -> dict[str, object]:
    """Change the parameter while a guest uses the device, then let a second one use it."""
    with Path(BTF).open("rb") as file:
        offsets = find_run(file.read(), MEMBERS)
    if offsets is None:
        return {"missing": "struct kvm_pgtable"}
    watch, memory = Watch(offsets), KernelMemory()
    device, guest, area = Device(address), Guest(), None
    found: list[object] = []
    try:
        region = device.regions()[0]
        area = Area(region.length, PAGE)
        area.map(device.file, region.offset)
        guest.add_slot(1, REGION_IPA, area.size, area.address)
        run, _ = guest.touch(REGION_IPA, fetch=False)
        root = watch.root()
        if root is None:
            return {"missing": "nothing was mapped", "run": run}
        for value in ("device", "normal-nc"):
            (PARAMETERS / "stage2").write_text(value)
            found.append(walk(Table(root[0], root[1], PAGE), REGION_IPA, memory))
    finally:
        (PARAMETERS / "stage2").write_text("device")
        guest.close()
        if area:
            area.close()
        device.close()
        watch.close()
        memory.close()
    return {"run": run, "entries": found}


def change_at_every_moment(address: str) -> dict[str, object]:
    """Open and map a device while the parameter changes without a pause."""
    ended = threading.Event()

    def toggle() -> None:
        while not ended.is_set():
            for value in ("normal-nc", "device"):
                (PARAMETERS / "stage2").write_text(value)

    other = threading.Thread(target=toggle)
    other.start()
    seen = []
    try:
        for _ in range(RACES):
            device = Device(address)
            active = choice(address)[1]
            seen.append((active, "??" in flags_of(device), "??" in flags_of(device)))
            device.close()
    finally:
        ended.set()
        other.join()
    return {"seen": sorted(set(seen)), "opened": len(seen), "active": choice(address)[1]}


def unload() -> str:
    answer = libc.syscall(DELETE_MODULE, OURS.encode(), NONBLOCK)
    return "ok" if answer == 0 else errno.errorcode[ctypes.get_errno()]


def unload_in_use(address: str) -> dict[str, object]:
    """Unload the module while a device is open."""
    device = Device(address)
    answer = unload()
    still = PARAMETERS.exists() and choice(address)[1] == "device"
    device.close()
    return {"answer": answer, "stillThere": still}


def slabs() -> dict[str, int]:
    """Return how many objects each cache of the kernel has in use."""
    lines = Path("/proc/slabinfo").read_text().splitlines()[2:]
    return {line.split()[0]: int(line.split()[1]) for line in lines}


def settled_slabs(address: str) -> dict[str, int]:
    """Return the counts once the kernel has taken back what it frees late.

    Mappings of the kernel are freed in batches, at the latest when a module is loaded, and kept in
    a pool until memory is asked for.

    Source:
        Linux, mm/vmalloc.c, vm_unmap_aliases() and vmap_node_shrink_scan();
        arch/arm64/mm/pageattr.c
    """
    unload()
    descriptor = os.open(f"/modules/{OURS}.ko", os.O_RDONLY)
    libc.syscall(FINIT_MODULE, descriptor, b"", 0)
    os.close(descriptor)
    if not (DEVICES / address / "driver").exists():
        Path("/sys/bus/pci/drivers_probe").write_text(address)
    Path("/proc/sys/vm/drop_caches").write_text("3")
    time.sleep(1)
    return slabs()


def cycle(address: str) -> None:
    device = Device(address)
    region = device.regions()[0]
    area = Area(region.length, PAGE)
    area.map(device.file, region.offset)
    area.close()
    device.close()


def open_and_close(address: str) -> dict[str, object]:
    """Open, map and close many times; count the kernel's objects before and after."""
    for _ in range(20):
        cycle(address)
    before = settled_slabs(address)
    started = time.monotonic()
    for _ in range(CYCLES):
        cycle(address)
    seconds = time.monotonic() - started
    active = choice(address)[1]
    references = int(Path(f"/sys/module/{OURS}/refcnt").read_text())
    after = settled_slabs(address)
    grown = {name: after[name] - count for name, count in before.items() if name in after}
    return {
        "cycles": CYCLES,
        "seconds": round(seconds, 1),
        "grown": {name: by for name, by in sorted(grown.items()) if by >= CYCLES // 2},
        "references": references,
        "active": active,
        "warnings": log_lines("WARNING: ") + log_lines("BUG: "),
    }


def remove_while_mapped(address: str) -> dict[str, object]:
    """Take a device from the bus while it is open and mapped; the removal waits for its owner."""
    device = Device(address)
    region = device.regions()[0]
    area = Area(region.length, PAGE)
    area.map(device.file, region.offset)
    removal = threading.Thread(target=(DEVICES / address / "remove").write_text, args=("1",))
    removal.start()
    removal.join(3)
    waits = removal.is_alive()
    area.close()
    device.close()
    removal.join(20)
    gone = not (DEVICES / address).exists()
    Path("/sys/bus/pci/rescan").write_text("1")
    time.sleep(1)
    return {
        "waits": waits,
        "ended": not removal.is_alive(),
        "gone": gone,
        "isBack": (DEVICES / address).exists(),
        "warnings": log_lines("WARNING: ") + log_lines("BUG: "),
    }


def load_with_bad_value(address: str) -> dict[str, object]:
    """Load the module with values that are none; the device is then without a driver."""
    gone = unload()
    answers = []
    for words in ("stage2=fast", "stage2", "devices=8086:10d3", "stage2=device"):
        descriptor = os.open(f"/modules/{OURS}.ko", os.O_RDONLY)
        answer = libc.syscall(FINIT_MODULE, descriptor, words.encode(), 0)
        answers.append("ok" if answer == 0 else errno.errorcode[ctypes.get_errno()])
        os.close(descriptor)
        bound = (DEVICES / address / "driver").exists()
        answers.append("bound" if bound else "without a driver")
    return {"unloaded": gone, "answers": answers}
