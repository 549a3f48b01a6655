"""Judge the huge pages that the guests of a host need together by those that it has."""

from collections.abc import Iterator, Sequence

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.fleet import Setting
from fleetpolicy.model.hugepages import ANY_NODE, allocated_hugepages, hugepage_sizes_kib
from fleetpolicy.model.record import HostFacts
from fleetpolicy.model.scalars import size_kib, spell_kib
from fleetpolicy.resolve.guest_rules import POOL_TOO_SMALL, POOL_UNKNOWN
from fleetpolicy.resolve.guest_scene import Scene

Pools = dict[int, dict[int, int]]
"""Page size in KiB to NUMA node to pages; node -1 stands for pages that lie anywhere."""


def check_hugepages(scenes: Sequence[Scene]) -> Iterator[Diagnostic]:
    """Find the first guest that finds a pool exhausted, and pools that nobody knows."""
    if not scenes:
        return
    facts = scenes[0].facts
    pools = _pools(facts, scenes[0].settings)
    nodes = {item.node for item in facts.numa}
    sizes = hugepage_sizes_kib(facts.arch, facts.kernel.page_size_kib)
    used: dict[tuple[int, int], int] = {}
    told: set[tuple[int, int]] = set()
    for scene in scenes:
        for size, node, pages in _wanted(scene):
            if size not in pools:
                if size in sizes and (size, ANY_NODE) not in told:
                    told.add((size, ANY_NODE))
                    yield _find_unknown(scene, size)
                continue
            places = (node, ANY_NODE) if node in nodes else (ANY_NODE,)
            for place in places:
                used[size, place] = used.get((size, place), 0) + pages
                there = _count(pools[size], place)
                if used[size, place] > there and (size, place) not in told:
                    told.add((size, place))
                    yield _find_short(scene, size, place, (used[size, place], there))


def _wanted(scene: Scene) -> Iterator[tuple[int, int, int]]:
    """Yield page size in KiB, node and number of pages for each cell of a guest."""
    spec = scene.spec
    cells = [(cell.memory, cell.hugepages, cell.host_node) for cell in spec.numa or ()]
    for memory, own, own_node in cells or [(spec.memory, spec.hugepages, spec.numa_node)]:
        size = own or spec.hugepages
        node = own_node if own_node is not None else spec.numa_node
        if size:
            pages = -(-size_kib(memory) // size_kib(size))
            yield size_kib(size), ANY_NODE if node is None else node, pages


def _count(pool: dict[int, int], node: int) -> int:
    """Return a node's pages; those that lie anywhere may lie on it."""
    return sum(pool.values()) if node == ANY_NODE else pool.get(node, 0) + pool.get(ANY_NODE, 0)


def _pools(facts: HostFacts, settings: Sequence[Setting]) -> Pools:
    """Return what the host has, in its place what the command line will allocate."""
    pools: Pools = {}
    for node in facts.numa:
        for pool in node.hugepages:
            pools.setdefault(pool.size_kib, {})[node.node] = pool.pages
    words = ((setting.name, setting.value) for setting in settings)
    return pools | allocated_hugepages(words, facts.kernel.page_size_kib)


def _find_unknown(scene: Scene, size: int) -> Diagnostic:
    return scene.find(
        POOL_UNKNOWN,
        ("hugepages",),
        why=f"the host showed no pool of pages of {spell_kib(size)}",
        fix="collect the facts again, or set hugepagesz and hugepages in spec.kernel.parameters",
    )


def _find_short(scene: Scene, size: int, node: int, counts: tuple[int, int]) -> Diagnostic:
    needed, there = counts
    where = "" if node == ANY_NODE else f" on node {node}"
    return scene.find(
        POOL_TOO_SMALL,
        ("hugepages",),
        why=f"with it the guests need {amount(needed, 'page')} of {spell_kib(size)}{where}, "
        f"and there are {there}",
        fix="allocate more with hugepages in spec.kernel.parameters, or move a guest",
    )
