"""Find the module that an alias of the kernel names for a PCI function."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache


@lru_cache(maxsize=4096)
def matches_alias(modalias: str, pattern: str) -> bool:
    """Tell whether a modalias fits an alias pattern of the kernel."""
    return fnmatchcase(modalias, pattern)


def driver_for(modalias: str, aliases: tuple[tuple[str, str], ...]) -> str | None:
    """Return the module of the `vfio_pci:` alias that fits a PCI function best.

    Returns:
        The module whose pattern has the fewest wildcards, the first of equals, or None.

    Source:
        libvirt 10.0.0, src/util/virpci.c, virPCIDeviceFindBestVFIOVariant(); Linux 5.15,
        scripts/mod/file2alias.c.
    """
    wanted = re.sub(r"\Apci:", "vfio_pci:", modalias)
    fitting = [
        (pattern.count("*"), position, module)
        for position, (pattern, module) in enumerate(aliases)
        if pattern.startswith("vfio_pci:") and matches_alias(wanted, pattern)
    ]
    return min(fitting)[2] if fitting else None
