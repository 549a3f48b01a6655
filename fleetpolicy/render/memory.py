"""Render a guest's memory: size, huge pages, NUMA."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.model.scalars import size_kib
from fleetpolicy.render.rules import BAD_HUGEPAGES
from fleetpolicy.render.site import Site
from fleetpolicy.render.xml import Element, element

_HUGEPAGES_KIB = {
    ("aarch64", 4): ("64KiB", "2MiB", "32MiB", "1GiB"),
    ("aarch64", 16): ("2MiB", "32MiB", "1GiB"),
    ("aarch64", 64): ("2MiB", "512MiB", "16GiB"),
    ("x86_64", 4): ("2MiB", "1GiB"),
}


def check_hugepages(site: Site, guest: ResolvedGuest) -> Iterator[Diagnostic]:
    """Find a huge page size that the host does not have, or that the memory does not divide into.

    Source:
        Linux, Documentation/arch/arm64/hugetlbpage.rst.
    """
    wanted = guest.spec.hugepages
    if not wanted:
        return
    facts = site.host_class.facts
    page_kib = facts.kernel.page_size_kib
    sizes = _HUGEPAGES_KIB.get((facts.arch, page_kib), ())
    if size_kib(wanted) not in {size_kib(size) for size in sizes}:
        yield site.find(
            BAD_HUGEPAGES,
            guest.origin,
            why=f"guest {guest.name} asks for pages of {wanted}; {facts.arch} with pages of "
            f"{page_kib} KiB has {', '.join(sizes) or 'none that are known'}",
            fix="write one of these, or boot a kernel with another page size",
        )
    elif size_kib(guest.spec.memory) % size_kib(wanted):
        yield site.find(
            BAD_HUGEPAGES,
            guest.origin,
            why=f"guest {guest.name} has {guest.spec.memory}, no multiple of {wanted}",
            fix="make the memory a multiple of the page size",
        )


def memory_elements(guest: ResolvedGuest, cells: int) -> Iterator[Element | None]:
    """Yield the elements about memory.

    Args:
        guest: The guest.
        cells: NUMA cells without memory behind the first; pages are then given to cell 0 alone.
    """
    spec = guest.spec
    kib = str(size_kib(spec.memory))
    yield element("memory", text=kib, unit="KiB")
    yield element("currentMemory", text=kib, unit="KiB")
    if spec.hugepages:
        page = element(
            "page",
            size=str(size_kib(spec.hugepages)),
            unit="KiB",
            nodeset="0" if cells else "",
        )
        yield element("memoryBacking", element("hugepages", page))
    yield element("vcpu", text=str(spec.vcpus), placement="static")
    if spec.numa_node is not None:
        memory = element("memory", mode="strict", nodeset=str(spec.numa_node))
        yield element("numatune", memory)


def numa_element(guest: ResolvedGuest, cells: int) -> Element | None:
    """Return the guest's NUMA cells: one with everything, then empty ones for initiators."""
    if not cells:
        return None
    first = element(
        "cell",
        id="0",
        cpus=f"0-{guest.spec.vcpus - 1}",
        memory=str(size_kib(guest.spec.memory)),
        unit="KiB",
    )
    empty = (
        element("cell", id=str(number), memory="0", unit="KiB") for number in range(1, cells + 1)
    )
    return element("numa", first, *empty)
