"""Find libvirt's schemas, and the release that they are of."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from fleetpolicy.admit.rules import NO_SCHEMAS
from fleetpolicy.diagnostics import FleetPolicyError, Span

INSTALLED = Path("/usr/share/libvirt/schemas")
START = "domain.rng"
_LIBRARIES = ("/usr/lib", "/usr/lib64")
_SONAME = re.compile(r"libvirt\.so\.0\.(\d+)\.(\d+)")
_RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class SchemaSet(Struct, frozen=True):
    """The schemas of one release.

    Args:
        folder: It holds domain.rng and what that includes.
        version: As major * 1,000,000 + minor * 1,000 + micro; None where nothing tells.
        is_chosen: Somebody says that it is the release of the hosts.
    """

    folder: Path
    version: int | None
    is_chosen: bool = False

    def __str__(self) -> str:
        return f"the schemas in {self.folder} ({self.release})"

    @property
    def file(self) -> Path:
        """The grammar that domains are judged by."""
        return self.folder / START

    @property
    def release(self) -> str:
        """Its libvirt, as one reads it."""
        return f"libvirt {spell(self.version)}" if self.version else "libvirt of unknown version"

    def proves_good(self, version: int) -> bool:
        """Tell whether what they admit is admitted by a libvirt; later ones know more."""
        return self.is_chosen or (
            self.version is not None and _minor(self.version) <= _minor(version)
        )

    def proves_bad(self, version: int) -> bool:
        """Tell whether what they refuse is refused by a libvirt; earlier ones know less."""
        return self.is_chosen or (
            self.version is not None and _minor(self.version) >= _minor(version)
        )


def find_schemas(named: Path | None) -> tuple[SchemaSet, ...]:
    """Return the schemas in a folder, or those of the machine; at least one, the oldest first.

    Raises:
        FleetPolicyError: There are none.
    """
    if named is None:
        if not (INSTALLED / START).is_file():
            raise _unusable(
                INSTALLED,
                f"there is no {START}, so no domain was judged by libvirt's schemas",
                "install libvirt-common (libvirt0 on Debian 12), or name a folder with "
                "--libvirt-schemas",
            )
        return (SchemaSet(INSTALLED, _installed_version()),)
    if (named / START).is_file():
        return (SchemaSet(named, None, is_chosen=True),)
    found = sorted(_by_release(named), key=lambda item: item.version or 0)
    if not found:
        raise _unusable(
            named,
            f"{named} holds neither {START} nor folders named by a release, such as 12.8.0/{START}",
            "name a copy of a release's /usr/share/libvirt/schemas, or a folder of copies",
        )
    return tuple(found)


def choose(sets: tuple[SchemaSet, ...], version: int) -> SchemaSet:
    """Return the newest schemas that a libvirt is not older than, else the oldest of all."""
    fitting = [
        item for item in sets if item.version is None or _minor(item.version) <= _minor(version)
    ]
    return fitting[-1] if fitting else sets[0]


def spell(version: int) -> str:
    """Return a version as libvirt spells it."""
    return f"{version // 1_000_000}.{version // 1_000 % 1_000}.{version % 1_000}"


def _by_release(folder: Path) -> Iterator[SchemaSet]:
    for start in folder.glob(f"*/{START}"):
        found = _RELEASE.fullmatch(start.parent.name)
        if found:
            major, minor, micro = (int(part or 0) for part in found.groups())
            yield SchemaSet(start.parent, major * 1_000_000 + minor * 1_000 + micro)


def _installed_version() -> int | None:
    """Return the version in the name of libvirt's library: 9.0.0 is libvirt.so.0.9000.0."""
    for folder in _LIBRARIES:
        for path in sorted(Path(folder).glob("*/libvirt.so.0.*")) + sorted(
            Path(folder).glob("libvirt.so.0.*")
        ):
            found = _SONAME.fullmatch(path.name)
            if found:
                return int(found[1]) * 1_000 + int(found[2])
    return None


def _minor(version: int) -> int:
    """Return a version without its micro part: schemas change with releases, not with fixes."""
    return version // 1_000


def _unusable(folder: Path, why: str, fix: str) -> FleetPolicyError:
    return FleetPolicyError(NO_SCHEMAS.at(Span(str(folder)), why=why, fix=fix))
