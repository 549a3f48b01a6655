"""Keep what is costly to make under a key that says what went into it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.lock import Progress, locked, silent
from fleetpolicy.emulate.room import cache_refusal, writing
from fleetpolicy.emulate.seal import is_whole, write_seal


def cache_folder() -> Path:
    """Return where everything is kept: FLEETPOLICY_CACHE, or a folder in the user's cache."""
    chosen = os.environ.get("FLEETPOLICY_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fleetpolicy"


def cached(kind: str, key: str, make: Callable[[Path], None], progress: Progress = silent) -> Path:
    """Return the file or folder kept under a key; make it when it is not there.

    It appears by a rename, with a seal of its content beside it: it is whole whenever it is there,
    whatever ended an earlier attempt, and what was cut off or changed since is made anew.
    Of several processes one makes it, and the others wait.

    Args:
        kind: The folder of its equals.
        key: What went into it, as a file name.
        make: Is given a path that does not exist, and puts the file or folder there.
        progress: Told when another process has to be waited for.

    Raises:
        FleetPolicyError: The cache cannot be written.
    """
    place = cache_folder() / kind / key
    seal = place.with_name(f".{key}.seal")
    if is_whole(place, seal):
        return place
    with writing(place, cache_refusal), locked(place, progress):
        if is_whole(place, seal):
            return place
        partial = place.with_name(f".{key}.partial")
        remove(partial)
        try:
            make(partial)
        except (FleetPolicyError, OSError):
            # What fills a disk is not left on it.
            remove(partial)
            raise
        write_seal(partial, seal)
        _put(partial, place)
    return place


def _put(new: Path, place: Path) -> None:
    """Let a file or folder take the place of what is there, which others may be reading."""
    old = place.with_name(f".{place.name}.old")
    remove(old)
    if place.exists():
        place.rename(old)
    new.rename(place)
    remove(old)


def remove(place: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
