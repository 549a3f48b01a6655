# SPDX-License-Identifier: Apache-2.0
"""Look at a host once and bring back everything that policy is judged by."""

from __future__ import annotations

from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.kernel import (
    arch_of,
    cpu_facts,
    kernel_facts,
    release_of,
)
from ansible.module_utils.fleetpolicy_agent.pci import device_facts, serials
from ansible.module_utils.fleetpolicy_agent.platform import (
    Modules,
    boot_facts,
    firmware_facts,
    libvirt_facts,
)
from ansible.module_utils.fleetpolicy_agent.state import boot_id, host_state

ARCHITECTURES = ("aarch64", "x86_64")


def look(host: Host) -> dict[str, object]:
    """Return a host's identity, facts and state; nothing is written.

    Raises:
        AgentError: It is of an architecture that nothing is known about.
    """
    return {"facts": _facts(host), "identity": _identity(host), "state": host_state(host)}


def _identity(host: Host) -> dict[str, object]:
    uptime = (host.line("/proc/uptime") or "0").split(".")[0]
    return {
        "bootId": boot_id(host),
        "machineId": host.line("/etc/machine-id") or "",
        "serials": serials(host),
        "uptimeSeconds": int(uptime),
    }


def _facts(host: Host) -> dict[str, object]:
    arch = arch_of(host)
    if arch not in ARCHITECTURES:
        raise AgentError(f"the architecture {arch} is none of {', '.join(ARCHITECTURES)}")
    release = release_of(host)
    kernel = kernel_facts(host)
    modules = Modules(host, release)
    return {
        "arch": arch,
        "boot": boot_facts(host, release),
        "cpu": cpu_facts(host, kernel["capabilityOnVm"]),
        "devices": device_facts(host, modules),
        "firmware": firmware_facts(host),
        "kernel": kernel,
        "libvirt": libvirt_facts(host),
        "modules": modules.vfio_modules(),
        "vfioAliases": modules.vfio_aliases(),
    }
