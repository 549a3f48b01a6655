"""Render a guest's disks."""

from collections.abc import Iterable, Iterator

from fleetpolicy.model.guest import GuestDisk, GuestSpec
from fleetpolicy.render.xml import Element, element

_PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd"}
_NATIVE = {"none", "directsync"}


def disk_elements(spec: GuestSpec, taken: frozenset[str] = frozenset()) -> Iterator[Element]:
    """Yield the disks by bus, each with a name that is not taken."""
    counts = dict.fromkeys(_PREFIXES.values(), 0)
    for number in spec.disk_order:
        disk = spec.disks[number]
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


def sort_disks(devices: Iterable[Element]) -> Iterator[Element]:
    """Yield devices, their disks in the order in which libvirt keeps them.

    Source:
        libvirt, src/conf/domain_conf.c: virDomainDiskInsert().
    """
    kept = tuple(devices)
    disks = [(_bus(item), _name(item), item) for item in kept if item.tag == "disk"]
    buses = list(dict.fromkeys(bus for bus, _, _ in disks))
    ordered = iter(sorted(disks, key=lambda disk: (buses.index(disk[0]), len(disk[1]), disk[1])))
    for item in kept:
        yield next(ordered)[2] if item.tag == "disk" else item


def _bus(disk: Element) -> str:
    return (disk.find("target") or Element("target")).get("bus")


def _name(disk: Element) -> str:
    return (disk.find("target") or Element("target")).get("dev")
