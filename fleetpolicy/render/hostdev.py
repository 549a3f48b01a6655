"""Render the devices of a guest that are passed through."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import AssignedDevice, HostClass, ResolvedGuest
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.render.features import (
    DEVICE_OVERRIDE,
    DRIVER_MODEL,
    GENERIC_INITIATORS,
    MMIO_APERTURE,
    VARIANT_DRIVER,
    Feature,
    has,
)
from fleetpolicy.render.xml import Element, element

_PLAIN = "vfio_pci"


def needed_features(guest: ResolvedGuest) -> Iterator[Feature]:
    """Yield what libvirt and QEMU must understand for the guest's devices."""
    if guest.mmio_aperture_kib:
        yield MMIO_APERTURE
    for device in guest.devices:
        if device.assignment.driver.module != _PLAIN:
            yield VARIANT_DRIVER
        if guest.generic_initiator_nodes.get(device.assignment.device.address):
            yield GENERIC_INITIATORS
        if device.assignment.mapping is MappingMode.TRAPPED:
            yield DEVICE_OVERRIDE


def count_cells(guest: ResolvedGuest) -> int:
    """Return how many empty NUMA cells the guest's devices need."""
    return sum(guest.generic_initiator_nodes.values())


def controllers(guest: ResolvedGuest) -> Iterator[Element]:
    """Yield the PCIe root complex and a root port for each device, so that none shares a bus."""
    hole = None
    if guest.mmio_aperture_kib:
        hole = element("pcihole64", text=str(guest.mmio_aperture_kib), unit="KiB")
    yield element("controller", hole, type_="pci", index="0", model="pcie-root")
    for number in range(1, len(guest.devices) + 1):
        yield element("controller", type_="pci", index=str(number), model="pcie-root-port")


def hostdevs(host_class: HostClass, guest: ResolvedGuest) -> Iterator[Element]:
    """Yield a hostdev per device, in the order of the policy.

    The host binds the devices at boot, so libvirt leaves them alone (managed='no').
    """
    first_cell = 1
    for number, device in enumerate(guest.devices, start=1):
        cells = guest.generic_initiator_nodes.get(device.assignment.device.address, 0)
        nodeset = f"{first_cell}-{first_cell + cells - 1}" if cells else ""
        first_cell += cells
        yield _hostdev(host_class, device, number, nodeset)


def _hostdev(host_class: HostClass, device: AssignedDevice, number: int, nodeset: str) -> Element:
    assignment = device.assignment
    trapped = assignment.mapping is MappingMode.TRAPPED
    return element(
        "hostdev",
        _driver(host_class, device),
        element("source", _source(assignment.device.address)),
        element("alias", name=alias_of(number)) if trapped else None,
        element("acpi", nodeset=nodeset) if nodeset else None,
        element("boot", order=str(device.boot_order)) if device.boot_order else None,
        element("rom", bar="on" if assignment.rom_bar else "off"),
        element(
            "address",
            type_="pci",
            domain="0x0000",
            bus=f"0x{number:02x}",
            slot="0x00",
            function="0x0",
        ),
        mode="subsystem",
        type_="pci",
        managed="no",
    )


def _driver(host_class: HostClass, device: AssignedDevice) -> Element:
    """Return the driver element: the model from libvirt 10 on, else what older ones insist on."""
    driver = device.assignment.driver
    if driver.module != _PLAIN and has(host_class.facts.libvirt, DRIVER_MODEL):
        return element("driver", model=driver.module)
    return element("driver", name="vfio")


def _source(address: str) -> Element:
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    return element(
        "address",
        domain=f"0x{domain}",
        bus=f"0x{bus}",
        slot=f"0x{slot}",
        function=f"0x{function}",
    )


def alias_of(number: int) -> str:
    """Return the alias of the guest's nth device; libvirt keeps those that begin with ua-."""
    return f"ua-hostdev{number}"


def trapped_override(guest: ResolvedGuest) -> Element | None:
    """Return QEMU's properties for devices whose accesses are all to be emulated.

    Source:
        QEMU, hw/vfio/pci.c: x-no-mmap; libvirt.org/drvqemu.html: overriding properties of devices.
    """
    devices = [
        element(
            "qemu:device",
            element(
                "qemu:frontend",
                element("qemu:property", name="x-no-mmap", type_="bool", value="true"),
            ),
            alias=alias_of(number),
        )
        for number, device in enumerate(guest.devices, start=1)
        if device.assignment.mapping is MappingMode.TRAPPED
    ]
    return element("qemu:override", *devices) if devices else None
