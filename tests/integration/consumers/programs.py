"""The programs that read what is rendered: found, or a reason why their test cannot run."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from fleetpolicy.diagnostics import FleetPolicyError

_SYSTEM = ("/usr/sbin", "/sbin")
_RELEASE = Path("/etc/os-release")


def needs(program: str) -> str:
    """Return the program's path, or skip the test; on Debian under CI its absence is a failure.

    Args:
        program: A name to be looked for, or a path that must exist, such as a library's.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM))
    found = shutil.which(program, path=path) or (program if Path(program).exists() else None)
    return found or give_up(f"{program} is missing: scripts/consumers installs it")


def give_up(reason: str) -> NoReturn:
    """Skip the test; on Debian under CI it fails."""
    if os.environ.get("CI") and is_debian():
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def provided(what: str) -> Iterator[None]:
    """Give up where Debian's mirror, or the cache, does not provide what is needed."""
    try:
        yield
    except FleetPolicyError as error:
        why = "; ".join(item.why for item in error.diagnostics)
        give_up(f"{what} cannot be had: {why}")


@cache
def is_debian() -> bool:
    """Tell whether this is Debian itself, for which scripts/consumers knows the packages."""
    return _RELEASE.exists() and "ID=debian" in _RELEASE.read_text().splitlines()
