"""Tell which BARs VFIO lets a VMM map, and what else lies in their pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PAGE_SIZES: Final = (4096, 16384, 65536)


@dataclass(frozen=True, slots=True)
class Bar:
    """Describe one BAR.

    Args:
        owner: The function it belongs to.
        index: Its number, 0 to 5.
        start: Physical address.
        size: Bytes, a power of two.
        is_memory: False for I/O ports.
    """

    owner: str
    index: int
    start: int
    size: int
    is_memory: bool = True


@dataclass(frozen=True, slots=True)
class BarMapping:
    """Say whether a BAR can be mapped and what shares its pages.

    Args:
        neighbours: The BARs of any function that lie in the same pages.
        why_not: The reason where VFIO traps accesses instead; empty where it maps.
    """

    bar: Bar
    page_size: int
    neighbours: tuple[Bar, ...]
    why_not: str

    @property
    def is_mappable(self) -> bool:
        """Tell whether the VMM can map it, so that KVM maps it for the guest."""
        return not self.why_not


def map_bars(bars: Iterable[Bar], page_size: int) -> tuple[BarMapping, ...]:
    """Return what VFIO does with each BAR of a host with pages of this size.

    A BAR that is smaller than a page is mapped only if it begins a page and the rest of the page
    is free; VFIO then reserves that rest.

    Source:
        Linux, drivers/vfio/pci/vfio_pci_core.c, vfio_pci_probe_mmaps().
    """
    known = sorted(bars, key=lambda bar: (bar.start, bar.owner, bar.index))
    return tuple(_map_bar(bar, known, page_size) for bar in known)


def _map_bar(bar: Bar, bars: list[Bar], page_size: int) -> BarMapping:
    neighbours = tuple(
        other for other in bars if other is not bar and _share_page(bar, other, page_size)
    )
    return BarMapping(bar, page_size, neighbours, _why_not(bar, neighbours, page_size))


def _why_not(bar: Bar, neighbours: tuple[Bar, ...], page_size: int) -> str:
    if not bar.is_memory:
        return "I/O ports cannot be mapped"
    if bar.size >= page_size:
        return ""
    offset = bar.start % page_size
    if offset:
        return f"it begins {offset:#x} into a page of {page_size} bytes"
    if neighbours:
        taken = ", ".join(f"BAR {other.index} of {other.owner}" for other in neighbours)
        return f"the rest of its page of {page_size} bytes holds {taken}"
    return ""


def _share_page(a: Bar, b: Bar, page_size: int) -> bool:
    if a.is_memory is not b.is_memory:
        return False
    return _first_page(a, page_size) <= _last_page(b, page_size) and (
        _first_page(b, page_size) <= _last_page(a, page_size)
    )


def _first_page(bar: Bar, page_size: int) -> int:
    return bar.start // page_size


def _last_page(bar: Bar, page_size: int) -> int:
    return (bar.start + bar.size - 1) // page_size
