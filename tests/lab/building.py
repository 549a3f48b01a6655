"""Build kernel modules for the hosts of a story."""

import shutil
import sys
from pathlib import Path

from fleetpolicy.emulate.kernels import find_kernel
from fleetpolicy.emulate.modules_build import build_modules


def say(line: str) -> None:
    """Tell on standard error what is done."""
    sys.stderr.write(line + "\n")


def lay_out(folder: Path, source: Path, release: str) -> None:
    """Lay out the module of a source folder for a kernel, as a build farm would."""
    packages = find_kernel(release, say)
    (built,) = build_modules(source, packages, say)
    place = folder / packages.release
    place.mkdir(parents=True)
    shutil.copy(built, place)
