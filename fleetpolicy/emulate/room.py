"""Say what is missing where something cannot be written, room above all."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.rules import CACHE_NOT_WRITTEN

Refuse = Callable[[Path, str], FleetPolicyError]
"""Makes a finding of a place, and of why it cannot be written."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED = frozenset({errno.EACCES, errno.EROFS, errno.EPERM})
_FULL_WORDS = tuple(os.strerror(number) for number in sorted(_FULL))


def cache_refusal(place: Path, why: str) -> FleetPolicyError:
    """Return the finding that the cache cannot be written."""
    fix = (
        "make room, or give it to the user who runs this, "
        "or let FLEETPOLICY_CACHE name a folder on another disk"
    )
    return FleetPolicyError(CACHE_NOT_WRITTEN.at(Span(str(place)), why=why, fix=fix))


@contextmanager
def writing(place: Path, refuse: Refuse) -> Iterator[None]:
    """Turn a failure to write into a finding.

    Args:
        place: What is worked on.
        refuse: Makes the finding.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or place
        if error.errno in _FULL:
            raise refuse(place, f"{where}: {error.strerror}; {free_at(place)}") from error
        if error.errno in _CLOSED:
            raise refuse(place, f"{where}: {error.strerror}") from error
        raise


def need_room(folder: Path, size: int, refuse: Refuse) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: On the disk in question; it is made.
        size: Bytes.
        refuse: Makes the finding.

    Raises:
        FleetPolicyError: Less is free.
    """
    with writing(folder, refuse):
        folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < size:
        raise refuse(folder, f"{_mib(size)} are needed, and {free_at(folder)}")


def ran_full(said: str) -> bool:
    """Tell whether a program's words, in English, are of a disk that is full."""
    return any(words in said for words in _FULL_WORDS)


def free_at(place: Path) -> str:
    """Return in words how much room the disk of a place has, which need not be there."""
    folder = next(path for path in (place, *place.parents) if path.is_dir())
    return f"{_mib(shutil.disk_usage(folder).free)} are free in {folder}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
