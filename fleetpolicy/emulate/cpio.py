"""Write cpio archives, the form that the kernel unpacks an initramfs from."""

import stat
from collections.abc import Iterator, Mapping

from fleetpolicy.emulate.tree import Node

_MAGIC = "070701"
_TRAILER = "TRAILER!!!"
_KINDS = {bytes: stat.S_IFREG, str: stat.S_IFLNK, type(None): stat.S_IFDIR}


def cpio(nodes: Mapping[str, Node]) -> bytes:
    """Return an archive of nodes, equal bytes for equal nodes; folders come before what is in them.

    Source:
        Documentation/driver-api/early-userspace/buffer-format.rst, newc
    """
    members = (_member(number, path, nodes[path]) for number, path in enumerate(sorted(nodes), 1))
    return b"".join((*members, _member(0, _TRAILER, Node(b"", 0))))


def _member(number: int, path: str, node: Node) -> bytes:
    data = node.content.encode() if isinstance(node.content, str) else node.content or b""
    mode = node.mode | _KINDS[type(node.content)] if path != _TRAILER else 0
    name = path.encode() + b"\0"
    fields = (number, mode, 0, node.group, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = (_MAGIC + "".join(f"{value:08x}" for value in fields)).encode()
    return b"".join(_padded((head + name, data)))


def _padded(parts: tuple[bytes, ...]) -> Iterator[bytes]:
    for part in parts:
        yield part + b"\0" * (-len(part) % 4)
