import lzma
import re
from pathlib import Path

from fleetpolicy.emulate.firstboot import first_initramfs
from fleetpolicy.emulate.kernels import Kernel


def kernel(folder: Path, **needs: str) -> Kernel:
    for name, depends in needs.items():
        place = folder / "kernel" / f"{name}.ko.xz"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(lzma.compress(f"\0license=GPL\0depends={depends}\0{name}".encode()))
    return Kernel("7.0", "0", folder / "vmlinuz", folder, folder / "config")


def test_first_initramfs_loads_modules_after_what_they_need(tmp_path: Path) -> None:
    made = kernel(
        tmp_path, ext4="jbd2,mbcache", jbd2="", mbcache="", virtio_blk="virtio-ring", other=""
    )

    image = first_initramfs(made, b"busybox")

    assert re.findall(rb"modules/(\S+?)\.ko\0", image) == [
        b"00-virtio_blk",
        b"01-jbd2",
        b"02-mbcache",
        b"03-ext4",
    ]
    assert b"busybox" in image


def test_first_initramfs_carries_modules_unpacked(tmp_path: Path) -> None:
    image = first_initramfs(kernel(tmp_path, ext4=""), b"busybox")

    assert b"license=GPL" in image
