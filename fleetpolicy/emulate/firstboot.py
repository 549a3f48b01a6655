"""Make the initramfs that a host first boots with; update-initramfs replaces it on the host."""

import lzma
import re
from collections.abc import Iterator
from pathlib import Path

from fleetpolicy.emulate.cpio import cpio
from fleetpolicy.emulate.kernels import Kernel
from fleetpolicy.emulate.tree import Node

# What the root is found with; the checksums are what ext4 asks the kernel's crypto for.
_MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "crc32c_generic", "crc32c_cryptoapi", "ext4")
_FOLDERS = ("bin", "dev", "modules", "proc", "root", "sys")
_INIT = """\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs devtmpfs /dev
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
for module in /modules/*; do $b insmod "$module"; done
for word in $($b cat /proc/cmdline); do
    case $word in root=*) wanted=${word#root=} ;; esac
done
tries=0
until device=$($b findfs "$wanted") 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || break
    $b sleep 0.1
done
$b mount -o ro "$device" /root || exec $b sh
$b umount /sys /proc
exec $b switch_root /root /sbin/init
"""


def first_initramfs(kernel: Kernel, busybox: bytes) -> bytes:
    """Return an initramfs that finds the root by UUID= and goes there.

    Args:
        kernel: Its modules are needed to reach the disk.
        busybox: A statically linked one.
    """
    modules = {
        f"modules/{number:02}-{path.name.partition('.')[0]}.ko": Node(_plain(path))
        for number, path in enumerate(_load_order(kernel))
    }
    folders = {name: Node(None, 0o755) for name in _FOLDERS}
    programs = {"bin/busybox": Node(busybox, 0o755), "init": Node(_INIT.encode(), 0o755)}
    return cpio(folders | programs | modules)


def _load_order(kernel: Kernel) -> Iterator[Path]:
    """Return the files of the modules that are not built in, each after what it needs."""
    files = {_name(path): path for path in sorted(kernel.modules.rglob("*.ko*"))}
    done: set[str] = set()

    def visit(name: str) -> Iterator[Path]:
        if name in done or name not in files:
            return
        done.add(name)
        for needed in _needs(files[name]):
            yield from visit(needed)
        yield files[name]

    for name in _MODULES:
        yield from visit(name)


def _needs(path: Path) -> list[str]:
    """Return what a module says that it depends on.

    Source:
        scripts/mod/modpost.c writes depends=NAME,NAME into the section .modinfo
    """
    found = re.search(rb"(?:^|\0)depends=([^\0]*)\0", _plain(path))
    return found.group(1).decode().replace("-", "_").split(",") if found else []


def _name(path: Path) -> str:
    return path.name.partition(".")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
