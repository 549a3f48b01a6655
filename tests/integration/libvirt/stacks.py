"""Libvirts with their QEMUs: the installed one, and newer ones unpacked into the cache."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.cache import cached, remove
from fleetpolicy.emulate.packages import digest_of, fetch, resolve, unpack
from tests.integration.consumers.programs import give_up, needs

DRIVER = "libvirt/connection-driver/libvirt_driver_qemu.so"
PACKAGES = (
    "libvirt-clients",
    "libvirt-daemon",
    "libvirt-daemon-driver-nodedev",
    "libvirt-daemon-driver-qemu",
    "qemu-system-arm",
    "qemu-efi-aarch64",
    "qemu-system-x86",
    "ovmf",
    "coreutils",
)
_MOUNT_POINTS = ("dev", "etc", "lib/modules", "mnt", "proc", "run", "sys", "tmp")
_UNREAD = ("doc", "info", "locale", "man")


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
    for program in ("virsh", "qemu-system-aarch64", "ip"):
        needs(program)
    needs(next((str(path) for path in Path("/usr/lib").glob(f"*/{DRIVER}")), DRIVER))
    return _describe(Path("/"))


def _unpacked(*suites: str) -> Stack:
    """Return what Debian suites have, from the cache or a mirror, or skip."""
    if not os.environ.get("CI") and os.environ.get("FLEETPOLICY_STACKS") != "all":
        pytest.skip("newer libvirts are fetched by make test-consumers")
    if os.geteuid() != 0:
        pytest.skip("a system of its own can be entered by root alone")
    found = _fetch(suites)
    return found if isinstance(found, Stack) else give_up(found)


@cache
def _fetch(suites: tuple[str, ...]) -> Stack | str:
    """Return what suites have, or why they cannot be had."""
    arch = subprocess.run(
        [needs("dpkg"), "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()

    def make(folder: Path) -> None:
        for path in fetch(packages, lambda _: None):
            unpack(path, folder)
        for name in _UNREAD:
            remove(folder / "usr" / "share" / name)
        for name in _MOUNT_POINTS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in ("passwd", "group"):
            (folder / "etc" / name).touch()
        remove(folder / "var" / "run")
        (folder / "var" / "run").symlink_to("/run")

    try:
        packages = resolve(suites, PACKAGES, arch)
        root = cached("stacks", digest_of(packages, "3"), make)
    except FleetPolicyError as error:
        return error.diagnostics[0].why
    return _describe(root)


STACKS: dict[str, Callable[[], Stack]] = {
    "installed": installed,
    "bookworm-backports": lambda: _unpacked("bookworm", "bookworm-backports"),
    "trixie-backports": lambda: _unpacked("trixie", "trixie-backports"),
}


def _describe(root: Path) -> Stack:
    return Stack(
        root,
        _version(root, "virsh", "--version"),
        _version(root, "qemu-system-aarch64", "--version"),
    )


def _version(root: Path, *command: str) -> int:
    words: Sequence[str | Path] = command
    if root != Path("/"):
        words = ["chroot", root, "/usr/bin/env", *command]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    assert found, said
    return int(found[1]) * 1_000_000 + int(found[2]) * 1_000 + int(found[3])
