"""Name the kernel modules that a build farm made."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class PrebuiltModule:
    """A module for one kernel.

    Args:
        release: The kernel that it was built for, as uname -r says it.
        path: The file, RELEASE/NAME.ko.
    """

    release: str
    path: Path
