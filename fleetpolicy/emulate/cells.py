"""Measure one kernel on one CPU model, and keep what came of it."""

import base64
import hashlib
import json
import re
import shutil
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.cache import cache_folder
from fleetpolicy.emulate.initramfs import Task, initramfs
from fleetpolicy.emulate.kernels import Kernel
from fleetpolicy.emulate.lock import Progress, locked
from fleetpolicy.emulate.machine import CONSOLE, MAX_CPU, Machine, Run, run, tail
from fleetpolicy.emulate.qemu import Emulator
from fleetpolicy.emulate.room import cache_refusal, writing
from fleetpolicy.emulate.rules import NO_ANSWER

CPUS = ("max", "neoverse-v1", "cortex-a710", "neoverse-n1", "cortex-a72")
MODULES = ("vfio-pci", "vfio_iommu_type1")
NETWORK_CARD, SHARED_MEMORY = "8086:10d3", "1af4:1110"
_SHARED_MEMORY_MIB = 64
_WITH_MTE = frozenset({"max"})
_CPU_WORDS = {"max": MAX_CPU}
_COMMAND_LINE = "console=ttyAMA0 quiet loglevel=4 panic=-1 rdinit=/init"
_MEMORY_MIB = 1024
_SHOWN_LINES = 12
_DEVICES = (
    *("-device", "pcie-root-port,id=rp1,chassis=1,slot=1"),
    *("-netdev", "user,id=n1,restrict=on"),
    *("-device", "e1000e,bus=rp1,netdev=n1,romfile="),
    *("-device", "pcie-root-port,id=rp2,chassis=2,slot=2"),
    *("-object", f"memory-backend-ram,id=shared,size={_SHARED_MEMORY_MIB}M,share=on"),
    *("-device", "ivshmem-plain,memdev=shared,bus=rp2"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is to be measured.

    Args:
        kernel: The kernel, unpacked.
        cpu: QEMU's name of the CPU model.
        task: Modules and bindings.
        programs: Packages of the agent, by name.
        seconds: How long the machine may run.
        devices: More of them, beside the card and the memory, in QEMU's words.
    """

    kernel: Kernel
    cpu: str
    task: Task
    programs: Mapping[str, Path]
    seconds: float
    devices: tuple[str, ...] = ()

    def key(self, emulator: Emulator) -> str:
        """Return a name for all that the answer depends on."""
        digest = hashlib.sha256()
        extra = [(path.name, path.read_bytes(), words) for path, words in self.task.extra]
        beside = ("guest_init.py", "initramfs.py")
        own = [*(Path(__file__).with_name(name) for name in beside), *self._sources()]
        content = [(path.name, path.read_bytes()) for path in own]
        words = (emulator.version, self.kernel.digest, _machine(self, Path()))
        for item in (
            *words,
            self.task.modules,
            self.task.devices,
            self.task.afterwards,
            extra,
            content,
        ):
            digest.update(repr(item).encode())
        return f"{self.kernel.release}_{self.cpu}_{digest.hexdigest()[:16]}"

    def _sources(self) -> list[Path]:
        return [path for folder in self.programs.values() for path in sorted(folder.glob("*.py"))]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a machine told.

    Args:
        reply: The agent's, with the host's record and the measurement.
        seconds: Wall time of the machine.
        cpu_seconds: Of all its threads.
        place: The file that keeps it.
        is_kept: Whether it was there from an earlier run.
    """

    reply: dict[str, Any]
    seconds: float
    cpu_seconds: float
    place: Path
    is_kept: bool


def measure_cell(
    emulator: Emulator, cell: Cell, progress: Progress, *, anew: bool = False
) -> Answer:
    """Return what a cell measured, now or in an earlier run.

    Args:
        emulator: The QEMU to run.
        cell: What is to be measured.
        progress: Told what is done.
        anew: Whether an earlier answer does not count.

    Raises:
        FleetPolicyError: The machine does not start, panics, or does not end in its time.
    """
    key = cell.key(emulator)
    place = cache_folder() / "cells" / f"{key}.json"
    if place.exists() and not anew:
        return _read(place, is_kept=True)
    folder = cache_folder() / "machines" / key
    with writing(place, cache_refusal), locked(place, progress):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        archive = folder / "initrd"
        archive.write_bytes(initramfs(cell.kernel, cell.task, cell.programs, progress))
        progress(f"measuring {cell.kernel.release} on {cell.cpu}")
        ran = run(emulator, _machine(cell, archive), folder, cell.seconds)
        reply = read_answer((folder / CONSOLE).read_text(errors="replace"))
        if reply is None or reply.get("status") != "ok":
            raise _no_answer(cell, folder, ran, reply)
        _keep(place, reply, ran)
        shutil.rmtree(folder)
    return _read(place, is_kept=False)


def read_answer(console: str) -> dict[str, Any] | None:
    """Return the document between the marks of a console, None where it is not whole."""
    text = "".join(re.findall(r"^@answer (\S+)\r?$", console, re.MULTILINE))
    end = re.search(r"^@end ([0-9a-f]{64})\r?$", console, re.MULTILINE)
    if not end:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if hashlib.sha256(data).hexdigest() != end[1]:
        return None
    reply: dict[str, Any] = json.loads(zlib.decompress(data))
    return reply


def _machine(cell: Cell, archive: Path) -> Machine:
    return Machine(
        cpu=_CPU_WORDS.get(cell.cpu, cell.cpu),
        memory_mib=_MEMORY_MIB,
        cpus=2,
        boot=(
            *("-kernel", str(cell.kernel.vmlinuz), "-initrd", str(archive)),
            *("-append", _COMMAND_LINE),
        ),
        devices=(*_DEVICES, *cell.devices, "-no-reboot"),
        tagged=cell.cpu in _WITH_MTE,
    )


def _keep(place: Path, reply: dict[str, Any], ran: Run) -> None:
    document = {
        "cpuSeconds": round(ran.cpu_seconds, 1),
        "measuredAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "reply": reply,
        "seconds": round(ran.seconds, 1),
    }
    partial = place.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    partial.rename(place)


def _read(place: Path, *, is_kept: bool) -> Answer:
    document = json.loads(place.read_text())
    return Answer(document["reply"], document["seconds"], document["cpuSeconds"], place, is_kept)


def _no_answer(
    cell: Cell, folder: Path, ran: Run, reply: dict[str, Any] | None
) -> FleetPolicyError:
    how = "ended without an answer" if ran.ended else f"was not done in {cell.seconds:.0f} s"
    said = tail(folder / CONSOLE, _SHOWN_LINES) or "none"
    why = f"{how}; its last words:\n{said}"
    if reply:
        why = f"has an agent that failed: {reply.get('message')}"
    return FleetPolicyError(
        NO_ANSWER.at(
            Span(str(folder / CONSOLE)),
            why=f"{cell.kernel.release} on {cell.cpu} {why}",
            fix="read the console; on a busy machine give it more time: --timeout",
        )
    )
