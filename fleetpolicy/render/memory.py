"""Render a guest's memory: size, huge pages, NUMA."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.model.guest import GuestCell, GuestSpec
from fleetpolicy.model.scalars import cpus_of, size_kib, spell_cpus
from fleetpolicy.render.topology import has_cells
from fleetpolicy.render.xml import Element, element


def memory_elements(guest: ResolvedGuest) -> Iterator[Element | None]:
    """Yield the guest's size, and the pages that back it."""
    kib = str(size_kib(guest.spec.memory))
    yield element("memory", text=kib, unit="KiB")
    yield element("currentMemory", text=kib, unit="KiB")
    pages = list(_pages(guest))
    if pages:
        yield element("memoryBacking", element("hugepages", *pages))


def cells_of(spec: GuestSpec) -> tuple[GuestCell, ...]:
    """Return the guest's NUMA cells that have processors, one with everything by default."""
    return spec.numa or (
        GuestCell(
            vcpus=f"0-{spec.vcpus - 1}" if spec.vcpus > 1 else "0",
            memory=spec.memory,
            hugepages=spec.hugepages,
            host_node=spec.numa_node,
        ),
    )


def _pages(guest: ResolvedGuest) -> Iterator[Element]:
    """Yield a page size with the cells that have it; cells without memory need none."""
    spec = guest.spec
    by_size: dict[int, list[int]] = {}
    for number, cell in enumerate(cells_of(spec)):
        size = cell.hugepages or spec.hugepages
        if size:
            by_size.setdefault(size_kib(size), []).append(number)
    for size_in_kib, cells in sorted(by_size.items()):
        nodeset = spell_cpus(cells) if has_cells(guest) else ""
        yield element("page", size=str(size_in_kib), unit="KiB", nodeset=nodeset)


def numatune(spec: GuestSpec) -> Element | None:
    """Return which of the host's nodes the memory comes from."""
    nodes = [
        (number, cell.host_node if cell.host_node is not None else spec.numa_node)
        for number, cell in enumerate(cells_of(spec))
    ]
    named = [(number, node) for number, node in nodes if node is not None]
    if not named:
        return None
    nodeset = spell_cpus(node for _, node in named)
    cells = (
        element("memnode", cellid=str(number), mode="strict", nodeset=str(node))
        for number, node in named
        if spec.numa
    )
    whole = element("memory", mode="strict", nodeset=nodeset) if len(named) == len(nodes) else None
    return element("numatune", whole, *cells)


def numa_element(guest: ResolvedGuest) -> Element | None:
    """Return the guest's NUMA cells: those with processors, then empty ones for initiators."""
    if not has_cells(guest):
        return None
    own = [
        element(
            "cell",
            id=str(number),
            cpus=spell_cpus(cpus_of(cell.vcpus)),
            memory=str(size_kib(cell.memory)),
            unit="KiB",
        )
        for number, cell in enumerate(cells_of(guest.spec))
    ]
    last = len(own) + sum(guest.generic_initiator_nodes.values())
    empty = (
        element("cell", id=str(number), memory="0", unit="KiB") for number in range(len(own), last)
    )
    return element("numa", *own, *empty)
