# SPDX-License-Identifier: Apache-2.0
"""Keep a second run away while one changes a host."""

from __future__ import annotations

import fcntl
import os

from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host


class Lock:
    """The right to change a host; it ends with the process at the latest."""

    def __init__(self, host: Host) -> None:
        self._descriptor = os.open(host.root, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise AgentError("another run is changing this host; wait for its end") from error

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
