"""Plan where in the guest's PCIe tree each device goes."""

from collections import Counter

from msgspec import Struct

from fleetpolicy.model.fleet import AssignedDevice, ResolvedGuest
from fleetpolicy.model.guest import VirtualSmmu

_FIRST_BUS = 32
_BUSES_EACH = 8
BUSES = 256
SLOTS = 32


class Expander(Struct, frozen=True):
    """An expander bus below the root complex.

    Args:
        index: Of its controller, which is the number of its bus in libvirt's addresses.
        bus: The guest's own number of its bus.
        cell: The guest's NUMA cell that it is near to, None in a guest without cells.
        smmu: What translates for everything behind it.
    """

    index: int
    bus: int
    cell: int | None
    smmu: VirtualSmmu | None


class Port(Struct, frozen=True):
    """A root port with one device behind it.

    Args:
        index: Of its controller, and the number of the bus that the device is on.
        number: Of the device in the guest's order, from 1.
        expander: None on the root bus.
        slot: On the expander's bus.
        first_cell: The first NUMA cell of the device's initiators.
        cells: How many it has.
    """

    index: int
    number: int
    device: AssignedDevice
    expander: Expander | None
    slot: int
    first_cell: int
    cells: int


class Taken(Struct, frozen=True):
    """The highest numbers that a template has for itself.

    Args:
        index: Of a PCI controller.
        bus: Of an expander bus.
    """

    index: int = 0
    bus: int = 0


NOTHING = Taken()


class Topology(Struct, frozen=True):
    """A guest's expander buses and root ports, by index."""

    expanders: tuple[Expander, ...]
    ports: tuple[Port, ...]

    @property
    def last_bus(self) -> int:
        """The highest bus number that the plan needs, as the guest or as libvirt counts."""
        behind = Counter(port.expander for port in self.ports)
        buses = [item.bus + behind[item] for item in self.expanders]
        return max(*buses, *(port.index for port in self.ports), 0, 0)


def plan_topology(guest: ResolvedGuest, taken: Taken = NOTHING) -> Topology:
    """Return the plan: a root port for each device, so that none shares a bus.

    Devices that ask for an SMMU share an expander bus where they share the host's SMMU, because
    one of the guest's stands for one of the host's.

    Source:
        QEMU, docs/pcie.txt and docs/pcie_pci_bridge.txt: pxb-pcie; KubeVirt VEP-199.
    """
    keys = [_key(device, number) for number, device in enumerate(guest.devices)]
    plugged = Counter(keys)
    expanders: dict[str, Expander] = {}
    ports: list[Port] = []
    index, cell = taken.index + 1, count_own_cells(guest)
    bus = _first_bus(guest, taken)
    for number, (key, device) in enumerate(zip(keys, guest.devices, strict=True), start=1):
        if key and key not in expanders:
            expanders[key] = Expander(index, bus, _near_cell(guest, device), device.smmu)
            index += 1
            bus += _BUSES_EACH * (plugged[key] // _BUSES_EACH + 1)
        expander = expanders.get(key)
        slot = sum(port.expander is expander for port in ports) if expander else 0
        cells = guest.generic_initiator_nodes.get(device.assignment.device.address, 0)
        ports.append(Port(index, number, device, expander, slot, cell, cells))
        index, cell = index + 1, cell + cells
    return Topology(tuple(expanders.values()), tuple(ports))


def _key(device: AssignedDevice, number: int) -> str:
    """Return what devices of one expander bus have in common, empty for one on the root bus."""
    if not device.expander:
        return ""
    shared = device.assignment.device.iommu if device.smmu else None
    return shared or f"alone {number}"


def count_own_cells(guest: ResolvedGuest) -> int:
    """Return how many NUMA cells with processors the guest has, 1 without any that are named."""
    return len(guest.spec.numa or ()) or 1


def has_cells(guest: ResolvedGuest) -> bool:
    """Return whether the guest's NUMA cells have to be written down."""
    return bool(guest.spec.numa) or any(guest.generic_initiator_nodes.values())


def count_root_ports(guest: ResolvedGuest) -> int:
    """Return how many ports of the root bus are needed, those that libvirt adds among them."""
    spec = guest.spec
    plugged = sum(not device.expander for device in guest.devices)
    virtio = sum(disk.bus == "virtio" for disk in spec.disks)
    hubs = len({disk.bus for disk in spec.disks if disk.bus != "virtio"})
    spare = 2
    return plugged + virtio + hubs + len(spec.networks) + spec.rng + spare


def _first_bus(guest: ResolvedGuest, taken: Taken) -> int:
    """Return the number of the first expander's bus, behind those that are taken."""
    busy = max(count_root_ports(guest), taken.bus, taken.index) + _BUSES_EACH
    return _FIRST_BUS * (busy // _FIRST_BUS + 1)


def _near_cell(guest: ResolvedGuest, device: AssignedDevice) -> int | None:
    """Return the NUMA cell whose memory comes from the device's own node, else the first."""
    if not has_cells(guest):
        return None
    node = device.assignment.device.numa_node
    nodes = [cell.host_node for cell in guest.spec.numa or ()]
    return nodes.index(node) if node is not None and node in nodes else 0
