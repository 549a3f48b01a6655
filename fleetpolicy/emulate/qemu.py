"""Find QEMU on this machine, or unpack Debian's into the cache."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.lock import Progress, silent
from fleetpolicy.emulate.programs import provide
from fleetpolicy.emulate.rules import NO_EMULATOR, NO_MIRROR, PACKAGE_MISSING

PROGRAM = "qemu-system-aarch64"
PREFERRED, OLDEST = (10, 0), (7, 2)
_PACKAGE = "qemu-system-arm"
_ABSENT = frozenset({NO_MIRROR, PACKAGE_MISSING})
_VERSION = re.compile(r"QEMU emulator version (?P<version>(\d+)\.(\d+)\S*)")


@dataclass(frozen=True, slots=True)
class Emulator:
    """A QEMU that runs on this machine.

    Args:
        command: The words that start it; arguments follow.
        version: As it tells it, such as 10.0.13.
    """

    command: tuple[str, ...]
    version: str


def find_emulator(progress: Progress = silent) -> Emulator:
    """Return the QEMU that FLEETPOLICY_QEMU names, the installed one, or Debian's from the cache.

    An installed one before 10.0 is used only where Debian's cannot be had.

    Raises:
        FleetPolicyError: None runs here.
    """
    chosen = os.environ.get("FLEETPOLICY_QEMU")
    if chosen:
        # QEMU works in a folder of its own.
        found = shutil.which(chosen)
        return _need(_ask((str(Path(found).absolute()),)) if found else None, chosen)
    path = shutil.which(PROGRAM)
    installed = _ask((path,)) if path else None
    if installed and _number(installed) >= PREFERRED:
        return installed
    try:
        return _need(_ask(_provide(progress)), _PACKAGE)
    except FleetPolicyError as error:
        is_absent = all(item.rule in _ABSENT for item in error.diagnostics)
        if is_absent and installed and _number(installed) >= OLDEST:
            progress(f"Debian's QEMU is not to be had; {path} is used, {installed.version}")
            return installed
        raise


def _provide(progress: Progress) -> tuple[str, ...]:
    """Return the words that start Debian's QEMU with its own libraries and data."""
    found = provide("qemu", (_PACKAGE,), progress)
    return (*found.command(PROGRAM), "-L", str(found.folder / "usr" / "share" / "qemu"))


def _ask(command: tuple[str, ...]) -> Emulator | None:
    try:
        done = subprocess.run(  # noqa: S603 - a program that the user chose, or Debian's
            [*command, "--version"], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout)
    return Emulator(command, found["version"]) if found else None


def _need(found: Emulator | None, what: str) -> Emulator:
    if found and _number(found) >= OLDEST:
        return found
    said = f"says that it is {found.version}" if found else "does not run as QEMU"
    raise FleetPolicyError(
        NO_EMULATOR.at(
            Span(what),
            why=f"{what} {said}",
            fix="install qemu-system-arm 7.2 or newer, or let FLEETPOLICY_QEMU name its program",
        )
    )


def _number(emulator: Emulator) -> tuple[int, int]:
    major, minor = re.findall(r"\d+", emulator.version)[:2]
    return int(major), int(minor)
