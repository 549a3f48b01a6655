"""Find and end the QEMU that works in a folder, and no other process."""

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.host_rules import NOT_ENDED
from fleetpolicy.emulate.qmp import WORDS

_MARK = b"\0".join(word.encode() for word in ("", *WORDS, ""))
_GONE = " (deleted)"
_END_SECONDS = 10.0


def find(folder: Path) -> int | None:
    """Return the process id of the QEMU that works in a folder, if there is one."""
    return next((pid for pid in _emulators() if _works_in(pid, folder)), None)


def find_removed(parent: Path) -> dict[str, int]:
    """Return the QEMUs that work in folders which were removed from another, by their names."""
    found = {}
    for pid in _emulators():
        folder, _, gone = _cwd(pid).rpartition(_GONE)
        if folder and not gone and Path(folder).parent == parent.resolve():
            found[Path(folder).name] = pid
    return found


def is_stopped(pid: int) -> bool:
    """Tell whether a process was stopped by a signal or by a debugger.

    Source:
        proc_pid_stat(5): the state follows the name, which is in parentheses.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(") ")[2][:1] in {"T", "t"}


def stop(folder: Path, seconds: float = _END_SECONDS) -> bool:
    """End the machine of a folder, by force if it has not gone after some seconds.

    One whose folder was removed meanwhile is ended as well.

    Returns:
        Whether one ran.

    Raises:
        FleetPolicyError: It does not end.
    """
    ended = [_end(pid, folder, seconds) for pid in _emulators() if _is_of(pid, folder)]
    return any(ended)


def ends_within(descriptor: int, seconds: float) -> bool:
    """Tell whether the process of a descriptor ends in time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _end(pid: int, folder: Path, seconds: float) -> bool:
    descriptor = _open(pid, folder)
    if descriptor is None:
        return False
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(descriptor, number)
            if ends_within(descriptor, seconds):
                return True
    except ProcessLookupError:
        return True
    finally:
        os.close(descriptor)
    raise FleetPolicyError(
        NOT_ENDED.at(
            Span(str(folder)),
            why=f"process {pid} did not end {seconds:.0f} s after SIGKILL",
            fix=f"see what process {pid} waits for: its /proc folder has wchan and stack",
        )
    )


def _emulators() -> Iterator[int]:
    """Yield the processes that were started with our words for QEMU's monitor."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and _is_emulator(int(path.name)):
            yield int(path.name)


def _is_emulator(pid: int) -> bool:
    try:
        return _MARK in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _works_in(pid: int, folder: Path) -> bool:
    """Tell whether a process works in a folder, whatever else is at its path elsewhere."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:
        return False


def _is_of(pid: int, folder: Path) -> bool:
    """Tell whether a process works in a folder, or in one that was there and was removed."""
    return _cwd(pid) == f"{folder.resolve()}{_GONE}" or _works_in(pid, folder)


def _cwd(pid: int) -> str:
    """Return where a process works, with a remark by the kernel if that is no more."""
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def _open(pid: int, folder: Path) -> int | None:
    """Return a descriptor of the process, which no other can take over, if it is the one meant."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if _is_emulator(pid) and _is_of(pid, folder):
        return descriptor
    os.close(descriptor)
    return None
