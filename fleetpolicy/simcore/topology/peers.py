"""Find out whether DMA of one function can reach another without passing the IOMMU."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from fleetpolicy.simcore.topology.groups import Group, iommu_groups
from fleetpolicy.simcore.topology.tree import NodeKind, PciNode, PciTree

_CONVENTIONAL = frozenset({NodeKind.PCI_DEVICE, NodeKind.PCI_BRIDGE, NodeKind.PCI_TO_PCIE_BRIDGE})


@dataclass(frozen=True, slots=True)
class Gap:
    """Report that DMA crosses from one group into another.

    Args:
        source: The function that sends.
        target: The function whose BARs it reaches.
        through: Where the request turns round.
    """

    source: str
    target: str
    through: str


def turning_point(tree: PciTree, source: str, target: str) -> PciNode | None:
    """Return the function at which a request from source turns towards target, unchecked.

    Returns:
        The last function on the way up that sends the request sideways; None if everything that
        leads to target passes the IOMMU first.

    Source:
        PCI Express Base Specification, 6.12: a port without request redirection routes a request
        to its sibling directly; functions of one device may talk inside the device.
    """
    upwards = (tree.nodes[source], *tree.above(tree.nodes[source]))
    places = {
        (step.parent, step.bus): step
        for step in (tree.nodes[target], *tree.above(tree.nodes[target]))
    }
    for step in upwards:
        meeting = places.get((step.parent, step.bus))
        if meeting is None or meeting is step:
            continue
        return step if _turns(tree, step, meeting) else None
    return None


def _turns(tree: PciTree, step: PciNode, meeting: PciNode) -> bool:
    """Tell whether a bus lets a request cross from one of its functions to another."""
    if step.kind in _CONVENTIONAL:
        return True
    if step.slot == meeting.slot:
        return not tree.is_isolated(step)
    if step.kind in {NodeKind.ROOT_PORT, NodeKind.DOWNSTREAM_PORT}:
        return not tree.is_isolated(step)
    return False


def isolation_gaps(tree: PciTree, groups: tuple[Group, ...] | None = None) -> Iterator[Gap]:
    """Yield each pair of functions in different groups whose DMA is not kept apart.

    The kernel puts a downstream port without ACS and what is behind it into a group of their own,
    although the switch lets its ports talk to each other: group membership alone proves nothing.

    Args:
        tree: The host's functions.
        groups: The groups as a host shows them; those that the kernel would make if None.
    """
    group_by_address = {
        address: number
        for number, group in enumerate(iommu_groups(tree) if groups is None else groups)
        for address in group.addresses
    }
    ends = [node.address for node in tree.nodes.values() if not node.kind.is_bridge]
    for source, target in permutations(ends, 2):
        if group_by_address[source] == group_by_address[target]:
            continue
        turn = turning_point(tree, source, target)
        if turn is not None:
            yield Gap(source, target, turn.address)
