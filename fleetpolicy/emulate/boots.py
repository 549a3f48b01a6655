"""Wait until an emulated host has booted, or say what it said last."""

import time
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Rule, Span, Subject
from fleetpolicy.emulate.access import Reply, call
from fleetpolicy.emulate.condition import hindrance
from fleetpolicy.emulate.host_rules import HELD, NO_ANSWER, PANIC, SSH_REFUSED
from fleetpolicy.emulate.machine import CONSOLE, LOG, tail
from fleetpolicy.emulate.process import find, stop

BOOT_SECONDS = 900
_PANIC = b"Kernel panic - not syncing"
_POWER_ON = b"UEFI firmware (version"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SHOWN_LINES = 15
_PAUSE_SECONDS = 2
_ANEW = "run: fleetpolicy lab reset; started again, it boots this kernel again"
_REFUSALS = 3
"""A host that goes down may refuse once."""


def boot_id(folder: Path, name: str) -> str:
    """Return what tells the boot that a host is in from others, or nothing without an answer."""
    return (_ask_boot(folder, name).out or "").strip()


def console_size(folder: Path) -> int:
    """Return how much a host's console has printed, in bytes."""
    try:
        return (folder / CONSOLE).stat().st_size
    except FileNotFoundError:
        return 0


def await_boot(folder: Path, name: str, before: str = "", seconds: float = BOOT_SECONDS) -> None:
    """Wait until a host answers from another boot.

    Args:
        folder: That of the host.
        name: The host's.
        before: The boot id that it had; empty for one that was just started.
        seconds: How long to wait.

    Raises:
        FleetPolicyError: Its kernel panicked, QEMU ended or is held, ssh is refused, or nobody
            answers in time.
    """
    deadline = time.monotonic() + seconds
    seen = console_size(folder) if before else 0
    refused = 0
    while True:
        _need_work(folder, name)
        reply = _ask_boot(folder, name)
        found = (reply.out or "").strip()
        if found and found != before:
            return
        _need_life(folder, name, seen)
        refused = refused + 1 if reply.is_refusal else 0
        if refused == _REFUSALS:
            fix = "run: fleetpolicy lab reset, unless you know who changed what, and undo it"
            raise _refusal(SSH_REFUSED, folder, name, (f"ssh says: {reply.said}", fix))
        if time.monotonic() > deadline:
            why = f"nobody answered for {seconds:.0f} s"
            why += f"; ssh says: {reply.said}" if reply.said else ""
            fix = f"see {folder / CONSOLE}, then run: fleetpolicy lab boot or lab reset"
            raise _said(NO_ANSWER, folder, name, why, fix)
        time.sleep(_PAUSE_SECONDS)


def has_panicked(folder: Path, seen: int = 0) -> bool:
    """Tell whether the console shows a kernel's panic, after which nothing was started again.

    Args:
        folder: That of the host.
        seen: How much of the console is of earlier boots, in bytes.
    """
    try:
        text = (folder / CONSOLE).read_bytes()[seen:]
    except OSError:
        return False
    return _PANIC in text.rpartition(_POWER_ON)[2]


def _ask_boot(folder: Path, name: str) -> Reply:
    return call(folder, name, f"cat {_BOOT_ID}")


def _need_life(folder: Path, name: str, seen: int) -> None:
    """Refuse to wait for a host that will not answer."""
    if has_panicked(folder, seen):
        stop(folder)
        raise _said(PANIC, folder, name, "its kernel panicked", _ANEW)
    if find(folder) is None:
        why = f"QEMU ended: {tail(folder / LOG, 3) or 'it left no word'}"
        if not folder.exists():
            why = "somebody removed it meanwhile"
        raise _said(NO_ANSWER, folder, name, why, "run: fleetpolicy lab up")


def _need_work(folder: Path, name: str) -> None:
    """Refuse to wait for a QEMU that is held."""
    if why := hindrance(folder):
        fix = "let it go on, make room where that is missing, and run: fleetpolicy lab up"
        raise _refusal(HELD, folder, name, (why, fix))


def _said(rule: Rule, folder: Path, name: str, why: str, fix: str) -> FleetPolicyError:
    lines = tail(folder / CONSOLE, _SHOWN_LINES)
    text = f"{why}; the console's last lines:\n{lines}" if lines else why
    return _refusal(rule, folder / CONSOLE, name, (text, fix))


def _refusal(rule: Rule, place: Path, name: str, words: tuple[str, str]) -> FleetPolicyError:
    why, fix = words
    return FleetPolicyError(rule.at(Span(str(place)), why=why, fix=fix, subject=Subject(name)))
