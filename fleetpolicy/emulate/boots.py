"""Wait until an emulated host has booted, or say what it said last."""

import time
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Rule, Span, Subject
from fleetpolicy.emulate.access import ask
from fleetpolicy.emulate.host_rules import NO_ANSWER, PANIC
from fleetpolicy.emulate.machine import CONSOLE, LOG, find, stop, tail

BOOT_SECONDS = 900
_PANIC = b"Kernel panic - not syncing"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SHOWN_LINES = 15
_PAUSE_SECONDS = 2


def boot_id(folder: Path, name: str) -> str:
    """Return what tells the boot that a host is in from others, or nothing without an answer."""
    return (ask(folder, name, f"cat {_BOOT_ID}") or "").strip()


def await_boot(folder: Path, name: str, before: str = "", seconds: float = BOOT_SECONDS) -> None:
    """Wait until a host answers from another boot.

    Args:
        folder: That of the host.
        name: The host's.
        before: The boot id that it had; empty for one that was just started.
        seconds: How long to wait.

    Raises:
        FleetPolicyError: Its kernel panicked, QEMU ended, or nobody answers in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = boot_id(folder, name)
        if found and found != before:
            return
        if has_panicked(folder):
            stop(folder)
            raise _said(PANIC, folder, name, "its kernel panicked", "boot another kernel")
        if find(folder) is None:
            why = f"QEMU ended: {tail(folder / LOG, 3) or 'it left no word'}"
            raise _said(NO_ANSWER, folder, name, why, "run: fleetpolicy lab up")
        if time.monotonic() > deadline:
            why = f"nobody answered for {seconds:.0f} s"
            fix = f"see {folder / CONSOLE}, then run: fleetpolicy lab boot or lab reset"
            raise _said(NO_ANSWER, folder, name, why, fix)
        time.sleep(_PAUSE_SECONDS)


def has_panicked(folder: Path) -> bool:
    """Tell whether the console shows a kernel's panic."""
    try:
        return _PANIC in (folder / CONSOLE).read_bytes()
    except OSError:
        return False


def _said(rule: Rule, folder: Path, name: str, why: str, fix: str) -> FleetPolicyError:
    lines = tail(folder / CONSOLE, _SHOWN_LINES)
    text = f"{why}; the console's last lines:\n{lines}" if lines else why
    return FleetPolicyError(
        rule.at(Span(str(folder / CONSOLE)), why=text, fix=fix, subject=Subject(name))
    )
