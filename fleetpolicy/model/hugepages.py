"""Know which sizes of huge pages a kernel has.

Source:
    Linux, Documentation/arch/arm64/hugetlbpage.rst; Documentation/arch/x86/x86_64/mm.rst.
"""

import re
from collections.abc import Iterable

ANY_NODE = -1
_COUNT = re.compile(r"(?:(\d{1,4}):)?(\d{1,9})")
_SIZE = re.compile(r"(\d{1,9})([KMG])", re.IGNORECASE)
_UNITS_KIB = {"K": 1, "M": 1 << 10, "G": 1 << 20}
_SIZES_KIB = {
    ("aarch64", 4): (64, 2 << 10, 32 << 10, 1 << 20),
    ("aarch64", 16): (2 << 10, 32 << 10, 1 << 20),
    ("aarch64", 64): (2 << 10, 512 << 10, 16 << 20),
    ("x86_64", 4): (2 << 10, 1 << 20),
}
_DEFAULTS_KIB = {4: 2 << 10, 16: 32 << 10, 64: 512 << 10}


def hugepage_sizes_kib(arch: str, page_size_kib: int) -> tuple[int, ...]:
    """Return the sizes of huge pages in KiB, ascending; none where they are not known."""
    return _SIZES_KIB.get((arch, page_size_kib), ())


def allocated_hugepages(
    words: Iterable[tuple[str, str]], page_size_kib: int
) -> dict[int, dict[int, int]]:
    """Return the pages that words of the command line ask for.

    Args:
        words: Name and value of each, in the order of the command line.
        page_size_kib: Of the kernel.

    Returns:
        Page size in KiB to NUMA node to pages; node -1 stands for pages that lie anywhere.

    Source:
        Linux, Documentation/admin-guide/kernel-parameters.txt: hugepages= counts pages of the
        hugepagesz= before it, else of default_hugepagesz=; node:count pairs go to their nodes.
    """
    told = list(words)
    size = _DEFAULTS_KIB.get(page_size_kib, 0)
    for name, value in told:
        if name == "default_hugepagesz":
            size = _kib(value) or size
    found: dict[int, dict[int, int]] = {}
    for name, value in told:
        if name == "hugepagesz":
            size = _kib(value)
        elif name == "hugepages" and size:
            pool = {int(node) if node else ANY_NODE: int(n) for node, n in _COUNT.findall(value)}
            found[size] = found.get(size, {}) | pool
    return found


def _kib(text: str) -> int:
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _UNITS_KIB[found[2].upper()] if found else 0
