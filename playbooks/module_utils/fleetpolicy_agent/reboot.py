# SPDX-License-Identifier: Apache-2.0
"""Boot a simulated host; a host that exists is rebooted by Ansible."""

from __future__ import annotations

from ansible.module_utils.fleetpolicy_agent.host import COMMAND_TIMEOUT_SECONDS, AgentError, Host
from ansible.module_utils.fleetpolicy_agent.state import boot_id


def reboot(host: Host) -> dict[str, object]:
    """Run a simulated host's own reboot and return the boot that it is in now.

    Raises:
        AgentError: This is no simulated host, or it did not boot.
    """
    if not host.is_simulated:
        raise AgentError("only simulated hosts boot this way")
    before = boot_id(host)
    done = host.run("reboot", timeout=COMMAND_TIMEOUT_SECONDS)
    if done is None:
        raise AgentError("reboot is not there or did not end")
    if done.returncode:
        raise AgentError(
            f"reboot failed ({done.returncode}): {(done.stderr or done.stdout).strip()}"
        )
    after = boot_id(host)
    if after == before:
        raise AgentError(f"reboot ended, but the boot id is still {before}")
    return {"status": "ok", "message": "", "bootId": after}
