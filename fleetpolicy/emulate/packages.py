"""Resolve, fetch and unpack Debian packages of any architecture."""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from fleetpolicy.emulate.apt import Apt, Package, not_to_be_had
from fleetpolicy.emulate.cache import cache_folder
from fleetpolicy.emulate.lock import Progress, held_locks, locked
from fleetpolicy.emulate.room import cache_refusal, need_room, writing

_HELPER = "/usr/lib/apt/apt-helper"


def resolve(suites: Sequence[str], names: Iterable[str], arch: str) -> tuple[Package, ...]:
    """Return packages of suites with all that they depend on, sorted by name."""
    apt = Apt(suites, arch)
    apt.update()
    return apt.resolve(names)


def fetch(packages: Iterable[Package], progress: Progress) -> tuple[Path, ...]:
    """Return the files of the packages, fetched unless they are in the cache, in their order.

    A file bears its digest as a name and has been compared with it.

    Raises:
        FleetPolicyError: One cannot be fetched, or the disk has no room.
    """
    wanted = tuple(packages)
    folder = cache_folder() / "packages"
    absent = [item for item in wanted if not _is_there(folder, item)]
    need_room(folder, sum(item.size for item in absent), cache_refusal)
    for number, item in enumerate(absent, 1):
        progress(f"fetching {item.name} {item.version} ({number} of {len(absent)})")
        place = folder / f"{item.digest}.deb"
        with writing(place, cache_refusal), locked(place, progress):
            if _is_there(folder, item):
                continue
            partial = place.with_suffix(".partial")
            _download(item, partial)
            partial.rename(place)
    return tuple(folder / f"{item.digest}.deb" for item in wanted)


def unpack(path: Path, folder: Path) -> None:
    """Unpack a package's files into a folder; no script of the package runs.

    Raises:
        FleetPolicyError: The disk is full, or the file is no package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(  # noqa: S603 - words of our own
        ["dpkg-deb", "--extract", str(path), str(folder)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        pass_fds=held_locks(),
    )
    if done.returncode:
        raise not_to_be_had(path.name, done.stderr)


def digest_of(packages: Iterable[Package], *words: str) -> str:
    """Return a key of what is made from packages: 24 hex digits."""
    lines = [*sorted(item.digest for item in packages), *words]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]


def _is_there(folder: Path, package: Package) -> bool:
    """Tell whether a package is in the cache as the mirror described it."""
    place = folder / f"{package.digest}.deb"
    if not place.exists() or place.stat().st_size != package.size:
        return False
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == package.digest


def _download(package: Package, place: Path) -> None:
    """Fetch a file with apt's own downloader, which goes on where it was cut off, and compares."""
    command = [_HELPER, "-qq", "-o", "APT::Sandbox::User=", "download-file"]
    uri = re.sub(r"^file:", "copy:", package.uri)  # file: would leave a link
    done = subprocess.run(  # noqa: S603 - words of our own
        [*command, uri, str(place), f"SHA256:{package.digest}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        pass_fds=held_locks(),
    )
    if done.returncode:
        raise not_to_be_had(package.name, done.stderr)
