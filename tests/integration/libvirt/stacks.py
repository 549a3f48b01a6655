"""Libvirts with their QEMUs: the installed one, and newer ones unpacked into the cache."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.integration.consumers.programs import needs

DRIVER = "libvirt/connection-driver/libvirt_driver_qemu.so"


@dataclass(frozen=True, slots=True)
class Stack:
    """A libvirt and its QEMU.

    Args:
        root: The system that they are installed in.
        libvirt: Its version as major * 1,000,000 + minor * 1,000 + micro.
        qemu: QEMU's, alike.
    """

    root: Path
    libvirt: int
    qemu: int

    @property
    def facts(self) -> dict[str, dict[str, int]]:
        """What a host with this stack shows."""
        return {"libvirt": {"libvirt": self.libvirt, "qemu": self.qemu}}


@cache
def installed() -> Stack:
    """Return what is installed here, or skip."""
    needs("virsh")
    needs("qemu-system-aarch64")
    needs("ip")
    needs(next((str(path) for path in Path("/usr/lib").glob(f"*/{DRIVER}")), DRIVER))
    return _describe(Path("/"))


STACKS = {"installed": installed}


def _describe(root: Path) -> Stack:
    return Stack(
        root,
        _version(root, "virsh", "--version"),
        _version(root, "qemu-system-aarch64", "--version"),
    )


def _version(root: Path, *command: str) -> int:
    words: Sequence[str | Path] = ["chroot", root, "/usr/bin/env", *command]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    assert found, said
    return int(found[1]) * 1_000_000 + int(found[2]) * 1_000 + int(found[3])
