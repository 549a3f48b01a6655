from fleetpolicy.emulate.cpio import cpio
from fleetpolicy.emulate.tree import Node


def member(name: str, mode: int, data: bytes, number: int) -> bytes:
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def test_cpio_writes_files_folders_and_links_with_folders_first() -> None:
    nodes = {"d/f": Node(b"abc", 0o755), "d": Node(None, 0o700), "l": Node("d/f", 0o777)}

    assert cpio(nodes) == b"".join(
        (
            member("d", 0o040700, b"", 1),
            member("d/f", 0o100755, b"abc", 2),
            member("l", 0o120777, b"d/f", 3),
            member("TRAILER!!!", 0, b"", 0),
        )
    )
