"""The programs that read what is rendered: found, or a reason why their test cannot run."""

import os
import shutil
from pathlib import Path

import pytest

_SYSTEM = ("/usr/sbin", "/sbin")


def needs(program: str) -> str:
    """Return the program's path, or skip the test; on Debian under CI its absence is a failure.

    Args:
        program: A name to be looked for, or a path that must exist, such as a library's.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM))
    found = shutil.which(program, path=path) or (program if Path(program).exists() else None)
    if found:
        return found
    reason = f"{program} is missing: scripts/consumers installs it"
    if os.environ.get("CI") and Path("/etc/debian_version").exists():
        pytest.fail(reason)
    pytest.skip(reason)
