"""Hold what is rendered as files in a folder per host, and how such a tree differs from them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file of a host's folder.

    Args:
        path: Below the folder, as etc/modprobe.d/fleetpolicy.conf.
        mode: Permission bits.
    """

    path: str
    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class TreeState:
    """A file as a tree has it, or is to have it."""

    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class TreeChange:
    """What would become of one file, alike on some hosts.

    Args:
        path: Below the hosts' folders.
        hosts: Their names, sorted.
        before: None where the tree lacks the file.
        after: None where the file would be removed.
    """

    path: str
    hosts: tuple[str, ...]
    before: TreeState | None
    after: TreeState | None


@dataclass(frozen=True, slots=True)
class TreeDifference:
    """How a tree differs from what is rendered.

    Args:
        folder: The tree, as the user named it.
        changes: By path, then by hosts.
        is_whole: Whether the run that wrote the tree came to its end.
    """

    folder: str
    changes: tuple[TreeChange, ...]
    is_whole: bool
