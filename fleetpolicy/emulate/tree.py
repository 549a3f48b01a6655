"""Lay Debian packages out as one tree, a tar archive; nothing of them is run and no root needed."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fleetpolicy.emulate.deb import open_files

_LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/")
_LINKED = ("bin/", "lib/", "sbin/")
_LEFT_OUT_PARTS = ("/dtb/",)


@dataclass(frozen=True, slots=True)
class Node:
    """A file, folder or link that is not of a package, owned by root.

    Args:
        content: Bytes of a file, target of a link, or None for a folder.
        mode: Permission bits; a link has none.
        group: Number of the owning group.
    """

    content: bytes | str | None
    mode: int = 0o644
    group: int = 0


Nodes = Mapping[str, Node]
"""By path without the slash at its beginning."""


class Kept:
    """Files of packages that something else is made from.

    Args:
        wanted: Paths; those that end with a slash stand for all that begins with them.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = tuple(wanted)
        self.files: dict[str, bytes] = {}

    def wants(self, path: str) -> bool:
        """Tell whether a file is to be kept."""
        return any(
            path.startswith(name) if name.endswith("/") else path == name for name in self._wanted
        )

    def take(self, path: str, content: bytes) -> bytes:
        """Keep a file, and return its content."""
        self.files[path] = content
        return content


class TreeWriter:
    """Write a tree, the first of two equal paths winning.

    Args:
        archive: Where it goes.
        time: Of every node that is not of a package, in seconds since 1970.
    """

    def __init__(self, archive: tarfile.TarFile, time: int) -> None:
        self._archive = archive
        self._time = time
        self._written: set[str] = set()

    def add(self, nodes: Nodes) -> None:
        """Write nodes of our own, with the folders above them."""
        for path in sorted(nodes):
            for folder in reversed(Path(path).parents):
                if str(folder) != "." and str(folder) not in nodes:
                    self._write(_described(str(folder), Node(None, 0o755), self._time), None)
            node = nodes[path]
            content = io.BytesIO(node.content) if isinstance(node.content, bytes) else None
            self._write(_described(path, node, self._time), content)

    def add_package(self, path: Path, keep: Kept) -> tuple[str, ...]:
        """Write a package's files and return their paths, as dpkg lists them.

        Args:
            path: The package.
            keep: Is given the files that it asks for.

        Raises:
            FleetPolicyError: The file is no package.
        """
        paths = []
        with open_files(path) as members:
            for member in members:
                name = member.name.removeprefix(".").strip("/")
                paths.append(f"/{name}" if name else "/.")
                if not name or _is_left_out(name):
                    continue
                member.name = _merged(name)
                if member.islnk():
                    member.linkname = _merged(member.linkname.removeprefix("./"))
                content: IO[bytes] | None = members.extractfile(member) if member.isreg() else None
                if content and keep.wants(name):
                    content = io.BytesIO(keep.take(name, content.read()))
                self._write(member, content)
        return tuple(paths)

    def _write(self, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        if member.name in self._written:
            return
        self._written.add(member.name)
        member.uname = member.gname = ""
        self._archive.addfile(member, content)


def _merged(name: str) -> str:
    """Return where a path is below /lib, a link into /usr; older packages do not know of it."""
    return f"usr/{name}" if name.startswith(_LINKED) else name


def _described(path: str, node: Node, time: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mtime, member.gid, member.mode = time, node.group, node.mode
    match node.content:
        case bytes(data):
            member.size = len(data)
        case str(target):
            member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        case None:
            member.type = tarfile.DIRTYPE
    return member


def _is_left_out(name: str) -> bool:
    return name.startswith(_LEFT_OUT) or any(part in name for part in _LEFT_OUT_PARTS)
