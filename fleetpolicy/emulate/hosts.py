"""Start, enter, reboot and end emulated hosts."""

import re
import shlex
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.access import ask, call, free_port, ssh_words, write_config
from fleetpolicy.emulate.board import board_of
from fleetpolicy.emulate.boots import await_boot, boot_id
from fleetpolicy.emulate.condition import hindrance, resume
from fleetpolicy.emulate.disk import ROOT_UUID
from fleetpolicy.emulate.grub import entry_of
from fleetpolicy.emulate.host_rules import HELD, NO_MEMORY, NO_SUCH_KERNEL, NOT_UP
from fleetpolicy.emulate.hostfolder import HostFolder
from fleetpolicy.emulate.image import provide_image
from fleetpolicy.emulate.kernels import NEWEST, release_order
from fleetpolicy.emulate.lock import Progress, locked, silent
from fleetpolicy.emulate.machine import CONSOLE, Machine, start
from fleetpolicy.emulate.process import find, find_removed, stop
from fleetpolicy.emulate.programs import provide_disk_programs
from fleetpolicy.emulate.qemu import Emulator, find_emulator
from fleetpolicy.emulate.room import writing
from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.scalars import size_kib

_OVERHEAD_MIB = 512
"""What QEMU takes beside the memory of its machine, translated code above all."""
_PORTS, _ASKED = 3, 3
_FORWARDING = "Could not set up host forwarding rule"
_MEMINFO = Path("/proc/meminfo")
_THIS_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STARTED = "started"
"""Names the boot of this machine in which a host was started last."""


def switch_on(host: InventoryHost, progress: Progress) -> bool:
    """Start a host, made first where it is not there, and return whether it was off.

    It boots meanwhile: await_host waits for it. One that QEMU paused goes on.

    Raises:
        FleetPolicyError: Something is missing, be it a package, room, memory or a program.
    """
    machine = _machine(host)
    with _held(host, progress) as folder:
        if folder.is_made:
            folder.secure()
            if find(folder.path) is not None:
                resume(folder.path)
                return False
        # There may be one whose folder was removed.
        stop(folder.path)
        _need_memory(folder, machine)
        programs = provide_disk_programs(progress)
        emulator = find_emulator(progress)
        image = provide_image(machine, programs, progress)
        if not folder.has_disk:
            progress(f"{host.name}: making its disk")
        folder.make(image, machine, programs)
        _tell_of_restart(folder, progress)
        _start(folder, emulator, partial(board_of, machine, programs.firmware))
        return True


def await_host(host: InventoryHost) -> str:
    """Wait until a host that was started has booted, and return the kernel that it runs.

    Raises:
        FleetPolicyError: It does not come up; the finding has the console's last lines.
    """
    folder = _folder(host)
    await_boot(folder.path, host.name)
    return _release(folder)


def switch_off(host: InventoryHost, progress: Progress = silent) -> bool:
    """End a host, remove it with all that is on it, and return whether there was one.

    Raises:
        FleetPolicyError: Something else is in its place, or it cannot be ended or removed.
    """
    with _held(host, progress) as folder:
        # What our QEMU works in is to be ended, whatever became of it.
        was_on = not folder.path.is_symlink() and stop(folder.path)
        was_made = folder.is_made
        folder.remove()
        return was_made or was_on


def left_behind(lab: Path, known: Container[str]) -> tuple[InventoryHost, ...]:
    """Return the hosts of a lab that its inventory has no more, sorted by name.

    Args:
        lab: The folder that holds those of the hosts.
        known: Names of the hosts that the inventory has.
    """
    there = [path.name for path in lab.iterdir()] if lab.is_dir() else []
    marked = {name for name in there if HostFolder(lab / name, name).is_marked}
    return tuple(
        InventoryHost(name, (), {}, "/", None, None, str(lab / name))
        for name in sorted(marked | {*find_removed(lab)})
        if name not in known
    )


def reboot(host: InventoryHost, kernel: str = "", progress: Progress = silent) -> str:
    """Reboot a host and return the kernel that it runs then; one that hangs is started anew.

    Args:
        host: It runs.
        kernel: What it boots from now on: a release of its disk, its beginning, or newest.
        progress: Told what is done.

    Raises:
        FleetPolicyError: It has no such kernel, does not run, or does not come up.
    """
    with _held(host, progress) as folder:
        before = _boot_of(folder)
        if kernel:
            _choose_kernel(folder, _chosen(folder, kernel))
        if before:
            # The answer may be lost with the network.
            ask(folder.path, host.name, "systemctl reboot")
            await_boot(folder.path, host.name, before)
            return _release(folder)
        stop(folder.path)
    switch_on(host, progress)
    return await_host(host)


def status(host: InventoryHost) -> str:
    """Return in one line what a host does."""
    folder = _folder(host)
    if not folder.is_made:
        lost = find_removed(folder.path.parent).get(host.name)
        return f"its folder was removed, process {lost} works on" if lost else "not built"
    pid = find(folder.path)
    if pid is None:
        return "off" if folder.has_disk else "half built; lab up goes on"
    if why := hindrance(folder.path):
        return f"is held: {why}"
    reply = call(folder.path, host.name, "uname -r")
    if reply.out is not None:
        return f"runs {reply.out.strip()}; process {pid}"
    return f"does not answer; process {pid}" + (f"; ssh says: {reply.said}" if reply.said else "")


def process_of(host: InventoryHost) -> int | None:
    """Return the process id of a host's QEMU, if it runs."""
    folder = _folder(host).path
    return find(folder) or find_removed(folder.parent).get(host.name)


def session(host: InventoryHost) -> tuple[str, ...]:
    """Return the words that enter a host; a command may follow.

    Raises:
        FleetPolicyError: It does not run.
    """
    folder = _folder(host)
    if not _is_up(folder):
        raise folder.refusal(NOT_UP, "it does not run", "run: fleetpolicy lab up")
    if why := hindrance(folder.path):
        raise folder.refusal(HELD, why, "let it go on, or run: fleetpolicy lab up")
    folder.secure()
    return ssh_words(folder.path, host.name)


def console(host: InventoryHost) -> str:
    """Return what a host's firmware, loader and kernel printed since it was started."""
    place = _folder(host).path / CONSOLE
    return place.read_text(errors="replace").replace("\r", "") if place.exists() else ""


def _start(folder: HostFolder, emulator: Emulator, board: Callable[[int], Machine]) -> None:
    """Start a host at a free port; another one is tried where somebody took it in between."""
    for attempt in range(_PORTS):
        port = free_port()
        write_config(folder.path, folder.name, port)
        try:
            start(emulator, board(port), folder.path)
        except FleetPolicyError as error:
            if attempt + 1 == _PORTS or _FORWARDING not in error.diagnostics[0].why:
                raise
        else:
            (folder.path / _STARTED).write_text(_THIS_BOOT.read_text())
            return


def _tell_of_restart(folder: HostFolder, progress: Progress) -> None:
    """Tell of a disk that a power cut may have damaged: QEMU leaves it to this machine's cache."""
    place = folder.path / _STARTED
    if place.exists() and place.read_text() != _THIS_BOOT.read_text():
        progress(
            f"{folder.name}: this machine was restarted since it ran; where that was no orderly "
            "end, its disk may be damaged: lab reset makes it anew"
        )


def _choose_kernel(folder: HostFolder, release: str) -> None:
    entry = shlex.quote(entry_of(release, ROOT_UUID))
    if ask(folder.path, folder.name, f"/usr/sbin/grub-set-default {entry}") is None:
        why = f"it cannot be told to boot {release}: it does not answer"
        raise folder.refusal(NOT_UP, why, "run: fleetpolicy lab up")


def _chosen(folder: HostFolder, kernel: str) -> str:
    """Return the release that is meant."""
    found = [
        release
        for release in folder.releases
        if kernel == NEWEST or re.match(rf"{re.escape(kernel)}($|[.+-])", release)
    ]
    if not found:
        why = f"no kernel of its disk is {kernel}"
        raise folder.refusal(NO_SUCH_KERNEL, why, f"name one of: {', '.join(folder.releases)}")
    return max(found, key=release_order)


def _boot_of(folder: HostFolder) -> str:
    """Return the boot that a host is in; one that is only slow is asked again."""
    for _ in range(_ASKED):
        if not _is_up(folder):
            break
        if found := boot_id(folder.path, folder.name):
            return found
    return ""


def _release(folder: HostFolder) -> str:
    return (ask(folder.path, folder.name, "uname -r") or "").strip()


def _is_up(folder: HostFolder) -> bool:
    return folder.is_made and find(folder.path) is not None


def _need_memory(folder: HostFolder, machine: EmulatedHost) -> None:
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(), re.MULTILINE)
    shared = sum(size_kib(item.size) for item in machine.devices if item.model == "ivshmem")
    wanted = ((size_kib(machine.memory) + shared) >> 10) + _OVERHEAD_MIB
    free = int(found.group(1)) >> 10 if found else wanted
    if free < wanted:
        why = f"{wanted:,} MiB are needed and {free:,} MiB are free"
        raise folder.refusal(NO_MEMORY, why, "end other hosts, or give it less memory")


def _machine(host: InventoryHost) -> EmulatedHost:
    if host.emulated is None:
        raise ValueError(f"{host.name} is no emulated host")
    return host.emulated


def _folder(host: InventoryHost) -> HostFolder:
    return HostFolder(Path(host.lab), host.name)


@contextmanager
def _held(host: InventoryHost, progress: Progress) -> Iterator[HostFolder]:
    """Hold a host, so that no other process changes it meanwhile."""
    folder = _folder(host)
    with writing(folder.path, folder.no_room), locked(folder.path, progress):
        yield folder
