"""Check groups, isolation and mappable BARs against trees drawn by hand and by hypothesis."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.simcore.topology import (
    ISOLATION,
    PAGE_SIZES,
    Acs,
    AcsFlags,
    Bar,
    Gap,
    NodeKind,
    PciNode,
    iommu_groups,
    isolation_gaps,
    map_bars,
    plant,
    viability,
    with_configured_acs,
    with_default_acs,
    without_redirection,
)

ON = Acs(ISOLATION, ISOLATION)
OFF = Acs(ISOLATION, AcsFlags.NONE)
ROOT = "0000:00:00.0"
OTHER_ROOT = "0000:00:01.0"
UP = "0000:01:00.0"
DOWN0, DOWN1 = "0000:02:00.0", "0000:02:01.0"
GPU, NIC = "0000:03:00.0", "0000:04:00.0"


def port(address: str, parent: str = "", acs: Acs | None = ON) -> PciNode:
    kind = NodeKind.DOWNSTREAM_PORT if parent else NodeKind.ROOT_PORT
    return PciNode(address, kind, parent, acs, driver="pcieport")


def endpoint(address: str, parent: str, acs: Acs | None = None) -> PciNode:
    return PciNode(address, NodeKind.ENDPOINT, parent, acs)


def switch(root: Acs | None = ON, left: Acs | None = ON, right: Acs | None = ON) -> list[PciNode]:
    return [
        port(ROOT, acs=root),
        PciNode(UP, NodeKind.UPSTREAM_PORT, ROOT, driver="pcieport"),
        port(DOWN0, UP, left),
        port(DOWN1, UP, right),
        endpoint(GPU, DOWN0),
        endpoint(NIC, DOWN1),
    ]


def members(nodes: list[PciNode]) -> set[tuple[str, ...]]:
    return {group.addresses for group in iommu_groups(plant(nodes))}


def test_groups_behind_ports_with_acs_hold_one_function_each() -> None:
    nodes = switch()

    assert members(nodes) == {(node.address,) for node in nodes}


def test_groups_behind_a_root_port_without_acs_are_one() -> None:
    nodes = switch(root=None)

    assert members(nodes) == {tuple(sorted(node.address for node in nodes))}


def test_groups_behind_downstream_ports_without_acs_join_the_ports() -> None:
    groups = iommu_groups(plant([*switch(left=None, right=OFF)]))

    assert [group.addresses for group in groups] == [
        (ROOT,),
        (UP,),
        (DOWN0, GPU),
        (DOWN1, NIC),
    ]
    assert [joining.why for group in groups for joining in group.joined] == [
        f"downstream port {DOWN0} has no ACS",
        f"downstream port {DOWN1} has ACS services switched off",
    ]


def test_gap_between_groups_remains_at_a_port_without_acs() -> None:
    tree = plant(switch(left=None))

    assert list(isolation_gaps(tree)) == [Gap(GPU, NIC, DOWN0)]


def test_gaps_are_mutual_where_two_downstream_ports_have_no_acs() -> None:
    tree = plant(switch(left=None, right=None))

    assert list(isolation_gaps(tree)) == [Gap(GPU, NIC, DOWN0), Gap(NIC, GPU, DOWN1)]


def test_functions_of_one_device_without_acs_share_a_group() -> None:
    first, second = "0000:01:00.0", "0000:01:00.1"
    nodes = [port(ROOT), endpoint(first, ROOT), endpoint(second, ROOT)]

    assert members(nodes) == {(ROOT,), (first, second)}
    isolated = [nodes[0], *(replace(node, acs=ON) for node in nodes[1:])]
    assert members(isolated) == {(ROOT,), (first,), (second,)}
    quirk = [nodes[0], *(replace(node, isolated_by_quirk=True) for node in nodes[1:])]
    assert members(quirk) == {(ROOT,), (first,), (second,)}


def test_devices_behind_a_pcie_to_pci_bridge_share_its_group() -> None:
    bridge = PciNode("0000:01:00.0", NodeKind.PCIE_TO_PCI_BRIDGE, ROOT)
    cards = [PciNode(f"0000:02:0{n}.0", NodeKind.PCI_DEVICE, bridge.address) for n in (0, 1)]

    groups = iommu_groups(plant([port(ROOT), bridge, *cards]))

    assert [group.addresses for group in groups] == [
        (ROOT,),
        (bridge.address, *(card.address for card in cards)),
    ]
    assert groups[1].joined[0].why == ("PCIe-to-PCI bridge 0000:01:00.0 puts its own id on DMA")


def test_functions_that_share_a_requester_id_share_a_group() -> None:
    first, second, third = "0000:01:00.0", "0000:01:00.1", "0000:01:00.2"
    nodes = [
        port(ROOT),
        endpoint(first, ROOT, ON),
        replace(endpoint(second, ROOT, ON), aliases=(first,)),
        endpoint(third, ROOT, ON),
    ]

    assert members(nodes) == {(ROOT,), (first, second), (third,)}


def test_functions_at_the_ends_of_a_chain_of_requester_ids_share_a_group() -> None:
    ends = [endpoint(f"0000:00:0{number}.0", "") for number in range(4)]
    ends[0] = replace(ends[0], aliases=(ends[2].address,))
    ends[3] = replace(ends[3], aliases=(ends[1].address, ends[2].address))

    assert members(ends) == {tuple(end.address for end in ends)}


def test_integrated_endpoints_on_the_root_bus_are_apart() -> None:
    nodes = [PciNode(f"0000:00:0{n}.0", NodeKind.INTEGRATED_ENDPOINT) for n in (2, 3)]

    assert members(nodes) == {("0000:00:02.0",), ("0000:00:03.0",)}


def test_disable_acs_redir_joins_what_was_apart() -> None:
    tree = without_redirection(plant(switch()), [DOWN0])

    assert {group.addresses for group in iommu_groups(tree)} == {
        (ROOT,),
        (UP,),
        (DOWN0, GPU),
        (DOWN1,),
        (NIC,),
    }


def test_config_acs_sets_clears_and_keeps_bits() -> None:
    tree = with_configured_acs(plant(switch(left=OFF)), {DOWN0: "x11x01", DOWN1: "xxx0xx"})

    left, right = tree.nodes[DOWN0].acs, tree.nodes[DOWN1].acs
    assert left is not None
    assert right is not None
    assert left.enabled == (
        AcsFlags.UPSTREAM_FORWARDING | AcsFlags.COMPLETION_REDIRECT | AcsFlags.SOURCE_VALIDATION
    )
    assert right.enabled == ISOLATION & ~AcsFlags.REQUEST_REDIRECT


def test_kernel_switches_on_what_the_hardware_has() -> None:
    tree = with_default_acs(plant(switch(OFF, OFF, OFF)))

    assert len(iommu_groups(tree)) == len(tree.nodes)


@pytest.mark.parametrize(
    ("driver", "blocks"),
    [("", False), ("vfio-pci", False), ("pci-stub", False), ("nvme", True), ("xe", True)],
)
def test_viability_names_the_functions_with_host_drivers(driver: str, blocks: bool) -> None:  # noqa: FBT001 - a column
    first, second = "0000:01:00.0", "0000:01:00.1"
    nodes = [
        port(ROOT, acs=None),
        replace(endpoint(first, ROOT), driver="vfio-pci"),
        replace(endpoint(second, ROOT), driver=driver),
    ]
    tree = plant(nodes)

    blockers = viability(tree, iommu_groups(tree)[0], frozenset({"vfio-pci"}))

    assert [node.address for node in blockers] == ([second] if blocks else [])


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([port(ROOT), port(ROOT)], f"{ROOT} occurs twice"),
        ([endpoint(GPU, ROOT)], f"{GPU} stands behind {ROOT}, which is missing"),
        (
            [PciNode(GPU, NodeKind.ENDPOINT), endpoint(NIC, GPU)],
            f"{NIC} stands behind {GPU}, which is no bridge",
        ),
        ([port(UP, DOWN0), port(DOWN0, UP)], f"{UP} stands behind itself"),
    ],
)
def test_tree_that_cannot_be_is_refused(nodes: list[PciNode], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plant(nodes)


SOME_ACS = st.sampled_from([None, OFF, ON])


@given(st.lists(SOME_ACS, min_size=6, max_size=6))
def test_gaps_open_only_where_something_does_not_isolate(choices: list[Acs | None]) -> None:
    second = [
        port(OTHER_ROOT, acs=choices[3]),
        endpoint("0000:05:00.0", OTHER_ROOT, choices[4]),
        endpoint("0000:05:00.1", OTHER_ROOT, choices[5]),
    ]
    tree = plant([*switch(choices[0], choices[1], choices[2]), *second])

    turns = {gap.through for gap in isolation_gaps(tree)}

    assert all(not tree.is_isolated(tree.nodes[turn]) for turn in turns)
    assert turns == set() or any(choice != ON for choice in choices)


@given(st.lists(SOME_ACS, min_size=3, max_size=3))
def test_switching_acs_on_never_joins_groups(choices: list[Acs | None]) -> None:
    tree = plant(switch(*choices))

    assert len(iommu_groups(with_default_acs(tree))) >= len(iommu_groups(tree))


PAGE4K, PAGE16K, PAGE64K = PAGE_SIZES


def test_bar_smaller_than_a_page_is_mapped_if_it_has_the_page_for_itself() -> None:
    lone = Bar(GPU, 0, 0x1000_0000, 0x1000)

    assert [map_bars([lone], size)[0].is_mappable for size in PAGE_SIZES] == [True, True, True]


def test_bar_that_shares_a_page_is_trapped_on_larger_pages_only() -> None:
    bars = [Bar(GPU, 0, 0x1000_0000, 0x1000), Bar(NIC, 2, 0x1000_1000, 0x1000)]

    reasons = [[found.why_not for found in map_bars(bars, size)] for size in PAGE_SIZES]

    assert reasons == [
        ["", ""],
        [
            f"the rest of its page of 16384 bytes holds BAR 2 of {NIC}",
            "it begins 0x1000 into a page of 16384 bytes",
        ],
        [
            f"the rest of its page of 65536 bytes holds BAR 2 of {NIC}",
            "it begins 0x1000 into a page of 65536 bytes",
        ],
    ]


def test_io_ports_are_never_mapped() -> None:
    found = map_bars([Bar(GPU, 4, 0x1000, 0x100, is_memory=False)], PAGE4K)[0]

    assert found.why_not == "I/O ports cannot be mapped"


@given(
    st.lists(st.tuples(st.integers(0, 63), st.integers(8, 17)), min_size=1, max_size=6),
    st.sampled_from(PAGE_SIZES),
)
def test_mapped_bar_shares_its_pages_with_no_other_function(
    places: list[tuple[int, int]], page_size: int
) -> None:
    bars, cursor = [], 0
    for index, (gap, order) in enumerate(places):
        size = 1 << order
        cursor = (cursor + gap * 256 + size - 1) // size * size
        bars.append(Bar(f"0000:01:00.{index}", 0, cursor, size))
        cursor += size

    small = [found for found in map_bars(bars, page_size) if found.bar.size < page_size]

    assert all(not found.neighbours for found in small if found.is_mappable)
