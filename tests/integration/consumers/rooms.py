"""Run a program of this machine in a mount namespace where some of its files are others."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from tests.integration.consumers.programs import needs


def run_in_room(
    command: list[str], mounts: Mapping[str, Path], **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command.

    Args:
        command: A program and its arguments.
        mounts: Where this machine's files are covered, and by which.
        environment: Added to this process's.
    """
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    binds = [f"mount --bind {quote(str(what))} {quote(where)}" for where, what in mounts.items()]
    script = " && ".join([*binds, 'exec "$@"'])
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return subprocess.run(
        [needs("unshare"), *own, "--mount", "sh", "-c", script, "sh", *command],
        capture_output=True,
        check=False,
        env={**os.environ, "PATH": path, "LC_ALL": "C", **environment},
        text=True,
    )
