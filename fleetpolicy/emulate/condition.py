"""Tell what keeps a QEMU that runs from its work, and let it go on where we may."""

from pathlib import Path

from fleetpolicy.emulate.process import find, is_stopped
from fleetpolicy.emulate.qmp import Monitor
from fleetpolicy.emulate.room import free_at

_SECONDS = 5.0
_NO_ROOM, _PAUSED = "io-error", "paused"
_FINE = frozenset({"", "prelaunch", "running", "shutdown"})
"""At work, or about to begin or to end; nothing where QEMU does not answer."""


def hindrance(folder: Path) -> str:
    """Return why the machine of a folder is not at work, or nothing where none is known."""
    pid = find(folder)
    if pid is None:
        return ""
    if is_stopped(pid):
        return f"process {pid} was stopped by a signal; kill -CONT {pid} lets it go on"
    state = _state(folder)
    if state == _NO_ROOM:
        return f"QEMU paused it: its disk could not be written; {free_at(folder)}"
    return "" if state in _FINE else f"QEMU says that it is {state}"


def resume(folder: Path) -> None:
    """Let the machine of a folder go on that was paused, for want of room for instance."""
    if _state(folder) not in {_NO_ROOM, _PAUSED}:
        return
    try:
        with Monitor(folder, _SECONDS) as monitor:
            monitor.execute("cont")
    except (OSError, RuntimeError):
        # What keeps it from its work is told by whoever waits for it.
        return


def _state(folder: Path) -> str:
    """Return QEMU's word for what its machine does, or nothing when it does not answer.

    Source:
        QEMU, qapi/run-state.json, RunState.
    """
    try:
        with Monitor(folder, _SECONDS) as monitor:
            return str(monitor.execute("query-status")["status"])
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return ""
