"""Find what libvirt or QEMU would refuse of a guest, whatever their versions."""

import re
from collections import Counter
from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.model.hugepages import hugepage_sizes_kib
from fleetpolicy.model.scalars import size_kib, spell_kib
from fleetpolicy.render.machine import MACHINES
from fleetpolicy.render.memory import cells_of
from fleetpolicy.render.rules import (
    BAD_APERTURE,
    BAD_HUGEPAGES,
    BOOT_ORDER_TWICE,
    NO_TPM,
    NOT_FOR_XML,
    OTHER_ARCHITECTURE,
    TOO_MANY_DEVICES,
)
from fleetpolicy.render.site import Site
from fleetpolicy.render.topology import BUSES, SLOTS, count_root_ports, plan_topology

# Private characters are left out too: they mark the places of names while a domain is rendered.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\uf900-\ufffd\U00010000-\U000effff]")
_LEAST_APERTURE_KIB = 512 << 20
_PASSED = "host-passthrough"
_ROOT_PORTS = (SLOTS - 1) * 8


def check_limits(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find what is impossible on any version: texts, boot orders, pages, windows, numbers."""
    yield from _check_hugepages(site, guest)
    yield from _check_texts(site, guest)
    yield from _check_boot_order(site, guest)
    yield from _check_aperture(site, guest)
    yield from _check_architecture(site, guest)
    yield from _check_buses(site, guest)
    libvirt = site.host_class.facts.libvirt
    if guest.spec.tpm and libvirt and not libvirt.swtpm:
        yield site.find(
            NO_TPM,
            guest.origin,
            why=f"guest {guest.name} has a TPM, and the host showed no swtpm",
            fix="install swtpm and collect the facts again, or leave tpm out",
        )


def _check_hugepages(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find a page size that the host does not have, or that the memory does not divide into."""
    facts = site.host_class.facts
    page_kib = facts.kernel.page_size_kib
    sizes = hugepage_sizes_kib(facts.arch, page_kib)
    asked = {
        (cell.hugepages or guest.spec.hugepages or "", cell.memory): None
        for cell in cells_of(guest.spec)
    }
    for wanted, memory in asked:
        if wanted and size_kib(wanted) not in sizes:
            known = ", ".join(spell_kib(size) for size in sizes)
            yield site.find(
                BAD_HUGEPAGES,
                guest.origin,
                why=f"guest {guest.name} asks for pages of {wanted}; {facts.arch} with pages of "
                f"{page_kib} KiB has {known or 'none that are known'}",
                fix="write one of these, or boot a kernel with another page size",
            )
        elif wanted and size_kib(memory) % size_kib(wanted):
            yield site.find(
                BAD_HUGEPAGES,
                guest.origin,
                why=f"guest {guest.name} has {memory}, no multiple of {wanted}",
                fix="make the memory a multiple of the page size",
            )


def _check_texts(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    texts = [
        ("title", guest.spec.title or ""),
        *(("disk", disk.source) for disk in guest.spec.disks),
    ]
    for what, text in texts:
        odd = sorted({f"U+{ord(character):04X}" for character in NOT_XML.findall(text)})
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
        *((disk.boot_order or 0, disk.source) for disk in guest.spec.disks),
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
    if site.host_class.facts.arch != "aarch64":
        return
    if kib and (kib < _LEAST_APERTURE_KIB or kib & (kib - 1)):
        asking = "it asks" if guest.spec.mmio_aperture else "its devices' profiles ask"
        yield site.find(
            BAD_APERTURE,
            guest.origin,
            why=f"guest {guest.name}: {asking} for {kib >> 20} GiB",
            fix="write a power of two of at least 512GiB as mmioAperture in the "
            + ("guest" if guest.spec.mmio_aperture else "DeviceProfile"),
        )
        return
    window = kib or _LEAST_APERTURE_KIB
    needed = sum(region.size for item in guest.devices for region in item.assignment.device.regions)
    if needed > window << 10:
        yield site.find(
            BAD_APERTURE,
            guest.origin,
            why=f"guest {guest.name}: its devices' BARs have {spell_kib(needed >> 10)}, and the "
            f"window for them {spell_kib(window)}",
            fix="write a power of two that holds them as mmioAperture of the guest",
        )


def _check_architecture(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find what a guest of the host's architecture does not have.

    Source:
        libvirt, docs/formatdomain: gic; QEMU, docs/system/arm/virt.rst and
        docs/system/arm/cpu-features.rst: with KVM the guest's CPU is the host's.
    """
    arch, spec = site.host_class.facts.arch, guest.spec
    is_arm = arch == "aarch64"
    machine = spec.machine or MACHINES[arch]
    foreign = [
        *([f"machine {machine}"] if machine.startswith("virt") != is_arm else []),
        *([f"gic {spec.gic}"] if spec.gic and not is_arm else []),
        *(["an smmuv3"] if not is_arm and any(item.smmu for item in guest.devices) else []),
        *([f"cpu mode {spec.cpu.mode}"] if is_arm and spec.cpu.mode != _PASSED else []),
        *(["a SATA disk"] if is_arm and any(disk.bus == "sata" for disk in spec.disks) else []),
    ]
    if foreign:
        yield site.find(
            OTHER_ARCHITECTURE,
            guest.origin,
            why=f"guest {guest.name} asks for {' and '.join(foreign)}; its host is {arch}",
            fix="leave it out: the default is right for the host",
        )


def _check_buses(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find more devices than PCIe numbers.

    Source:
        PCI Express Base Specification: 256 buses, 32 devices on a bus, 8 functions each; slot 0 of
        the root bus is the host bridge.
    """
    topology = plan_topology(guest)
    ports = count_root_ports(guest)
    slots = max((port.slot for port in topology.ports), default=0)
    if ports > _ROOT_PORTS or topology.last_bus >= BUSES or slots >= SLOTS:
        yield site.find(
            TOO_MANY_DEVICES,
            guest.origin,
            why=f"guest {guest.name} needs {ports} ports of the root bus, "
            f"{len(topology.expanders)} expander buses and bus number {topology.last_bus}; "
            f"there are {_ROOT_PORTS} ports and {BUSES} buses",
            fix="give it fewer devices, disks and interfaces",
        )
