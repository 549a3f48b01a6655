"""Know which sizes of huge pages a kernel has.

Source:
    Linux, Documentation/arch/arm64/hugetlbpage.rst; Documentation/arch/x86/x86_64/mm.rst.
"""

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


def default_hugepage_kib(page_size_kib: int) -> int:
    """Return the size that hugepages= means where no other is named, 0 where it is not known."""
    return _DEFAULTS_KIB.get(page_size_kib, 0)
