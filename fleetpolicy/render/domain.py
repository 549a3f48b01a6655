"""Render libvirt domains: once per class of hosts, then named for each guest."""

import re
from collections.abc import Iterator
from uuid import UUID, uuid5

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import FleetHost, HostClass, ResolvedGuest
from fleetpolicy.render.features import check
from fleetpolicy.render.hostdev import (
    controllers,
    count_cells,
    hostdevs,
    needed_features,
    trapped_override,
)
from fleetpolicy.render.limits import check_limits
from fleetpolicy.render.memory import check_hugepages, memory_elements, numa_element
from fleetpolicy.render.site import Site
from fleetpolicy.render.xml import Element, element, write_xml

NAMESPACE = UUID("3d0c8f5e-6a0b-5c43-9a2e-3f6f2f1f7c11")
_URN = "urn:fleetpolicy:v1alpha1"
_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_NAME, _UUID = "\ue000", "\ue001"
_MAC = "\ue002{}\ue002"
_MAC_MARK = re.compile("\ue002(\\d+)\ue002")
_QEMU_MAC_PREFIX = "52:54:00"
_MACHINES = {"aarch64": "virt", "x86_64": "q35"}


def render_domains(site: Site) -> tuple[tuple[str, ...], tuple[Diagnostic, ...]]:
    """Return the text of each guest's domain, with marks where its name and UUID belong."""
    findings = [
        finding
        for guest in site.host_class.guests
        for finding in (
            *check(site, guest.origin, guest.name, needed_features(guest)),
            *check_hugepages(site, guest),
            *check_limits(site, guest),
        )
    ]
    if findings:
        return (), tuple(findings)
    texts = tuple(write_xml(_domain(site.host_class, guest)) for guest in site.host_class.guests)
    return texts, ()


def name_domains(
    host: FleetHost, host_class: HostClass, texts: tuple[str, ...]
) -> tuple[Artifact, ...]:
    """Return a host's own domains, sorted by path.

    A domain's UUID follows from the names of host and guest, and the MAC addresses from that, so
    that they stay when anything else changes.
    """
    named = zip(host.guests, host.guest_origins, host_class.guests, texts, strict=True)
    return tuple(
        sorted(
            Artifact(
                path=f"/etc/libvirt/qemu/{name}.xml",
                kind=ArtifactKind.DOMAIN,
                content=_name(text, name, uuid5(NAMESPACE, f"{host.name}/{name}")),
                mode=0o600,
                origins=_origins(origin, guest),
                name=name,
            )
            for name, origin, guest, text in named
        )
    )


def _name(text: str, name: str, identity: UUID) -> str:
    """Return a domain's text with everything in it that is one guest's own."""
    own = text.replace(_NAME, name).replace(_UUID, str(identity))
    return _MAC_MARK.sub(lambda mark: _mac_address(identity, mark[1]), own)


def _mac_address(identity: UUID, number: str) -> str:
    """Return the MAC address of a guest's nth interface, in the range that QEMU draws from."""
    low = uuid5(identity, f"interface {number}").hex[:6]
    return ":".join((_QEMU_MAC_PREFIX, low[:2], low[2:4], low[4:]))


def _origins(origin: Span, guest: ResolvedGuest) -> tuple[Span, ...]:
    return tuple(sorted({origin, *(device.assignment.mapping_origin for device in guest.devices)}))


def _domain(host_class: HostClass, guest: ResolvedGuest) -> Element:
    override = trapped_override(guest)
    cells = count_cells(guest)
    arch = host_class.facts.arch
    children = (
        element("name", text=_NAME),
        element("uuid", text=_UUID),
        element("title", text=guest.spec.title) if guest.spec.title else None,
        _metadata(),
        *memory_elements(guest, cells),
        _os(arch),
        element("features", element("acpi"), _interrupts(arch)),
        element(
            "cpu",
            element("topology", sockets="1", dies="1", cores=str(guest.spec.vcpus), threads="1"),
            numa_element(guest, cells),
            mode="host-passthrough",
            check="none",
        ),
        element("clock", offset="utc"),
        element("on_poweroff", text="destroy"),
        element("on_reboot", text="restart"),
        element("on_crash", text="destroy"),
        element("devices", *_devices(host_class, guest)),
        override,
    )
    namespace = (("xmlns:qemu", _QEMU),) if override else ()
    kept = tuple(child for child in children if child is not None)
    return Element("domain", (("type", "kvm"), *namespace), kept)


def _metadata() -> Element:
    """Return the mark that the domain is ours; the manifest holds the revision."""
    note = Element(
        "fleetpolicy:guest",
        (("xmlns:fleetpolicy", _URN), ("name", _NAME)),
        text="generated; do not edit",
    )
    return element("metadata", note)


def _os(arch: str) -> Element:
    secure_boot = element("feature", enabled="no", name="secure-boot")
    return element(
        "os",
        element("type", text="hvm", arch=arch, machine=_MACHINES[arch]),
        element("firmware", secure_boot),
        firmware="efi",
    )


def _interrupts(arch: str) -> Element:
    return element("gic", version="3") if arch == "aarch64" else element("apic")


def _devices(host_class: HostClass, guest: ResolvedGuest) -> Iterator[Element]:
    yield element("emulator", text=f"/usr/bin/qemu-system-{host_class.facts.arch}")
    yield from controllers(guest)
    for number, disk in enumerate(guest.spec.disks):
        yield element(
            "disk",
            element("driver", name="qemu", type_=disk.format, cache="none", io="native"),
            element("source", file=disk.path),
            element("target", dev=_disk_name(number), bus="virtio"),
            element("boot", order=str(disk.boot_order)) if disk.boot_order else None,
            type_="file",
            device="disk",
        )
    for number, network in enumerate(guest.spec.networks):
        source = (
            element("source", bridge=network.bridge)
            if network.bridge
            else element("source", network=network.network or "")
        )
        kind = "bridge" if network.bridge else "network"
        mac = element("mac", address=_MAC.format(number))
        yield element("interface", mac, source, element("model", type_="virtio"), type_=kind)
    yield element("serial", element("target", port="0"), type_="pty")
    yield element("console", element("target", type_="serial", port="0"), type_="pty")
    yield from hostdevs(host_class, guest)
    yield element("memballoon", model="none")


def _disk_name(number: int) -> str:
    """Return vda for 0, vdz for 25, vdaa for 26: Linux counts disks so."""
    letters = ""
    while number >= 0:
        number, letter = divmod(number, 26)
        letters = chr(ord("a") + letter) + letters
        number -= 1
    return f"vd{letters}"
