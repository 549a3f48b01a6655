"""Write what is rendered as a tree, a folder per host, and compare such a tree with it.

A file in the tree lists what was written, and says while a run is under way that the tree is not
finished. So a run that was cut off is seen, the next one completes it, and files that are rendered
no more are removed only if they were written here.
"""

import errno
import fcntl
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from stat import S_IMODE, S_ISREG

from fleetpolicy.model.artifact import Artifact, Rendering
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.model.tree import TreeChange, TreeDifference, TreeFile, TreeState

LIST = ".fleetpolicy-tree"
_NEW = ".fleetpolicy-new"
_WHOLE = "fleetpolicy tree 1, whole"
_UNFINISHED = "fleetpolicy tree 1, not finished"

HostFiles = Mapping[str, Sequence[TreeFile]]


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that earlier runs wrote into a tree, as HOST/PATH."""

    paths: frozenset[str] = frozenset()
    is_whole: bool = True


@dataclass(slots=True)
class Written:
    """How many files a run wrote, found as they are to be, and removed."""

    written: int = 0
    kept: int = 0
    removed: int = 0

    @property
    def files(self) -> int:
        """How many files the hosts have."""
        return self.written + self.kept


def list_files(rendering: Rendering, hosts: Sequence[FleetHost]) -> dict[str, Sequence[TreeFile]]:
    """Return the files of each host; what hosts share is encoded once and is one object."""
    shared = [_encode(artifacts) for artifacts in rendering.shared]
    return {
        host.name: (*shared[host.index], *_encode(rendering.domains[host.name]))
        if host.name in rendering.domains
        else shared[host.index]
        for host in hosts
    }


def _encode(artifacts: Sequence[Artifact]) -> tuple[TreeFile, ...]:
    return tuple(
        TreeFile(item.path.lstrip("/"), item.content.encode(), item.mode) for item in artifacts
    )


def write_tree(folder: Path, hosts: HostFiles, spared: Collection[str]) -> Written:
    """Bring a tree to what is rendered.

    Args:
        folder: Made where it is missing; what it holds beside is left alone.
        hosts: Host to its files.
        spared: Hosts whose files stay although none are rendered for them now.

    Raises:
        OSError: With the file or folder that could not be written. The tree is marked as not
            finished then, and the next run completes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        listing = read_listing(folder)
        wanted = frozenset(f"{host}/{file.path}" for host in hosts for file in hosts[host])
        stale = _stale(listing, wanted, spared)
        writing = _Writing(str(folder), listing.paths | wanted)
        for host, files in hosts.items():
            writing.write_host(host, files)
        for path in sorted(stale):
            writing.remove(path)
        writing.finish(listing, (listing.paths - stale) | wanted)
    return writing.done


def compare_tree(folder: Path, hosts: HostFiles, spared: Collection[str]) -> TreeDifference:
    """Return what `write_tree` would change.

    Raises:
        OSError: The tree cannot be read.
    """
    folder.stat()
    next(folder.iterdir(), None)
    listing = read_listing(folder)
    wanted = frozenset(f"{host}/{file.path}" for host in hosts for file in hosts[host])
    found: dict[tuple[str, TreeState | None, TreeState | None], list[str]] = {}
    for host, files in hosts.items():
        for file in files:
            before, after = _read(f"{folder}/{host}/{file.path}"), TreeState(file.data, file.mode)
            if before != after:
                found.setdefault((file.path, before, after), []).append(host)
    for name in _stale(listing, wanted, spared):
        host, _, path = name.partition("/")
        if before := _read(f"{folder}/{name}"):
            found.setdefault((path, before, None), []).append(host)
    changes = (TreeChange(key[0], tuple(sorted(names)), *key[1:]) for key, names in found.items())
    ordered = sorted(changes, key=lambda item: (item.path, item.hosts))
    return TreeDifference(str(folder), tuple(ordered), listing.is_whole)


def _stale(listing: Listing, wanted: frozenset[str], spared: Collection[str]) -> frozenset[str]:
    """Return what was written once and is not rendered any more."""
    return frozenset(
        path for path in listing.paths - wanted if path.partition("/")[0] not in spared
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse to write into a tree that another run is writing into."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(error.errno, "another run is writing into it", str(folder)) from error
        yield
    finally:
        os.close(handle)


def read_listing(folder: Path) -> Listing:
    """Return what earlier runs wrote into a tree; a folder that is none holds nothing of ours."""
    try:
        head, *paths = (folder / LIST).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError, ValueError):
        return Listing()
    if head not in {_WHOLE, _UNFINISHED}:
        return Listing()
    return Listing(frozenset(path for path in paths if _is_inside(path)), head == _WHOLE)


def _is_inside(path: str) -> bool:
    """Tell whether a path of a list that anyone may have edited stays in the tree."""
    parts = path.split("/")
    return len(parts) > 1 and not {"", ".", ".."} & set(parts)


class _Writing:
    """A run that writes into a tree; it says so there before it changes anything."""

    def __init__(self, folder: str, paths: frozenset[str]) -> None:
        self.done = Written()
        self._has_begun = False
        self._body: str | None = None
        self._folder = folder
        self._paths = paths
        self._umask = os.umask(0o077)
        os.umask(self._umask)

    def write_host(self, host: str, files: Sequence[TreeFile]) -> None:
        base = f"{self._folder}/{host}"
        if not os.path.isdir(base):  # noqa: PTH112 a Path costs more than the question
            self._begin()
            os.mkdir(base)  # noqa: PTH102
            for folder in _folders(tuple(file.path for file in files)):
                os.mkdir(f"{base}/{folder}")  # noqa: PTH102
            for file in files:
                self._create(f"{base}/{file.path}", file)
            self.done.written += len(files)
            return
        for file in files:
            self._update(f"{base}/{file.path}", file)

    def remove(self, path: str) -> None:
        """Remove a file, and folders that it leaves empty."""
        whole = Path(self._folder, path)
        root = Path(self._folder).resolve()
        if not whole.parent.resolve().is_relative_to(root) or not os.path.lexists(whole):
            return
        self._begin()
        whole.unlink()
        self.done.removed += 1
        with suppress(OSError):
            for folder in whole.relative_to(self._folder).parents[:-1]:
                Path(self._folder, folder).rmdir()

    def finish(self, before: Listing, left: frozenset[str]) -> None:
        """Say that the tree is whole; one that was so already and has not changed says it."""
        if self._has_begun or before != Listing(left, is_whole=True):
            self._say(_WHOLE, left)

    def _begin(self) -> None:
        if not self._has_begun:
            self._say(_UNFINISHED, self._paths)
            self._has_begun = True

    def _say(self, head: str, paths: frozenset[str]) -> None:
        if self._body is None or paths != self._paths:
            self._body = "".join(f"{path}\n" for path in sorted(paths))
        data = f"{head}\n{self._body}".encode()
        _replace(self._folder, f"{self._folder}/{LIST}", data, 0o644)

    def _create(self, path: str, file: TreeFile) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
        try:
            if file.mode & self._umask:
                os.fchmod(handle, file.mode)
            _put(handle, path, file.data)
        finally:
            os.close(handle)

    def _update(self, path: str, file: TreeFile) -> None:
        if _read(path) == TreeState(file.data, file.mode):
            self.done.kept += 1
            return
        self._begin()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        _replace(self._folder, path, file.data, file.mode)
        self.done.written += 1


@lru_cache(maxsize=4096)
def _folders(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the folders that hold files, each after those that it is in."""
    folders = {str(parent) for path in paths for parent in Path(path).parents}
    return tuple(sorted(folders - {"."}))


def _read(path: str) -> TreeState | None:
    """Return a file, None where there is none; a link is none, whatever it points to."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        if os.path.lexists(path) and not os.path.islink(path):  # noqa: PTH114 a Path costs more
            raise
        return None
    try:
        found = os.fstat(handle)
        if not S_ISREG(found.st_mode):
            raise OSError(errno.EEXIST, "it is no regular file", path)
        return TreeState(os.read(handle, found.st_size), S_IMODE(found.st_mode))
    finally:
        os.close(handle)


def _replace(folder: str, path: str, data: bytes, mode: int) -> None:
    """Put a file in its place whole."""
    new = f"{folder}/{_NEW}"
    with suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108 of a run that was cut off
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(handle, mode)
        _put(handle, path, data)
    finally:
        os.close(handle)
    try:
        os.replace(new, path)  # noqa: PTH105 a Path costs more than the renaming
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error


def _put(handle: int, path: str, data: bytes) -> None:
    try:
        written = os.write(handle, data)
        while written < len(data):
            written += os.write(handle, data[written:])
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
