"""Start emulated machines, each in a private folder of its own."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.process import ends_within, find, stop
from fleetpolicy.emulate.qemu import Emulator
from fleetpolicy.emulate.qmp import SOCKET, WORDS, Monitor
from fleetpolicy.emulate.rules import MACHINE_NOT_STARTED

CONSOLE, PID_FILE, LOG = "console", "pid", "log"
MAX_CPU = "max,pauth-impdef=on,sve=off,sme=off"
# Carriage returns, and what ECMA-48 has for screens.
_ESCAPES = re.compile(r"\r|\x1b\[[0-9;=?]*[A-Za-z]|\x1b[A-Z]")
_NICE = ("nice", "-n", "5")
_START_SECONDS = 60.0
_GONE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Machine:
    """Describe an arm64 machine with EL2, GICv3 and SMMUv3.

    Args:
        cpu: QEMU's name of the model, with its properties.
        boot: What it boots, in QEMU's words: -kernel and so on, or -bios.
        devices: Further words, such as -device e1000e,bus=rp1.
        tagged: Whether its RAM has tags, for CPUs with MTE.
    """

    cpu: str
    memory_mib: int
    cpus: int
    boot: tuple[str, ...]
    devices: tuple[str, ...] = ()
    tagged: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Tell how a machine ran.

    Args:
        ended: Of itself, or False when its time was over.
        seconds: Wall time.
        cpu_seconds: Of all its threads.
    """

    ended: bool
    seconds: float
    cpu_seconds: float


def arguments(machine: Machine) -> tuple[str, ...]:
    """Return QEMU's arguments; file names are relative to the machine's folder."""
    board = f"virt,virtualization=on,gic-version=3,iommu=smmuv3{',mte=on' * machine.tagged}"
    return (
        *("-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"),
        *("-M", board, "-cpu", machine.cpu),
        *("-accel", "tcg,thread=multi,tb-size=512"),
        *("-smp", str(machine.cpus), "-m", f"{machine.memory_mib}M"),
        *("-serial", f"file:{CONSOLE}", "-pidfile", PID_FILE),
        *WORDS,
        *machine.boot,
        *machine.devices,
    )


def start(emulator: Emulator, machine: Machine, folder: Path) -> int:
    """Start a machine that outlives this process, and return QEMU's process id.

    Args:
        emulator: The QEMU to run.
        machine: What to emulate.
        folder: Is made, readable by nobody else, and becomes QEMU's working folder: by that it is
            found again. It then holds console, qmp, pid and log.

    Raises:
        FleetPolicyError: QEMU ends at once.
    """
    command = ["setsid", "--fork", *_NICE, *emulator.command, *arguments(machine)]
    with _launch(command, folder) as process:
        process.wait()
    began = seen = time.monotonic()
    # A process that is being replaced by exec() shows no words for a moment.
    while (now := time.monotonic()) - seen < _GONE_SECONDS and now - began < _START_SECONDS:
        pid = find(folder)
        if pid is not None:
            seen = now
            if _is_up(folder):
                return pid
        time.sleep(0.05)
    stop(folder)
    raise _not_started(folder)


def run(emulator: Emulator, machine: Machine, folder: Path, seconds: float) -> Run:
    """Run a machine to its end; it also ends with this process, and when the seconds are over.

    Args:
        emulator: The QEMU to run.
        machine: What to emulate.
        folder: As for start.
        seconds: How long it may take.

    Raises:
        FleetPolicyError: QEMU does not start.
    """
    dies_with_us = ["setpriv", "--pdeathsig", "KILL"]
    command = [*_NICE, *dies_with_us, *emulator.command, *arguments(machine)]
    began = time.monotonic()
    with _launch(command, folder) as process:
        ended = False
        try:
            ended = _ends_within_of(process.pid, seconds)
        finally:
            if not ended:
                os.kill(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if ended and process.returncode:
        raise _not_started(folder)
    return Run(ended, time.monotonic() - began, usage.ru_utime + usage.ru_stime)


def tail(path: Path, lines: int) -> str:
    """Return the last lines of a file that are not blank, without what moves and colours."""
    if not path.exists():
        return ""
    text = _ESCAPES.sub("", path.read_text(errors="replace"))
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def _launch(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (CONSOLE, SOCKET, PID_FILE, LOG):
        (folder / name).unlink(missing_ok=True)
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - QEMU and words of our own
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _is_up(folder: Path) -> bool:
    """Tell whether QEMU answers; the files that it makes are there before it has its machine."""
    try:
        with Monitor(folder):
            return True
    except OSError:
        return False


def _not_started(folder: Path) -> FleetPolicyError:
    return FleetPolicyError(
        MACHINE_NOT_STARTED.at(
            Span(str(folder / LOG)),
            why=tail(folder / LOG, 5) or "QEMU ended without a word",
            fix="see its words there; the machine needs the memory and the files that they name",
        )
    )


def _ends_within_of(pid: int, seconds: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        return ends_within(descriptor, seconds)
    finally:
        os.close(descriptor)
