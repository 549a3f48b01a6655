"""Read the kernel modules that a build farm laid out, one folder per kernel release."""

import re
from collections.abc import Iterator
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load.prebuilt_rules import UNFIT_MODULE
from fleetpolicy.model.prebuilt import PrebuiltModule

_ELF = b"\x7fELF"
_BUILT_FOR = re.compile(rb"\0vermagic=(\S+) ")
_NAME = re.compile(r"[A-Za-z0-9_-]+\.ko\Z")


def read_prebuilt(folder: Path) -> tuple[PrebuiltModule, ...]:
    """Return the modules below a folder, by release and name.

    Source:
        Linux, include/linux/vermagic.h: what a module was built for begins with the release.

    Raises:
        FleetPolicyError: There is none, or one is none for the kernel that its folder names.
    """
    found = tuple(PrebuiltModule(path.parent.name, path) for path in sorted(folder.glob("*/*.ko")))
    bad = tuple(_check(folder, found))
    if bad:
        raise FleetPolicyError(*bad)
    return found


def _check(folder: Path, found: tuple[PrebuiltModule, ...]) -> Iterator[Diagnostic]:
    if not found:
        yield UNFIT_MODULE.at(
            Span(str(folder)),
            why=f"{folder} has no RELEASE/MODULE.ko",
            fix="lay out one folder per kernel release, such as 6.12.107+deb13-arm64",
        )
    for item in found:
        why = _unfit(item)
        if why:
            yield UNFIT_MODULE.at(
                Span(str(item.path)), why=why, fix=f"build it against the headers of {item.release}"
            )


def _unfit(item: PrebuiltModule) -> str:
    """Say why a file is no module for its kernel; nothing where it is one."""
    if not _NAME.match(item.path.name):
        return f"{item.path.name} is no name for a module"
    try:
        data = item.path.read_bytes()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    built_for = _BUILT_FOR.search(data)
    if not data.startswith(_ELF) or built_for is None:
        return "it is no kernel module"
    release = built_for.group(1).decode(errors="replace")
    return "" if release == item.release else f"it was built for {release}, not {item.release}"
