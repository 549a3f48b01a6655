"""Render the devices of a guest that are passed through."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import AssignedDevice, HostClass, ResolvedGuest
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.render.controllers import pci_address
from fleetpolicy.render.features import DRIVER_MODEL, has
from fleetpolicy.render.topology import Port, Topology
from fleetpolicy.render.xml import Element, element

PLAIN = "vfio_pci"


def hostdevs(host_class: HostClass, topology: Topology) -> Iterator[Element]:
    """Yield a hostdev per device, in the order of the policy.

    The host binds the devices at boot, so libvirt leaves them alone (managed='no').
    """
    for port in topology.ports:
        yield _hostdev(host_class, port)


def _hostdev(host_class: HostClass, port: Port) -> Element:
    device = port.device
    assignment = device.assignment
    trapped = assignment.mapping is MappingMode.TRAPPED
    nodeset = f"{port.first_cell}-{port.first_cell + port.cells - 1}" if port.cells else ""
    return element(
        "hostdev",
        _driver(host_class, device),
        element("source", _source(assignment.device.address)),
        element("alias", name=alias_of(port.number)) if trapped else None,
        element("acpi", nodeset=nodeset) if nodeset else None,
        element("boot", order=str(device.boot_order)) if device.boot_order else None,
        element("rom", bar="on" if assignment.rom_bar else "off"),
        pci_address(port.index),
        mode="subsystem",
        type_="pci",
        managed="no",
    )


def _driver(host_class: HostClass, device: AssignedDevice) -> Element:
    """Return the driver element: the model from libvirt 10 on, else what older ones insist on."""
    driver = device.assignment.driver
    iommufd = "yes" if device.iommufd else ""
    if driver.module != PLAIN and has(host_class.facts.libvirt, DRIVER_MODEL):
        return element("driver", model=driver.module, iommufd=iommufd)
    return element("driver", name="vfio", iommufd=iommufd)


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
