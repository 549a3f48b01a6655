"""Run programs of Debian packages from the cache, nothing of them being installed."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.apt import Apt
from fleetpolicy.emulate.cache import cache_folder, cached
from fleetpolicy.emulate.host_rules import PROGRAM_FAILED
from fleetpolicy.emulate.lock import Progress, held_locks
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from fleetpolicy.emulate.room import free_at, ran_full

_DEBIAN_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
SUITES = ("trixie",)
_DISK_PACKAGES = (
    "dosfstools", "e2fsprogs", "fdisk", "kmod", "libarchive13t64", "mtools", "qemu-efi-aarch64",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs that were unpacked with their libraries.

    Args:
        folder: Stands for / of their packages.
        digest: A key of the packages.
    """

    folder: Path
    digest: str

    @property
    def firmware(self) -> Path:
        """EFI for arm64 machines."""
        return self.folder / "usr" / "share" / "qemu-efi-aarch64" / "QEMU_EFI.fd"

    def command(self, name: str) -> tuple[str, ...]:
        """Return the words that start a program with its own libraries; arguments follow."""
        libraries = self.folder / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
        loader = next(libraries.glob("ld-linux-*"))
        place = next(self.folder.glob(f"usr/*bin/{name}"))
        return (str(loader), "--library-path", str(libraries), "--argv0", name, str(place))

    def run(self, name: str, *arguments: str, text: str = "") -> str:
        """Run a program and return what it printed.

        Raises:
            FleetPolicyError: It failed.
        """
        settings = {"LC_ALL": "C", "MKE2FS_CONFIG": f"{self.folder}/etc/mke2fs.conf"}
        done = subprocess.run(  # noqa: S603 a program of a package whose digest was compared
            [*self.command(name), *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, **settings},
            input=text,
            text=True,
            pass_fds=held_locks(),
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            why = f"{' '.join(arguments)} ended with {done.returncode}: {' '.join(said[-3:])}"
            raise program_failed(name, why)
        return done.stdout


def this_arch() -> str:
    """Return Debian's name of this machine's architecture."""
    machine = platform.machine()
    return _DEBIAN_ARCH.get(machine, machine)


def provide(kind: str, names: Sequence[str], progress: Progress) -> Programs:
    """Return programs of packages for this machine, unpacked unless they are in the cache.

    Args:
        kind: The cache's folder of them.
        names: Of the packages.
        progress: Told what is done.

    Raises:
        FleetPolicyError: A package cannot be fetched, or the disk has no room.
    """
    apt = Apt(SUITES, this_arch())
    apt.update(progress)
    packages = apt.resolve(names)
    digest = digest_of(packages)

    def make(folder: Path) -> None:
        for path in fetch(packages, progress):
            unpack(path, folder)

    return Programs(cached(kind, digest, make, progress), digest)


def provide_disk_programs(progress: Progress) -> Programs:
    """Return what the disks of hosts are made with, and the firmware that boots them.

    Raises:
        FleetPolicyError: A package cannot be fetched, or the disk has no room.
    """
    return provide("programs", _DISK_PACKAGES, progress)


def program_failed(name: str, why: str) -> FleetPolicyError:
    """Return the finding that a program failed."""
    if ran_full(why):
        why = f"{why}; {free_at(cache_folder())}"
    fix = "make room on the disk of the cache and of the lab, and try again"
    return FleetPolicyError(PROGRAM_FAILED.at(Span(name), why=why, fix=fix))
