"""Find what libvirt or QEMU would refuse of a guest, whatever their versions."""

import re
from collections import Counter
from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.render.rules import BAD_APERTURE, BOOT_ORDER_TWICE, NOT_FOR_XML
from fleetpolicy.render.site import Site

# Private characters are left out too: they mark the places of names while a domain is rendered.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\uf900-\ufffd\U00010000-\U000effff]")
_LEAST_APERTURE_KIB = 512 << 20


def check_limits(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find texts that XML cannot hold, boot orders given twice, and apertures of no use."""
    yield from _check_texts(site, guest)
    yield from _check_boot_order(site, guest)
    yield from _check_aperture(site, guest)


def _check_texts(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    texts = [("title", guest.spec.title or ""), *(("disk", disk.path) for disk in guest.spec.disks)]
    for what, text in texts:
        odd = sorted({f"U+{ord(character):04X}" for character in _NOT_XML.findall(text)})
        if odd:
            yield site.find(
                NOT_FOR_XML,
                guest.origin,
                why=f"the {what} of guest {guest.name} has {', '.join(odd)}",
                fix="leave these characters out",
            )


def _check_boot_order(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find a place in the boot order that two devices or disks of a guest claim.

    Source:
        libvirt, docs/formatdomain: boot order of a device.
    """
    claims = [
        *((device.boot_order, device.assignment.device.address) for device in guest.devices),
        *((disk.boot_order or 0, disk.path) for disk in guest.spec.disks),
    ]
    for order, count in sorted(Counter(order for order, _ in claims if order).items()):
        if count > 1:
            names = " and ".join(name for claimed, name in claims if claimed == order)
            yield site.find(
                BOOT_ORDER_TWICE,
                guest.origin,
                why=f"guest {guest.name} boots from {names} with order {order}",
                fix="give each its own bootOrder",
            )


def _check_aperture(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find an aperture that QEMU exits over.

    Source:
        QEMU, hw/arm/virt.c: virt_set_highmem_mmio_size().
    """
    kib = guest.mmio_aperture_kib
    if kib and (kib < _LEAST_APERTURE_KIB or kib & (kib - 1)):
        yield site.find(
            BAD_APERTURE,
            guest.origin,
            why=f"guest {guest.name}: its devices' profiles ask for {kib >> 20} GiB",
            fix="write a power of two of at least 512GiB as mmioAperture in the DeviceProfile",
        )
