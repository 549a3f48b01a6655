"""Judge the huge pages that the guests of a host need together by those that it has."""

import re
from collections.abc import Iterator, Sequence

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Setting
from fleetpolicy.model.hugepages import default_hugepage_kib, hugepage_sizes_kib
from fleetpolicy.model.record import HostFacts
from fleetpolicy.model.scalars import size_kib, spell_kib
from fleetpolicy.resolve.guest_rules import POOL_TOO_SMALL, POOL_UNKNOWN
from fleetpolicy.resolve.guest_scene import Scene

_SIZE = re.compile(r"(\d{1,9})([KMG])", re.IGNORECASE)
_UNITS = {"K": 1, "M": 1 << 10, "G": 1 << 20}
_ANY = -1

Pools = dict[int, dict[int, int]]
"""Page size in KiB to NUMA node to pages; node -1 stands for pages that lie anywhere."""


def check_hugepages(scenes: Sequence[Scene]) -> Iterator[Diagnostic]:
    """Find the first guest that finds a pool exhausted, and pools that nobody knows."""
    if not scenes:
        return
    facts = scenes[0].facts
    pools = _pools(facts, scenes[0].settings)
    sizes = hugepage_sizes_kib(facts.arch, facts.kernel.page_size_kib)
    used: dict[tuple[int, int], int] = {}
    told: set[tuple[int, int]] = set()
    for scene in scenes:
        for size, node, pages in _wanted(scene):
            if size not in pools:
                if size in sizes and (size, _ANY) not in told:
                    told.add((size, _ANY))
                    yield _find_unknown(scene, size)
                continue
            for place in dict.fromkeys((node, _ANY)):
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
            yield size_kib(size), _ANY if node is None else node, pages


def _count(pool: dict[int, int], node: int) -> int:
    """Return a node's pages; those that lie anywhere may lie on it."""
    return sum(pool.values()) if node == _ANY else pool.get(node, 0) + pool.get(_ANY, 0)


def _pools(facts: HostFacts, settings: Sequence[Setting]) -> Pools:
    """Return what the host has, in its place what the command line will allocate."""
    pools: Pools = {}
    for node in facts.numa:
        for pool in node.hugepages:
            pools.setdefault(pool.size_kib, {})[node.node] = pool.pages
    return pools | _allocated(facts, settings)


def _allocated(facts: HostFacts, settings: Sequence[Setting]) -> Pools:
    """Return the pages that words of the command line ask for.

    Source:
        Linux, Documentation/admin-guide/kernel-parameters.txt: hugepages= counts pages of the
        hugepagesz= before it, else of default_hugepagesz=; node:count pairs go to their nodes.
    """
    default = default_hugepage_kib(facts.kernel.page_size_kib)
    for setting in settings:
        if setting.name == "default_hugepagesz":
            default = _kib(setting.value) or default
    found: Pools = {}
    size = default
    for setting in settings:
        if setting.name == "hugepagesz":
            size = _kib(setting.value)
        elif setting.name == "hugepages" and size:
            counts = re.findall(r"(?:(\d+):)?(\d+)", setting.value)
            pool = {int(node) if node else _ANY: int(count) for node, count in counts}
            found[size] = found.get(size, {}) | pool
    return found


def _kib(text: str) -> int:
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _UNITS[found[2].upper()] if found else 0


def _find_unknown(scene: Scene, size: int) -> Diagnostic:
    return scene.find(
        POOL_UNKNOWN,
        ("hugepages",),
        why=f"the host showed no pool of pages of {spell_kib(size)}",
        fix="collect the facts again, or set hugepagesz and hugepages in spec.kernel.parameters",
    )


def _find_short(scene: Scene, size: int, node: int, counts: tuple[int, int]) -> Diagnostic:
    needed, there = counts
    where = "" if node == _ANY else f" on node {node}"
    return scene.find(
        POOL_TOO_SMALL,
        ("hugepages",),
        why=f"with it the guests need {needed} pages of {spell_kib(size)}{where}, "
        f"and there are {there}",
        fix="allocate more with hugepages in spec.kernel.parameters, or move a guest",
    )
