"""Let every signal that asks a process to end be heard as Ctrl-C is."""

import signal
from contextlib import AbstractContextManager
from types import FrameType

from fleetpolicy.runner.signals import handled

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def interruptible() -> AbstractContextManager[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGHUP as well; only the main thread can."""
    return handled(_SIGNALS, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
