"""Have Ansible read an inventory, in a process of its own."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleetpolicy.runner.inventory_cache import InventoryCache, find_reader

Place = tuple[str, int, int]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class InventoryRequest:
    """What is to be read.

    Args:
        source: File or folder, absolute.
        ignored: Entries of a folder that are no inventory, absolute.
        limit: Host pattern as of --limit; empty for all hosts.
        patterns: Host patterns to be resolved, whatever the limit.
    """

    source: Path
    ignored: tuple[Path, ...] = ()
    limit: str = ""
    patterns: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder that holds the inventory."""
        return self.source if self.source.is_dir() else self.source.parent

    def encode(self) -> bytes:
        """Return the request as the reader takes it."""
        return msgspec.json.encode(
            {
                "sources": [str(self.source)],
                "ignored": [str(path) for path in self.ignored],
                "folder": str(self.folder),
                "limit": self.limit,
                "patterns": list(self.patterns),
            }
        )


class ReadValue(msgspec.Struct, frozen=True):
    """The value of a host variable as Ansible read it.

    Args:
        value: Plain data.
        place: File, line and column, where Ansible knows them.
        numbers: Where numbers and truths are in it, with their places.
        odd: What JSON cannot say: where, its place, what it is.
    """

    value: Any
    place: Place | None
    numbers: tuple[tuple[KeyPath, Place | None], ...]
    odd: tuple[tuple[KeyPath, Place | None, str], ...]


class Complaint(msgspec.Struct, frozen=True):
    """What Ansible says is wrong.

    Args:
        kind: unparsed, pattern, limit, variables, misspelt, remark or crashed.
        about: The source or the pattern; of a misspelt variable, what to do.
        hosts: The hosts that have it alike, sorted.
    """

    kind: str
    message: str
    about: str = ""
    place: Place | None = None
    hosts: tuple[str, ...] = ()


class ReadHost(msgspec.Struct, frozen=True, array_like=True):
    """A host that the limit leaves; numbers are indices into the reading's tables, -1 for none."""

    name: str
    membership: int
    labels: int
    root: int
    model: int
    machine: int


class InventoryReading(msgspec.Struct, frozen=True):
    """What Ansible read.

    Args:
        names: Every host, sorted, whatever the limit.
        patterns: Pattern to indices into names.
        memberships: Distinct sets of groups, each sorted.
        values: Distinct values of host variables.
        static: Whether equal files will always be read to the same.
    """

    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    patterns: dict[str, tuple[int, ...]] = {}
    memberships: tuple[tuple[str, ...], ...] = ()
    values: tuple[ReadValue, ...] = ()
    hosts: tuple[ReadHost, ...] = ()
    static: bool = False
    errors: tuple[Complaint, ...] = ()
    remarks: tuple[Complaint, ...] = ()


def read_inventory(request: InventoryRequest) -> InventoryReading:
    """Return what Ansible reads; from the cache where files alone decide and none has changed."""
    question = request.encode()
    # A limit may name a file of hosts, which the cache does not know of.
    cache = None if "@" in request.limit else InventoryCache.of(request, question)
    if cache and (kept := cache.load()):
        try:
            return msgspec.json.decode(kept, type=InventoryReading)
        except msgspec.MsgspecError:
            pass  # another version wrote it: read anew
    return _ask(question, cache)


def _ask(question: bytes, cache: InventoryCache | None) -> InventoryReading:
    command = [sys.executable, "-P", str(find_reader())]
    done = subprocess.run(command, input=question, capture_output=True, check=False)  # noqa: S603 our own program
    try:
        reading = msgspec.json.decode(done.stdout, type=InventoryReading)
    except msgspec.MsgspecError as error:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return InventoryReading(
            errors=(Complaint("crashed", said[-1] if done.returncode and said else str(error)),)
        )
    if cache and reading.static:
        cache.save(done.stdout)
    return reading
