"""Describe a PCI tree: ports, bridges and functions with their access control services."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntFlag, StrEnum


class AcsFlags(IntFlag):
    """Name the access control services, by the bits of the ACS control register."""

    NONE = 0
    SOURCE_VALIDATION = 0x01
    TRANSLATION_BLOCKING = 0x02
    REQUEST_REDIRECT = 0x04
    COMPLETION_REDIRECT = 0x08
    UPSTREAM_FORWARDING = 0x10
    EGRESS_CONTROL = 0x20
    DIRECT_TRANSLATED = 0x40


ISOLATION = (
    AcsFlags.SOURCE_VALIDATION
    | AcsFlags.REQUEST_REDIRECT
    | AcsFlags.COMPLETION_REDIRECT
    | AcsFlags.UPSTREAM_FORWARDING
)
REDIRECTION = AcsFlags.REQUEST_REDIRECT | AcsFlags.COMPLETION_REDIRECT | AcsFlags.EGRESS_CONTROL


class NodeKind(StrEnum):
    """Name the kinds of PCI functions that decide how DMA is routed and identified."""

    ROOT_PORT = "root port"
    UPSTREAM_PORT = "upstream port"
    DOWNSTREAM_PORT = "downstream port"
    ENDPOINT = "endpoint"
    INTEGRATED_ENDPOINT = "root complex integrated endpoint"
    PCIE_TO_PCI_BRIDGE = "PCIe-to-PCI bridge"
    PCI_TO_PCIE_BRIDGE = "PCI-to-PCIe bridge"
    PCI_BRIDGE = "PCI-to-PCI bridge"
    PCI_DEVICE = "conventional PCI device"

    @property
    def is_bridge(self) -> bool:
        """Tell whether there is a bus behind it."""
        return self not in {
            NodeKind.ENDPOINT,
            NodeKind.INTEGRATED_ENDPOINT,
            NodeKind.PCI_DEVICE,
        }


@dataclass(frozen=True, slots=True)
class Acs:
    """Hold an ACS capability: what the hardware can do and what is switched on."""

    capable: AcsFlags
    enabled: AcsFlags


@dataclass(frozen=True, slots=True)
class PciNode:
    """Describe one function of the tree.

    Args:
        address: domain:bus:device.function, as in sysfs.
        parent: The address of the bridge above; empty on a root bus.
        acs: None where the function has no ACS capability.
        isolated_by_quirk: The kernel knows the hardware to isolate without the capability.
        aliases: Functions of the same bus whose requester ids its DMA may carry.
        driver: The driver it is bound to, by its sysfs name; empty if none.
    """

    address: str
    kind: NodeKind
    parent: str = ""
    acs: Acs | None = None
    isolated_by_quirk: bool = False
    aliases: tuple[str, ...] = ()
    driver: str = ""

    @property
    def slot(self) -> str:
        """Return the address without its function."""
        return self.address.rpartition(".")[0]

    @property
    def bus(self) -> str:
        """Return domain:bus."""
        return self.address.rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class PciTree:
    """Hold the functions of a host by address, each bus before the buses behind it."""

    nodes: Mapping[str, PciNode]
    multifunction: frozenset[str]

    def above(self, node: PciNode) -> Iterator[PciNode]:
        """Yield the bridges between a function and the root, the nearest first."""
        while node.parent:
            node = self.nodes[node.parent]
            yield node

    def is_isolated(self, node: PciNode) -> bool:
        """Tell what `pci_acs_enabled()` tells for the services that isolation needs.

        Source:
            Linux, drivers/pci/pci.c: a service that the capability leaves out counts as wired on;
            conventional PCI and bridges to it never isolate; a single function needs no ACS.
        """
        if node.isolated_by_quirk:
            return True
        match node.kind:
            case NodeKind.ROOT_PORT | NodeKind.DOWNSTREAM_PORT:
                return _has_isolation(node.acs)
            case NodeKind.ENDPOINT | NodeKind.INTEGRATED_ENDPOINT | NodeKind.UPSTREAM_PORT:
                return node.slot not in self.multifunction or _has_isolation(node.acs)
            case _:
                return False

    def is_path_isolated(self, node: PciNode) -> bool:
        """Tell whether a bridge and all above it isolate, as `pci_acs_path_enabled()` does."""
        return all(self.is_isolated(step) for step in (node, *self.above(node)))


def plant(nodes: Iterable[PciNode]) -> PciTree:
    """Return the tree of a host's functions.

    Raises:
        ValueError: An address occurs twice, or a parent is missing, is no bridge or stands in a
            circle.
    """
    found: dict[str, PciNode] = {}
    for node in sorted(nodes, key=lambda node: node.address):
        if node.address in found:
            raise ValueError(f"{node.address} occurs twice")
        found[node.address] = node
    for node in found.values():
        _check_parents(found, node)
    ordered = dict(sorted(found.items(), key=lambda item: (_depth(found, item[1]), item[0])))
    slots = [node.slot for node in found.values()]
    return PciTree(ordered, frozenset(slot for slot in slots if slots.count(slot) > 1))


def with_default_acs(tree: PciTree) -> PciTree:
    """Return the tree after the kernel switched on what it switches on when there is an IOMMU.

    Source:
        Linux, drivers/pci/pci.c, pci_std_enable_acs().
    """
    return _with_acs(
        tree, {address: acs.enabled | acs.capable & ISOLATION for address, acs in _acs(tree)}
    )


def without_redirection(tree: PciTree, addresses: Iterable[str]) -> PciTree:
    """Return the tree under pci=disable_acs_redir= for these functions.

    Source:
        Linux, Documentation/admin-guide/kernel-parameters.txt.
    """
    chosen = frozenset(addresses)
    return _with_acs(
        tree,
        {address: acs.enabled & ~REDIRECTION for address, acs in _acs(tree) if address in chosen},
    )


def with_configured_acs(tree: PciTree, bits: Mapping[str, str]) -> PciTree:
    """Return the tree under pci=config_acs= with its bits by address.

    Args:
        tree: The host's functions.
        bits: Digits for the services from the highest given down to source validation: 0 switches
            off, 1 switches on, x leaves as it is.

    Source:
        Linux, Documentation/admin-guide/kernel-parameters.txt.
    """
    changed: dict[str, AcsFlags] = {}
    for address, acs in _acs(tree):
        enabled = acs.enabled
        for position, digit in enumerate(reversed(bits.get(address, ""))):
            flag = AcsFlags(1 << position) & acs.capable
            enabled = enabled | flag if digit == "1" else enabled
            enabled = enabled & ~flag if digit == "0" else enabled
        changed[address] = enabled
    return _with_acs(tree, changed)


def _acs(tree: PciTree) -> Iterator[tuple[str, Acs]]:
    for node in tree.nodes.values():
        if node.acs is not None:
            yield node.address, node.acs


def _with_acs(tree: PciTree, enabled: Mapping[str, AcsFlags]) -> PciTree:
    nodes = {
        address: replace(node, acs=Acs(node.acs.capable, enabled[address]))
        if node.acs is not None and address in enabled
        else node
        for address, node in tree.nodes.items()
    }
    return PciTree(nodes, tree.multifunction)


def _has_isolation(acs: Acs | None) -> bool:
    if acs is None:
        return False
    needed = ISOLATION & acs.capable
    return acs.enabled & needed == needed


def _check_parents(nodes: Mapping[str, PciNode], node: PciNode) -> None:
    seen = {node.address}
    while node.parent:
        above = nodes.get(node.parent)
        if above is None:
            raise ValueError(f"{node.address} stands behind {node.parent}, which is missing")
        if not above.kind.is_bridge:
            raise ValueError(f"{node.address} stands behind {node.parent}, which is no bridge")
        if above.address in seen:
            raise ValueError(f"{above.address} stands behind itself")
        seen.add(above.address)
        node = above


def _depth(nodes: Mapping[str, PciNode], node: PciNode) -> int:
    depth = 0
    while node.parent:
        node, depth = nodes[node.parent], depth + 1
    return depth
