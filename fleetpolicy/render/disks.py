"""Render a guest's disks."""

from collections.abc import Iterator

from fleetpolicy.model.guest import GuestDisk, GuestSpec
from fleetpolicy.render.xml import Element, element

_PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd"}
_NATIVE = {"none", "directsync"}


def disk_elements(spec: GuestSpec, taken: frozenset[str] = frozenset()) -> Iterator[Element]:
    """Yield the disks in the order of the policy, each with a name that is not taken."""
    counts = dict.fromkeys(_PREFIXES.values(), 0)
    for number, disk in enumerate(spec.disks):
        prefix = _PREFIXES[disk.bus]
        while f"{prefix}{_letters(counts[prefix])}" in taken:
            counts[prefix] += 1
        name = f"{prefix}{_letters(counts[prefix])}"
        counts[prefix] += 1
        thread = number % spec.io_threads + 1 if spec.io_threads and disk.bus == "virtio" else 0
        yield _disk(disk, name, thread)


def _disk(disk: GuestDisk, name: str, thread: int) -> Element:
    """Return a disk; native I/O goes with a cache that is bypassed alone.

    Source:
        libvirt, src/qemu/qemu_domain.c: io='native' needs cache none or directsync.
    """
    source = (
        element("source", dev=disk.device) if disk.device else element("source", file=disk.source)
    )
    return element(
        "disk",
        element(
            "driver",
            name="qemu",
            type_=disk.kind,
            cache=disk.cache,
            io="native" if disk.cache in _NATIVE else "threads",
            iothread=str(thread) if thread else "",
        ),
        source,
        element("target", dev=name, bus=disk.bus),
        element("readonly") if disk.read_only else None,
        element("serial", text=disk.serial) if disk.serial else None,
        element("boot", order=str(disk.boot_order)) if disk.boot_order else None,
        type_="block" if disk.device else "file",
        device="disk",
    )


def _letters(number: int) -> str:
    """Return a for 0, z for 25, aa for 26: Linux counts disks so."""
    letters = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        letters = chr(ord("a") + letter) + letters
        number -= 1
    return letters
