"""Put PCI functions into IOMMU groups as Linux does, and say which groups a guest can have."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetpolicy.simcore.topology.tree import NodeKind, PciNode, PciTree

_HARMLESS_DRIVERS = frozenset({"", "pci-stub", "pcieport", "shpchp"})
_TRANSPARENT = frozenset({NodeKind.ROOT_PORT, NodeKind.UPSTREAM_PORT, NodeKind.DOWNSTREAM_PORT})


@dataclass(frozen=True, slots=True)
class Joining:
    """Say why a function is not in a group of its own."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class Group:
    """Hold one IOMMU group.

    Args:
        addresses: Its functions by address.
        joined: Why each function but the first to come is in it.
    """

    addresses: tuple[str, ...]
    joined: tuple[Joining, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """Hold the group a function belongs to, by the first function of that group, and why."""

    leader: str
    why: str


def iommu_groups(tree: PciTree) -> tuple[Group, ...]:
    """Return the IOMMU groups of a tree, sorted by their lowest address.

    Functions are added as the kernel finds them: each bus before the buses behind it.

    Source:
        Linux up to 6.17, drivers/iommu/iommu.c, pci_device_group(); drivers/pci/search.c,
        pci_for_each_dma_alias().
    """
    leaders: dict[str, str] = {}
    joined: dict[str, list[Joining]] = {}
    for node in tree.nodes.values():
        found = _find_group(tree, leaders, node)
        leader = node.address if found is None else found.leader
        leaders[node.address] = leader
        reasons = joined.setdefault(leader, [])
        if found is not None:
            reasons.append(Joining(node.address, found.why))
    groups = (
        Group(
            tuple(sorted(address for address, owner in leaders.items() if owner == leader)),
            tuple(reasons),
        )
        for leader, reasons in joined.items()
    )
    return tuple(sorted(groups, key=lambda group: group.addresses))


def _find_group(tree: PciTree, leaders: dict[str, str], node: PciNode) -> _Found | None:
    """Return the group that is there already for a function, or None."""
    top = node
    for alias, why in _dma_aliases(tree, node):
        top = alias
        if alias.address in leaders:
            return _Found(leaders[alias.address], why)
    for bridge in tree.above(top):
        if tree.is_path_isolated(bridge):
            break
        top = bridge
        if bridge.address in leaders:
            weak = next(
                step for step in (bridge, *tree.above(bridge)) if not tree.is_isolated(step)
            )
            return _Found(leaders[bridge.address], _explain_path(weak))
    return _alias_group(tree, leaders, top) or _function_group(tree, leaders, top)


def _explain_path(weak: PciNode) -> str:
    missing = "has no ACS" if weak.acs is None else "has ACS services switched off"
    return f"{weak.kind} {weak.address} {missing}"


def _dma_aliases(tree: PciTree, node: PciNode) -> Iterator[tuple[PciNode, str]]:
    """Yield the bridges above whose requester id DMA of a function carries."""
    for bridge in tree.above(node):
        if bridge.kind not in _TRANSPARENT:
            yield bridge, f"{bridge.kind} {bridge.address} puts its own id on DMA"


def _alias_group(tree: PciTree, leaders: dict[str, str], node: PciNode) -> _Found | None:
    """Return the group of a function of the same bus that shares a requester id.

    Source:
        Linux drivers/iommu/iommu.c, get_pci_alias_group(): the whole chain on a bus is searched.
    """
    seen, pending = {node.address}, [(node, "")]
    for step, first in pending:
        for other in _neighbours(tree, step):
            shares = other.address in step.aliases or step.address in other.aliases
            if not shares or other.address in seen:
                continue
            seen.add(other.address)
            through = first or other.address
            if other.address in leaders:
                return _Found(leaders[other.address], f"shares a requester id with {through}")
            pending.append((other, through))
    return None


def _function_group(tree: PciTree, leaders: dict[str, str], node: PciNode) -> _Found | None:
    """Return the group of another function of the device, if neither is isolated."""
    if node.slot not in tree.multifunction or tree.is_isolated(node):
        return None
    for other in _neighbours(tree, node):
        if other.slot != node.slot or tree.is_isolated(other):
            continue
        if other.address in leaders:
            why = f"functions of {node.slot} are not isolated from each other"
            return _Found(leaders[other.address], why)
        found = _alias_group(tree, leaders, other)
        if found is not None:
            return found
    return None


def _neighbours(tree: PciTree, node: PciNode) -> Iterator[PciNode]:
    for other in tree.nodes.values():
        if other.parent == node.parent and other.bus == node.bus and other is not node:
            yield other


def viability(tree: PciTree, group: Group, vfio_drivers: frozenset[str]) -> tuple[PciNode, ...]:
    """Return the functions whose drivers keep a group from VFIO; none if the group is viable.

    Args:
        tree: The host's functions with their drivers.
        group: One of its groups.
        vfio_drivers: The names of VFIO drivers in sysfs, variant drivers too.

    Source:
        Linux, Documentation/driver-api/vfio.rst; drivers that set driver_managed_dma.
    """
    members = (tree.nodes[address] for address in group.addresses)
    allowed = _HARMLESS_DRIVERS | vfio_drivers
    return tuple(node for node in members if node.driver not in allowed)
