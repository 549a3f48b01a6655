"""Provide Debian's cross compiler without installing it: each program runs by its own loader."""

import platform
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.emulate.apt import Apt
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.lock import Progress
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from fleetpolicy.emulate.programs import SUITES, this_arch

PREFIX = "aarch64-linux-gnu-"
_PACKAGES = ("gcc-aarch64-linux-gnu", "make", "libelf1t64", "libssl3t64")
_INTERPRETER = 3
_KEPT = ".program"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler for arm64 kernels.

    Args:
        digest: A key of its content.
        programs: The folder to put first in PATH.
        loader: Words that start a program with the toolchain's libraries.
    """

    digest: str
    programs: Path
    loader: tuple[str, ...]


def provide_toolchain(progress: Progress) -> Toolchain:
    """Return the toolchain, fetched and unpacked unless it is in the cache.

    Raises:
        FleetPolicyError: It cannot be had.
    """
    apt = Apt(SUITES, this_arch())
    apt.update(progress)
    packages = apt.resolve(_PACKAGES)
    digest = digest_of(packages)

    def make(folder: Path) -> None:
        files = fetch(packages, progress)
        progress("unpacking the cross compiler")
        for path in files:
            unpack(path, folder)
        wrap_programs(folder, _loader(folder.with_name(digest), folder))

    folder = cached("toolchain", digest, make, progress)
    return Toolchain(digest, folder / "usr" / "bin", _loader(folder, folder))


def _loader(place: Path, now: Path) -> tuple[str, ...]:
    """Return the words for a tree that will be at a place, and is elsewhere now."""
    libraries = Path("usr/lib") / f"{platform.machine()}-linux-gnu"
    name = next((now / libraries).glob("ld-linux-*")).name
    return str(place / libraries / name), "--library-path", str(place / libraries)


def wrap_programs(tree: Path, loader: tuple[str, ...]) -> None:
    """Put a script in the place of each program, which starts it by a loader of another place.

    A compiler starts others of its programs by name, so the first one's loader is not enough.
    """
    for path in list(_programs(tree)):
        kept = path.with_name(f".{path.name}{_KEPT}")
        path.rename(kept)
        words = " ".join(f"'{word}'" for word in loader)
        path.write_text(
            '#!/bin/sh\ncase $0 in */*) self=$0 ;; *) self=$(command -v "$0") ;; esac\n'
            f'exec {words} --argv0 "$self" "$(dirname "$(readlink -f "$self")")/{kept.name}" "$@"\n'
        )
        shutil.copymode(kept, path)


def _programs(tree: Path) -> Iterator[Path]:
    for path in tree.rglob("*"):
        is_candidate = path.is_file() and not path.is_symlink() and ".so" not in path.name
        if is_candidate and path.stat().st_mode & 0o100 and _asks_for_a_loader(path):
            yield path


def _asks_for_a_loader(path: Path) -> bool:
    """Tell whether a file is a dynamically linked program of 64 bits.

    Source:
        elf(5)
    """
    with path.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02":
            return False
        (table,) = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        file.seek(table)
        entries = file.read(size * count)
    kinds = [struct.unpack_from("<I", entries, size * number)[0] for number in range(count)]
    return _INTERPRETER in kinds
