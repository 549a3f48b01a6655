"""Go on when the reader of standard output went away, as `head` does."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def mute_at_broken_pipe() -> Iterator[None]:
    """Write nothing more to a standard output that nobody reads; the run's status is kept."""
    try:
        yield
    except BrokenPipeError:
        mute()


def mute() -> None:
    """Let nothing more reach standard output, not even what waits in its buffer."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
