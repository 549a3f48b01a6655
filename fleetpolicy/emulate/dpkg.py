"""Write dpkg's list of what is installed, so that a host can add to it."""

from collections.abc import Sequence
from pathlib import Path

from fleetpolicy.emulate.deb import read_control
from fleetpolicy.emulate.tree import Node, Nodes

_FOLDER = "var/lib/dpkg"
_KEPT = ("conffiles", "md5sums", "triggers")


class PackageList:
    """Collect packages as dpkg would know them once they are configured.

    Source:
        dpkg, lib/dpkg/dbdir.c and doc/spec; deb-conffiles(5)
    """

    def __init__(self) -> None:
        self._stanzas: list[str] = []
        self._info: dict[str, Node] = {}

    def add(self, package: Path, paths: Sequence[str]) -> None:
        """Add a package and the paths of its files."""
        control = read_control(package)
        fields = control["control"].decode().strip().splitlines()
        [name] = (line.partition(": ")[2] for line in fields if line.startswith("Package: "))
        is_same = "Multi-Arch: same" in fields
        base = f"{_FOLDER}/info/{name}:arm64" if is_same else f"{_FOLDER}/info/{name}"
        at = fields.index(f"Package: {name}") + 1
        installed = [*fields[:at], "Status: install ok installed", *fields[at:]]
        self._stanzas.append("".join(f"{line}\n" for line in installed))
        listing = "".join(f"{path}\n" for path in paths)
        self._info[f"{base}.list"] = Node(listing.encode())
        for kind in _KEPT:
            if kind in control:
                self._info[f"{base}.{kind}"] = Node(control[kind])

    def nodes(self) -> Nodes:
        """Return dpkg's files."""
        empty = (f"{_FOLDER}/{name}" for name in ("available", "diversions", "statoverride"))
        return {
            f"{_FOLDER}/status": Node("\n".join(self._stanzas).encode()),
            f"{_FOLDER}/info/format": Node(b"1\n"),
            f"{_FOLDER}/updates": Node(None, 0o755),
            **{path: Node(b"") for path in empty},
            **self._info,
        }
