"""Keep what is costly to make under a key that says what went into it."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.rules import CACHE_NOT_WRITTEN

_ELSEWHERE = "or let FLEETPOLICY_CACHE name a folder on another disk"


def cache_folder() -> Path:
    """Return where everything is kept: FLEETPOLICY_CACHE, or a folder in the user's cache."""
    chosen = os.environ.get("FLEETPOLICY_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fleetpolicy"


def cached(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the file or folder kept under a key; make it when it is not there.

    It appears by a rename, so it is whole whenever it is there, whatever ended an earlier attempt.
    Of several processes one makes it, and the others wait.

    Args:
        kind: The folder of its equals.
        key: What went into it, as a file name.
        make: Is given a path that does not exist, and puts the file or folder there.

    Raises:
        FleetPolicyError: The cache cannot be written.
    """
    place = cache_folder() / kind / key
    if place.exists():
        return place
    with locked(place), writing(place):
        if place.exists():
            return place
        partial = place.with_name(f".{key}.partial")
        remove(partial)
        make(partial)
        partial.rename(place)
    return place


def remove(place: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Hold the lock of a place, a file beside it, which stays."""
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn a failure to write into a finding."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM}:
            raise
        raise FleetPolicyError(
            CACHE_NOT_WRITTEN.at(
                Span(str(place)),
                why=f"{error.filename or place}: {error.strerror}",
                fix=f"make room, or give it to the user who runs this, {_ELSEWHERE}",
            )
        ) from error


def need_room(folder: Path, size: int) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: On the disk in question; it is made.
        size: Bytes.

    Raises:
        FleetPolicyError: Less is free.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise FleetPolicyError(
            CACHE_NOT_WRITTEN.at(
                Span(str(folder)),
                why=f"{_mib(size)} are needed and {_mib(free)} are free",
                fix=f"make room, {_ELSEWHERE}",
            )
        )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
