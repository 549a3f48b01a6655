"""Keep what Ansible read from static files, under a key of their content."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from msgspec import Struct

_KEPT_READINGS = 16
_PACKAGE = Path(__file__).resolve().parent.parent


class Sourced(Protocol):
    """What is known of the files that a reading depends on."""

    @property
    def source(self) -> Path:
        """File or folder."""

    @property
    def ignored(self) -> tuple[Path, ...]:
        """Entries of a folder that are no inventory."""

    @property
    def folder(self) -> Path:
        """The folder that holds the inventory."""


def find_reader() -> Path:
    """Return the program that reads inventories: inside the wheel, or in a checkout."""
    packed = _PACKAGE / "_data" / "playbooks" / "inventory_reader"
    return packed if packed.is_dir() else _PACKAGE.parent / "playbooks" / "inventory_reader"


class InventoryCache(Struct, frozen=True):
    """The place of one reading in the user's cache."""

    path: Path

    @classmethod
    def of(cls, request: Sourced, question: bytes) -> "InventoryCache | None":
        """Return where a request's reading is kept; None if that cannot be told."""
        if not (request.source.is_dir() or request.source.is_file()):
            return None  # a pipe can be read once only
        try:
            key = _key(request, question)
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        except (OSError, RuntimeError):
            return None
        return cls(Path(base) / "fleetpolicy" / "inventory" / f"{key}.json")

    def load(self) -> bytes | None:
        """Return what was kept, None if it is missing or damaged."""
        try:
            digest, _, kept = self.path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return kept if digest == _digest(kept) else None

    def save(self, reading: bytes) -> None:
        """Keep a reading and drop the oldest ones; a cache that cannot be written is no error."""
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_digest(reading) + b"\n" + reading)
                Path(name).replace(self.path)
            finally:
                Path(name).unlink(missing_ok=True)
            kept = sorted(self.path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-_KEPT_READINGS]:
                path.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _key(request: Sourced, question: bytes) -> str:
    """Return a digest of everything that a reading of static files depends on."""
    total = hashlib.sha256()

    def add(*parts: bytes) -> None:
        for part in parts:
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)

    add(question, sys.version.encode())
    for name, value in sorted(os.environ.items()):
        if name.startswith("ANSIBLE_"):
            add(os.fsencode(name), os.fsencode(value))
    for path in (*_programs(), *_settings()):
        add(os.fsencode(path), path.read_bytes() if path.is_file() else b"")
    for path in _inventory_files(request):
        mode = b"x" if os.access(path, os.X_OK) else b"-"
        add(os.fsencode(path), mode, path.read_bytes())
    return total.hexdigest()


def _programs() -> Iterator[Path]:
    yield from sorted(find_reader().glob("*.py"))
    ansible = find_spec("ansible")
    if ansible and ansible.origin:
        yield Path(ansible.origin).parent / "release.py"


def _settings() -> Iterator[Path]:
    """Yield where Ansible looks for its settings.

    Source:
        Ansible, Configuration settings: the configuration file.
    """
    named = os.environ.get("ANSIBLE_CONFIG")
    if named:
        yield Path(named)
    yield Path.cwd() / "ansible.cfg"
    yield Path.home() / ".ansible.cfg"
    yield Path("/etc/ansible/ansible.cfg")


def _inventory_files(request: Sourced) -> Iterator[Path]:
    """Yield the files of an inventory and of the folders beside it that hold variables."""
    if request.source.is_dir():
        yield from _files_below(request.source, frozenset(request.ignored))
        return
    yield request.source
    for name in ("group_vars", "host_vars"):
        yield from _files_below(request.folder / name, frozenset())


def _files_below(folder: Path, ignored: frozenset[Path]) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for where, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(where) / name not in ignored
        )
        for name in sorted(files):
            path = Path(where) / name
            if not name.startswith(".") and path not in ignored and path.is_file():
                yield path
