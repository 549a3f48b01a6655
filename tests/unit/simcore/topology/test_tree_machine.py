"""Let hypothesis build hosts step by step and watch what must hold of their groups."""

from dataclasses import replace
from itertools import chain

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleetpolicy.simcore.topology import (
    ISOLATION,
    Acs,
    AcsFlags,
    NodeKind,
    PciNode,
    PciTree,
    iommu_groups,
    isolation_gaps,
    plant,
    viability,
    with_default_acs,
    without_redirection,
)

ACS = st.sampled_from([None, Acs(ISOLATION, AcsFlags.NONE), Acs(ISOLATION, ISOLATION)])
DRIVERS = st.sampled_from(["", "vfio-pci", "nvme"])
LEAVES = st.sampled_from([NodeKind.ENDPOINT, NodeKind.PCI_DEVICE])
BRIDGES = st.sampled_from([NodeKind.DOWNSTREAM_PORT, NodeKind.PCIE_TO_PCI_BRIDGE])


class HostMachine(RuleBasedStateMachine):
    """Add ports, bridges and functions; change drivers and ACS."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, PciNode] = {}
        self.buses = 0

    @property
    def tree(self) -> PciTree:
        return plant(self.nodes.values())

    def add(self, node: PciNode) -> None:
        self.nodes[node.address] = node

    @rule(acs=ACS)
    def add_root_port(self, acs: Acs | None) -> None:
        self.add(PciNode(f"0000:00:{len(self.nodes) % 32:02x}.0", NodeKind.ROOT_PORT, acs=acs))

    @rule(kind=BRIDGES, acs=ACS, choice=st.integers(0, 99))
    def add_bridge(self, kind: NodeKind, acs: Acs | None, choice: int) -> None:
        above = self.pick(choice)
        if above:
            self.buses += 1
            self.add(PciNode(f"0000:{self.buses:02x}:00.0", kind, above.address, acs))

    @rule(kind=LEAVES, acs=ACS, driver=DRIVERS, choice=st.integers(0, 99), count=st.integers(1, 3))
    def add_functions(
        self, kind: NodeKind, acs: Acs | None, driver: str, choice: int, count: int
    ) -> None:
        above = self.pick(choice)
        if above:
            self.buses += 1
            for number in range(count):
                address = f"0000:{self.buses:02x}:00.{number}"
                self.add(PciNode(address, kind, above.address, acs, driver=driver))

    @rule(choice=st.integers(0, 99), driver=DRIVERS)
    def bind(self, choice: int, driver: str) -> None:
        if self.nodes:
            node = list(self.nodes.values())[choice % len(self.nodes)]
            self.add(replace(node, driver=driver))

    def pick(self, choice: int) -> PciNode | None:
        bridges = [node for node in self.nodes.values() if node.kind.is_bridge]
        return bridges[choice % len(bridges)] if bridges and self.buses < 200 else None

    @invariant()
    def groups_part_the_functions(self) -> None:
        groups = iommu_groups(self.tree)

        members = list(chain.from_iterable(group.addresses for group in groups))
        assert sorted(members) == sorted(self.nodes)
        assert all(len(group.joined) == len(group.addresses) - 1 for group in groups)

    @invariant()
    def more_acs_makes_no_fewer_groups(self) -> None:
        tree = self.tree

        fewer, more = without_redirection(tree, tree.nodes), with_default_acs(tree)

        assert len(iommu_groups(fewer)) <= len(iommu_groups(tree)) <= len(iommu_groups(more))
        assert all(not more.is_isolated(more.nodes[gap.through]) for gap in isolation_gaps(more))

    @invariant()
    def only_host_drivers_block(self) -> None:
        tree = self.tree

        for group in iommu_groups(tree):
            blockers = viability(tree, group, frozenset({"vfio-pci"}))
            assert {node.address for node in blockers} == {
                address for address in group.addresses if tree.nodes[address].driver == "nvme"
            }


HostMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
TestHost = HostMachine.TestCase
