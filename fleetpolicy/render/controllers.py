"""Render the PCIe controllers of a guest, and the SMMUs behind its expander buses."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.render.topology import Expander, Port, Topology
from fleetpolicy.render.xml import Element, element


def controllers(guest: ResolvedGuest, topology: Topology) -> Iterator[Element]:
    """Yield the root complex, then expander buses and root ports by index."""
    hole = None
    if guest.mmio_aperture_kib:
        hole = element("pcihole64", text=str(guest.mmio_aperture_kib), unit="KiB")
    yield element("controller", hole, type_="pci", index="0", model="pcie-root")
    made = [(item.index, _expander(item)) for item in topology.expanders]
    made += [(port.index, _root_port(port)) for port in topology.ports]
    for _, controller in sorted(made, key=lambda item: item[0]):
        yield controller
    if any(disk.bus == "scsi" for disk in guest.spec.disks):
        yield element("controller", type_="scsi", index="0", model="virtio-scsi")


def _expander(expander: Expander) -> Element:
    node = element("node", text=str(expander.cell)) if expander.cell is not None else None
    return element(
        "controller",
        element("target", node, bus_nr=str(expander.bus)),
        type_="pci",
        index=str(expander.index),
        model="pcie-expander-bus",
    )


def _root_port(port: Port) -> Element:
    place = pci_address(port.expander.index, port.slot) if port.expander else None
    return element("controller", place, type_="pci", index=str(port.index), model="pcie-root-port")


def pci_address(bus: int, slot: int = 0) -> Element:
    """Return a place in the guest's PCIe tree."""
    return element(
        "address",
        type_="pci",
        domain="0x0000",
        bus=f"0x{bus:02x}",
        slot=f"0x{slot:02x}",
        function="0x0",
    )


def iommus(topology: Topology) -> Iterator[Element]:
    """Yield an SMMU for each expander bus that has one; pciBus is its controller's index."""
    for expander in topology.expanders:
        if expander.smmu:
            driver = element(
                "driver",
                pci_bus=str(expander.index),
                accel="on",
                ats="on" if expander.smmu.ats else "off",
                ril="on" if expander.smmu.ril else "off",
                ssidsize=str(expander.smmu.ssid_size),
                oas=expander.smmu.oas,
                cmdqv="on" if expander.smmu.cmdqv else "",
            )
            yield element("iommu", driver, model="smmuv3")
