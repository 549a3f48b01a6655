"""Seal what the cache keeps, so that what was cut off or changed later is not taken for whole."""

import errno
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

_BLOCK = 1 << 20
_ZEROS = bytes(_BLOCK)


def write_seal(place: Path, seal: Path) -> None:
    """Write what tells the content of a file or folder, in a file that appears at once.

    Args:
        place: What is sealed.
        seal: Where the seal goes.
    """
    entries = {path: [*_look(place / path), _checksum(place / path)] for path in _paths(place)}
    _write(seal, entries)


def is_whole(place: Path, seal: Path) -> bool:
    """Tell whether a file or folder is what was sealed; what was added to a folder is left alone.

    Sizes and times are compared. Where times alone differ, as in a copy of the cache, content
    decides, and the seal takes the new times.
    """
    entries = _read(seal)
    if entries is None or not place.exists():
        return False
    newer: dict[str, list[int]] = {}
    for path, (size, time, checksum) in entries.items():
        try:
            found = _look(place / path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if found[0] != size:
            return False
        if found[1] != time:
            newer[path] = [*found, checksum]
    if any(_checksum(place / path) != entry[2] for path, entry in newer.items()):
        return False
    if newer:
        # A seal that cannot be written costs time alone.
        with suppress(OSError):
            _write(seal, entries | newer)
    return True


def _paths(place: Path) -> Iterator[str]:
    """Yield the files and links of a folder by relative paths, or the empty path of a file."""
    if not place.is_dir():
        yield ""
        return
    for folder, folders, files in os.walk(place):
        below = Path(folder).relative_to(place)
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (str(below / name) for name in (*links, *files))


def _look(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_size, found.st_mtime_ns


def _checksum(path: Path) -> int:
    """Return a checksum of a file's content or of a link's target; holes count as zeros."""
    if stat.S_ISLNK(path.lstat().st_mode):
        return zlib.crc32(os.fsencode(path.readlink()))
    found = 0
    try:
        with path.open("rb", buffering=0) as file:
            for place, block in _blocks(file):
                if block != _ZEROS[: len(block)]:
                    found = zlib.crc32(block, zlib.crc32(place.to_bytes(8), found))
    except PermissionError:
        # Some files of packages are not for everybody; their size and time are known.
        return 0
    return found


def _blocks(file: FileIO) -> Iterator[tuple[int, bytes]]:
    """Yield the blocks of a file that are not holes as a whole, each with its place."""
    place = 0
    while True:
        try:
            data = os.lseek(file.fileno(), place, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return
        place = data - data % _BLOCK
        file.seek(place)
        block = file.read(_BLOCK)
        yield place, block
        place += _BLOCK


def _read(seal: Path) -> dict[str, list[int]] | None:
    try:
        found = json.loads(seal.read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(seal: Path, entries: dict[str, list[int]]) -> None:
    staged = seal.with_name(f"{seal.name}.{os.getpid()}")
    staged.write_text(json.dumps(entries, separators=(",", ":"), sort_keys=True))
    staged.replace(seal)
