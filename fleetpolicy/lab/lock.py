"""Keep two processes from changing one simulated host at the same time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(root: str | Path) -> Iterator[None]:
    """Hold a host's lock, a file beside its folder, which may not be there yet.

    It is not the folder itself: the agent holds that one while it runs the host's programs.
    """
    place = Path(root).resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = place.with_name(f".{place.name}.lock")
    descriptor = _acquire(lock)
    try:
        yield
    finally:
        if not place.exists():
            lock.unlink()
        os.close(descriptor)


def _acquire(place: Path) -> int:
    while True:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held it before may have removed it together with its host.
        try:
            if os.path.samestat(os.fstat(descriptor), place.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)
