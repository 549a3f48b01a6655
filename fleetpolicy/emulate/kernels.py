"""Find, fetch and unpack Debian's arm64 kernels by the release they begin with."""

import re
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.apt import Apt, Package
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.lock import Progress, silent
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from fleetpolicy.emulate.rules import PACKAGE_MISSING

ARCH = "arm64"
NEWEST = "newest"
# Era A, B and C: the kernels of two Debian releases, and of the newer one's backports.
ERA_RELEASES = ("6.1", "6.12", NEWEST)
_SUITES = (("trixie", "trixie-backports"), ("bookworm",))
_MODULES = ("usr/lib/modules", "lib/modules")
_IMAGE = "linux-image-"


@dataclass(frozen=True, slots=True)
class KernelPackages:
    """What a kernel consists of, not fetched yet.

    Args:
        release: What uname -r says under it.
        suites: Where it is found, and its headers with it.
    """

    release: str
    suites: tuple[str, ...]
    packages: tuple[Package, ...]

    @property
    def digest(self) -> str:
        """Return a key of its content."""
        return digest_of(self.packages)


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel.

    Args:
        modules: The folder lib/modules/RELEASE.
        config: The file of its CONFIG_ options.
    """

    release: str
    digest: str
    vmlinuz: Path
    modules: Path
    config: Path


def find_kernel(prefix: str, progress: Progress = silent, flavour: str = ARCH) -> KernelPackages:
    """Return the newest kernel whose release begins with a prefix.

    Args:
        prefix: Whole parts of a release, such as 6.12, or newest.
        progress: Told what is done.
        flavour: What its release ends with: arm64, or arm64-16k for pages of 16 KiB.

    Raises:
        FleetPolicyError: No suite has one.
    """
    # Older suites have no newest kernel: they would answer for lists that cannot be read.
    looked_in = _SUITES[:1] if prefix == NEWEST else _SUITES
    for suites in looked_in:
        apt = Apt(suites, ARCH)
        apt.update(progress)
        found = _releases(apt, prefix, flavour)
        if found:
            release = max(found, key=release_order)
            return KernelPackages(release, suites, _packages(apt, release))
    raise FleetPolicyError(
        PACKAGE_MISSING.at(
            Span(f"{_IMAGE}{prefix}*-{flavour}"),
            why=f"{', '.join(name for suites in looked_in for name in suites)} have no such kernel",
            fix="name the first parts of a release that they have, such as 6.12, or newest",
        )
    )


def provide_kernel(found: KernelPackages, progress: Progress) -> Kernel:
    """Return a kernel, fetched and unpacked unless it is in the cache.

    Raises:
        FleetPolicyError: A package cannot be fetched, or the disk has no room.
    """

    def make(folder: Path) -> None:
        files = fetch(found.packages, progress)
        progress(f"unpacking {found.release}")
        for path in files:
            unpack(path, folder)

    folder = cached("kernels", f"{found.release}_{found.digest}", make, progress)
    modules = _there(*(folder / place / found.release for place in _MODULES))
    # Debian moved both files beside the modules; its maintainer scripts copy them to /boot.
    return Kernel(
        release=found.release,
        digest=found.digest,
        vmlinuz=_there(folder / "boot" / f"vmlinuz-{found.release}", modules / "vmlinuz"),
        modules=modules,
        config=_there(folder / "boot" / f"config-{found.release}", modules / "config"),
    )


def release_order(release: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts releases by their numbers."""
    return tuple((int(word), "") if word.isdigit() else (-1, word) for word in _words(release))


def _there(*places: Path) -> Path:
    """Return the first place that is there, or the last."""
    return next((place for place in places if place.exists()), places[-1])


def _words(text: str) -> list[str]:
    return re.findall(r"\d+|[a-z]+", text)


def _releases(apt: Apt, prefix: str, flavour: str) -> list[str]:
    begin = "" if prefix == NEWEST else prefix
    pattern = re.compile(rf"{re.escape(begin)}(?=[.+-])" if begin else r"(?=\d)")
    whole = re.compile(rf"\d+\.\d+\.[^-]+(-\d+)?-{re.escape(flavour)}")
    names = (name.removeprefix(_IMAGE) for name in apt.names(_IMAGE + begin))
    return [name for name in names if pattern.match(name) and whole.fullmatch(name)]


def _packages(apt: Apt, release: str) -> tuple[Package, ...]:
    """Return the image and the parts of its own that newer releases keep apart."""
    image = f"{_IMAGE}{release}"
    depends = apt.show(image)[0].get("Depends", "")
    parts = {name for name in re.findall(r"linux-[^\s,]+", depends) if name.endswith(f"-{release}")}
    # An archive drops an old kernel's parts one by one; what the image needs to boot stays longest.
    return apt.find({image, *(name for name in parts if apt.show(name))})
