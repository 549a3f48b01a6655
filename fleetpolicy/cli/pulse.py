"""Say on standard error that long work goes on, while nothing else is said."""

import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType

_EVERY_SECONDS = 20.0
_STANDARD_ERROR = 2


class Pulse:
    """Repeat what was told last, and how long ago, for as long as nothing new is told.

    A timer's signal does it: a thread would be one more thing to have while Ansible is forked.
    """

    def __init__(self) -> None:
        self._line = ""
        self._told_at = 0.0
        self._before: object = None

    def start(self, line: str) -> None:
        """Begin anew with a line that was just told."""
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread is sent signals
        self._line, self._told_at = line, time.monotonic()
        if self._before is None:
            self._before = signal.signal(signal.SIGALRM, self._beat)
        signal.setitimer(signal.ITIMER_REAL, _EVERY_SECONDS, _EVERY_SECONDS)

    def stop(self) -> None:
        """Say nothing more: the work is done, somebody is asked, or another program takes over."""
        if self._before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)  # type: ignore[arg-type]
            self._before = None

    def _beat(self, _number: int, _frame: FrameType | None) -> None:
        passed = time.monotonic() - self._told_at
        text = f"still at work, {passed:.0f} s after: {self._line}\n"
        # Not by sys.stderr, in the midst of which this may come; the work does not end for it.
        with suppress(OSError):
            os.write(_STANDARD_ERROR, text.encode(errors="replace"))
