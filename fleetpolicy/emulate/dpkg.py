"""Write dpkg's list of what is installed, so that a host can add to it."""

import subprocess
from pathlib import Path

from fleetpolicy.emulate.tree import Node, Nodes

_FOLDER = "var/lib/dpkg"


class PackageList:
    """Collect packages as dpkg would know them once they are configured."""

    def __init__(self) -> None:
        self._stanzas: list[str] = []
        self._lists: dict[str, Node] = {}

    def add(self, package: Path, paths: tuple[str, ...]) -> None:
        """Add a package and the paths of its files."""
        fields = _control(package)
        name, _, rest = fields.partition("\n")
        bare = name.removeprefix("Package: ")
        multiarch = "Multi-Arch: same" in rest.splitlines()
        file = f"{bare}:arm64" if multiarch else bare
        self._stanzas.append(f"{name}\nStatus: install ok installed\n{rest.strip()}\n")
        listing = "".join(f"{path}\n" for path in paths)
        self._lists[f"{_FOLDER}/info/{file}.list"] = Node(listing.encode())

    def nodes(self) -> Nodes:
        """Return dpkg's files."""
        empty = (f"{_FOLDER}/{name}" for name in ("available", "diversions", "statoverride"))
        return {
            f"{_FOLDER}/status": Node("\n".join(self._stanzas).encode()),
            f"{_FOLDER}/info/format": Node(b"1\n"),
            f"{_FOLDER}/updates": Node(None, 0o755),
            **{path: Node(b"") for path in empty},
            **self._lists,
        }


def _control(package: Path) -> str:
    done = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, check=True)  # noqa: S603 S607
    return done.stdout.decode()
