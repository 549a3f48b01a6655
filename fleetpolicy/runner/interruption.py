"""End a run when somebody wants it to end, so that nothing of it works on."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fleetpolicy.runner.signals import handled

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 15.0


class Interruption:
    """Answer ansible-runner's question whether to stop.

    Ansible's workers lead sessions of their own, so the SIGKILL that ansible-runner has for a run
    that is cancelled would leave them at work, a pending reboot included. Ansible passes SIGTERM
    on to them: it is asked first, and killed when it does not end.

    Args:
        mark: A text that the command line of this run's Ansible holds.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._wanted = threading.Event()
        self._deadline = 0.0

    def want(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Note that the run is to end; signal handlers call this."""
        self._wanted.set()

    @property
    def is_wanted(self) -> bool:
        """Whether the run is to end."""
        return self._wanted.is_set()

    def must_kill(self) -> bool:
        """Return whether Ansible has to be killed; ask it to end first."""
        if not self.is_wanted:
            return False
        if not self._deadline:
            self._deadline = time.monotonic() + _GRACE_SECONDS
            asked = [_terminate(pid) for pid in _children() if self._mark in _command(pid)]
            return not any(asked)
        return time.monotonic() > self._deadline


def _children() -> list[int]:
    """Return the processes that this one started.

    Source:
        proc_pid_task(5), children; elsewhere there are none, and the run is killed
    """
    listings = Path("/proc/self/task").glob("*/children")
    return [int(word) for listing in listings for word in listing.read_text().split()]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _terminate(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError:
        return False
    return True


@contextmanager
def interruption(mark: str) -> Iterator[Interruption]:
    """Catch SIGINT and SIGTERM for as long as a run lasts; only the main thread can.

    Args:
        mark: A text that the command line of this run's Ansible holds.
    """
    wanted = Interruption(mark)
    with handled(_SIGNALS, wanted.want):
        yield wanted
