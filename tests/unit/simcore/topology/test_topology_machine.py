"""Alter PCI trees step by step and hold IOMMU groups and mappable BARs against a reference."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fleetpolicy.simcore.topology import (
    ISOLATION,
    PAGE_SIZES,
    Acs,
    AcsFlags,
    Bar,
    NodeKind,
    PciNode,
    PciTree,
    groups,
    iommu_groups,
    map_bars,
    plant,
    viability,
    with_default_acs,
    without_redirection,
)

BRISK = settings(
    max_examples=100,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
UNSHRUNK = settings(BRISK, phases=[Phase.generate])
ON, OFF = Acs(ISOLATION, ISOLATION), Acs(ISOLATION, AcsFlags.NONE)
ACS = st.sampled_from([ON, OFF, None])
LEAVES = st.sampled_from([NodeKind.ENDPOINT, NodeKind.PCI_DEVICE])
DRIVERS = st.sampled_from(["", "vfio-pci", "nvme", "pci-stub"])
CHOICE = st.integers(0, 99)
SMALLEST_BAR = 256


class TopologyMachine(RuleBasedStateMachine):
    """Plug in ports, switches, bridges and functions, switch ACS, pull subtrees out."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, PciNode] = {}
        self.bars: list[Bar] = []
        self.free = 0
        self.buses = 0

    @rule(acs=ACS)
    def add_root_port(self, acs: Acs | None) -> None:
        address = f"0000:00:{self.buses:02x}.0"
        self.buses += 1
        self.nodes[address] = PciNode(address, NodeKind.ROOT_PORT, acs=acs, driver="pcieport")

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE, left=ACS, right=ACS)
    def add_switch(self, choice: int, left: Acs | None, right: Acs | None) -> None:
        up = self.add_behind(choice, NodeKind.UPSTREAM_PORT, None, 1)
        bus = f"0000:{self.buses + 1:02x}"
        self.buses += 1
        for number, acs in enumerate((left, right)):
            address = f"{bus}:{number:02x}.0"
            self.nodes[address] = PciNode(address, NodeKind.DOWNSTREAM_PORT, up, acs)

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE)
    def add_conventional_bridge(self, choice: int) -> None:
        self.add_behind(choice, NodeKind.PCIE_TO_PCI_BRIDGE, None, 1)

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE, kind=LEAVES, acs=ACS, count=st.integers(1, 4))
    def add_functions(self, choice: int, kind: NodeKind, acs: Acs | None, count: int) -> None:
        self.add_behind(choice, kind, acs, count)

    def add_behind(self, choice: int, kind: NodeKind, acs: Acs | None, count: int) -> str:
        bridges = [node for node in self.nodes.values() if node.kind.is_bridge]
        above = bridges[choice % len(bridges)]
        self.buses += 1
        for number in range(count):
            address = f"0000:{self.buses:02x}:00.{number}"
            self.nodes[address] = PciNode(address, kind, above.address, acs)
        return f"0000:{self.buses:02x}:00.0"

    def pick(self, choice: int) -> PciNode:
        return list(self.nodes.values())[choice % len(self.nodes)]

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE, other=CHOICE)
    def borrow_requester_id(self, choice: int, other: int) -> None:
        node = self.pick(choice)
        bus = [n for n in self.nodes.values() if (n.parent, n.bus) == (node.parent, node.bus)]
        lender = bus[other % len(bus)].address
        if lender != node.address:
            self.nodes[node.address] = replace(node, aliases=(*node.aliases, lender))

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE, enable=st.booleans())
    def switch_acs(self, choice: int, *, enable: bool) -> None:
        node = self.pick(choice)
        if node.acs is None:
            return
        before = partition(plant(self.nodes.values()))
        self.nodes[node.address] = replace(node, acs=ON if enable else OFF)
        after = partition(plant(self.nodes.values()))
        finer, coarser = (after, before) if enable else (before, after)
        assert refines(finer, coarser)

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE, driver=DRIVERS)
    def bind(self, choice: int, driver: str) -> None:
        node = self.pick(choice)
        self.nodes[node.address] = replace(node, driver=driver)

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE)
    def hot_remove(self, choice: int) -> None:
        tree = plant(self.nodes.values())
        gone = self.pick(choice).address
        self.nodes = {
            address: node
            for address, node in self.nodes.items()
            if gone not in {address, *(above.address for above in tree.above(node))}
        }
        self.bars = [bar for bar in self.bars if bar.owner in self.nodes]

    @precondition(lambda self: self.nodes)
    @rule(choice=CHOICE, power=st.integers(0, 10), gap=st.integers(0, 5))
    def assign_bar(self, choice: int, power: int, gap: int) -> None:
        size = SMALLEST_BAR << power
        start = -(-(self.free + gap * SMALLEST_BAR) // size) * size
        self.free = start + size
        self.bars.append(Bar(self.pick(choice).address, len(self.bars) % 6, start, size))

    @invariant()
    def groups_part_the_functions_whatever_the_order(self) -> None:
        tree = plant(self.nodes.values())

        members = list(chain.from_iterable(g.addresses for g in iommu_groups(tree)))

        assert sorted(members) == sorted(self.nodes)
        assert partition(plant(reversed(self.nodes.values()))) == partition(tree)

    @invariant()
    def functions_that_share_a_requester_id_share_a_group(self) -> None:
        tree = plant(self.nodes.values())
        parted = partition(tree)

        for a, b in shared_ids(tree):
            assert any({a, b} <= members for members in parted), (a, b)

    @invariant()
    def isolation_only_parts(self) -> None:
        tree = plant(self.nodes.values())

        assert refines(partition(with_default_acs(tree)), partition(tree))
        assert refines(partition(tree), partition(without_redirection(tree, tree.nodes)))

    @invariant()
    def viability_grows_with_the_vfio_drivers(self) -> None:
        tree = plant(self.nodes.values())

        for group in iommu_groups(tree):
            few = viability(tree, group, frozenset({"vfio-pci"}))
            more = viability(tree, group, frozenset({"vfio-pci", "nvme"}))
            assert set(more) <= set(few)
            assert {n.address for n in few} == {
                a for a in group.addresses if tree.nodes[a].driver == "nvme"
            }

    @invariant()
    def mapped_pages_hold_no_other_bar(self) -> None:
        for size in PAGE_SIZES:
            mappable = [m.bar for m in map_bars(self.bars, size) if m.is_mappable]
            for bar in mappable:
                others = [other for other in self.bars if other is not bar]
                assert not any(pages(bar, size) & pages(other, size) for other in others)


def partition(tree: PciTree) -> set[frozenset[str]]:
    return {frozenset(group.addresses) for group in iommu_groups(tree)}


def refines(finer: set[frozenset[str]], coarser: set[frozenset[str]]) -> bool:
    """Tell whether no group of the finer partition crosses groups of the coarser."""
    return all(any(small <= large for large in coarser) for small in finer)


def pages(bar: Bar, size: int) -> set[int]:
    return set(range(bar.start // size, (bar.start + bar.size - 1) // size + 1))


def shared_ids(tree: PciTree) -> Iterator[tuple[str, str]]:
    """Yield the pairs whose DMA may carry one requester id, straight from the tree."""
    for a, b in combinations(tree.nodes.values(), 2):
        if (a.parent, a.bus) == (b.parent, b.bus) and (
            a.address in b.aliases or b.address in a.aliases
        ):
            yield a.address, b.address
    for node in tree.nodes.values():
        for above in tree.above(node):
            if above.kind is NodeKind.PCIE_TO_PCI_BRIDGE:
                yield node.address, above.address


TopologyMachine.TestCase.settings = BRISK
TestTopology = TopologyMachine.TestCase


def test_machine_finds_groups_that_forget_requester_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "_dma_aliases", lambda _tree, _node: iter(()))
    monkeypatch.setattr(groups, "_alias_group", lambda _tree, _leaders, _node: None)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(TopologyMachine, settings=UNSHRUNK)
