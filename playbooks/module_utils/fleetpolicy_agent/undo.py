# SPDX-License-Identifier: Apache-2.0
"""Undo what a host was changed by, and say whether that worked."""

from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host


def undo(host: Host, put_back: Callable[[], None], ran: list[tuple[str, ...]]) -> str:
    """Put files back, let the commands run again that ran, and return how that went.

    Args:
        host: What was changed.
        put_back: Brings every file to what it was.
        ran: Commands, each with its words; they ran with the new files, perhaps half way.
    """
    try:
        put_back()
    except (AgentError, OSError) as error:
        return f"and it could not be undone: {error}; look at this host by hand"
    again = [command for command in ran if host.failure(*command)]
    failed = f", but {again[0][0]} fails with them too" if again else ""
    return f"every file is as it was before{failed}"
