"""Make the disk that emulated hosts begin with, from Debian packages, once for all hosts."""

import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.emulate import debian, grub
from fleetpolicy.emulate.accounts import MASTERS, SYSUSERS, account_files
from fleetpolicy.emulate.apt import Apt, Package
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.disk import ROOT_UUID, Contents, make_disk
from fleetpolicy.emulate.dpkg import PackageList
from fleetpolicy.emulate.firstboot import first_initramfs
from fleetpolicy.emulate.kernels import ARCH, Kernel, KernelPackages, find_kernel, provide_kernel
from fleetpolicy.emulate.libvirt import ACCOUNTS, libvirt_nodes
from fleetpolicy.emulate.libvirt import PACKAGES as LIBVIRT
from fleetpolicy.emulate.lock import Progress
from fleetpolicy.emulate.packages import digest_of, fetch
from fleetpolicy.emulate.programs import Programs
from fleetpolicy.emulate.room import cache_refusal, need_room
from fleetpolicy.emulate.tree import Kept, Node, Nodes, TreeWriter
from fleetpolicy.model.emulated import EmulatedHost

_SUITES = ("trixie",)
_BUSYBOX = "usr/bin/busybox"
_SSHD_CONFIG = "usr/share/openssh/sshd_config"
_COPIES = {
    _SSHD_CONFIG: "etc/ssh/sshd_config",
    "usr/share/base-files/profile": "etc/profile",
    "usr/share/base-files/dot.profile": "root/.profile",
    "usr/share/base-files/dot.bashrc": "root/.bashrc",
}
_KEPT = (*MASTERS, *_COPIES, SYSUSERS, _BUSYBOX, grub.EFI_PROGRAM)
_FORMAT = "3"
"""Changes when equal packages are to give another disk."""
_DISK_MIB = 6144
_ROOM = 3 << 30
_TIME = 1_735_689_600
"""Of every file of our own: 2025-01-01, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Image:
    """A disk to copy.

    Args:
        disk: Raw, and mostly holes.
        releases: The kernels on it, the one that it boots first.
        libvirt: Whether libvirt and QEMU are on it.
    """

    disk: Path
    releases: tuple[str, ...]
    libvirt: bool = False


def provide_image(machine: EmulatedHost, programs: Programs, progress: Progress) -> Image:
    """Return the disk that a host begins with, made unless it is in the cache.

    Args:
        machine: Names its kernels, and whether it has libvirt.
        programs: What disks are made with.
        progress: Told what is done.

    Raises:
        FleetPolicyError: A package is not to be had, or the disk has no room.
    """
    found = [find_kernel(prefix, progress) for prefix in machine.kernels]
    apt = Apt(_SUITES, ARCH)
    apt.update(progress)
    packages = apt.resolve((*debian.PACKAGES, *(LIBVIRT if machine.libvirt else ())))
    kernels = [item for kernel in found for item in kernel.packages]
    releases = tuple(kernel.release for kernel in found)
    key = digest_of((*packages, *kernels), programs.digest, _FORMAT, *releases)

    def make(folder: Path) -> None:
        need_room(folder, _ROOM, cache_refusal)
        _Work(folder, programs, progress, has_libvirt=machine.libvirt).write(packages, found)

    place = cached("images", key, make, progress)
    return Image(place / "disk", releases, machine.libvirt)


class _Work:
    """The making of one image in a folder of its own."""

    def __init__(
        self, folder: Path, programs: Programs, progress: Progress, *, has_libvirt: bool
    ) -> None:
        self._folder = folder
        self._programs = programs
        self._progress = progress
        self._kept = Kept(_KEPT)
        self._accounts = ACCOUNTS if has_libvirt else {}
        self._services = libvirt_nodes() if has_libvirt else {}

    def write(self, packages: Sequence[Package], found: Sequence[KernelPackages]) -> None:
        """Write the disk."""
        files = fetch(packages, self._progress)
        kernels = [provide_kernel(kernel, self._progress) for kernel in found]
        parts = fetch([item for kernel in found for item in kernel.packages], self._progress)
        tree = self._folder / "tree.tar"
        self._progress(f"laying out {len(files) + len(parts)} packages")
        with tarfile.open(tree, "w", format=tarfile.PAX_FORMAT) as archive:
            self._lay_out(TreeWriter(archive, _TIME), (*files, *parts), kernels)
        efi_program = self._folder / "grub.efi"
        efi_program.write_bytes(self._kept.files[grub.EFI_PROGRAM])
        self._progress("making the disk")
        contents = Contents(tree, efi_program, _DISK_MIB)
        make_disk(self._programs, contents, self._folder / "disk")
        tree.unlink()
        efi_program.unlink()

    def _lay_out(
        self, writer: TreeWriter, files: Sequence[Path], kernels: Sequence[Kernel]
    ) -> None:
        listed = PackageList()
        writer.add(debian.first_nodes())
        for path in files:
            listed.add(path, writer.add_package(path, self._kept))
        writer.add(self._derived([kernel.release for kernel in kernels]))
        writer.add(listed.nodes())
        for kernel in kernels:
            self._progress(f"making the first initramfs of {kernel.release}")
            writer.add(self._kernel_files(kernel))

    def _derived(self, releases: Sequence[str]) -> Nodes:
        copies = {target: Node(self._kept.files[source]) for source, target in _COPIES.items()}
        return {
            **copies,
            **account_files({**self._kept.files, **self._accounts}),
            **self._services,
            **debian.settings(ROOT_UUID),
            **grub.loader_files(releases, ROOT_UUID),
        }

    def _kernel_files(self, kernel: Kernel) -> Nodes:
        """Return what the scripts of a kernel's package would have made."""
        release = kernel.release
        made = self._folder / "depmod"
        base = kernel.modules.parent.parent.parent
        shutil.rmtree(made, ignore_errors=True)
        self._programs.run("depmod", "-b", str(base), "-o", str(made), release)
        indices = {
            f"usr/lib/modules/{release}/{path.name}": Node(path.read_bytes())
            for path in sorted((made / "lib" / "modules" / release).iterdir())
        }
        shutil.rmtree(made)
        return {
            **indices,
            f"boot/config-{release}": Node(kernel.config.read_bytes()),
            f"boot/initrd.img-{release}": Node(first_initramfs(kernel, self._kept.files[_BUSYBOX])),
            f"boot/vmlinuz-{release}": Node(kernel.vmlinuz.read_bytes()),
        }
