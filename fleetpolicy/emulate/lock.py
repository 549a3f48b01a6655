"""Let one process at a time work on a place, and whatever it started there."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str], None]

_HELD: set[int] = set()
"""Descriptors of the locks that this process holds."""


def silent(_: str) -> None:
    """Tell nobody."""


def held_locks() -> tuple[int, ...]:
    """Return the descriptors to pass to a program that writes where locks are held.

    Such a program may outlive a process that is killed: the locks are free when both have ended.
    """
    return tuple(sorted(_HELD))


@contextmanager
def locked(place: Path, progress: Progress = silent) -> Iterator[None]:
    """Hold the lock of a place, a file beside it, which stays.

    Args:
        place: Of a file or folder; the folder above is made.
        progress: Told who is waited for, be it by what a process that is gone has started.

    Raises:
        OSError: The file cannot be made.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = place.with_name(f".{place.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, place, progress)
        _HELD.add(descriptor)
        yield
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def _take(descriptor: int, place: Path, progress: Progress) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "another"
        progress(f"waiting for process {holder}, or what it started, to be done with {place}")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
