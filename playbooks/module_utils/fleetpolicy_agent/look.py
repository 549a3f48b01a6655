# SPDX-License-Identifier: Apache-2.0
"""Look at a host once and bring back everything that policy is judged by."""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.image import MODPROBE, RULES, image_state
from ansible.module_utils.fleetpolicy_agent.kernel import (
    arch_of,
    cpu_facts,
    kernel_facts,
    release_of,
)
from ansible.module_utils.fleetpolicy_agent.numa import numa_facts
from ansible.module_utils.fleetpolicy_agent.pci import device_facts, serials
from ansible.module_utils.fleetpolicy_agent.platform import (
    Modules,
    added_modules,
    boot_facts,
    firmware_facts,
    libvirt_facts,
    parameters_of,
)
from ansible.module_utils.fleetpolicy_agent.state import boot_id, host_state

ARCHITECTURES = ("aarch64", "x86_64")


def look(host: Host) -> dict[str, object]:
    """Return a host's identity, facts and state; nothing is written.

    Raises:
        AgentError: It is of an architecture that nothing is known about.
    """
    facts = _facts(host)
    state = host_state(host)
    return {
        "facts": facts,
        "identity": _identity(host),
        "state": {**state, "initramfs": _initramfs(host, facts, state)},
    }


def _initramfs(
    host: Host, facts: dict[str, object], state: dict[str, object]
) -> dict[str, object] | None:
    """Return what the image of the next boot carries; it is not read where nothing is ours."""
    if not any(host.exists(path) for path in (MODPROBE, RULES)):
        return None
    upcoming = re.match(r"BOOT_IMAGE=\S*/vmlinuz-(\S+)", str(state["nextCommandLine"]))
    devices = facts["devices"]
    natives = (
        {str(item["nativeDriver"]) for item in devices} if isinstance(devices, list) else set()
    )
    return image_state(host, upcoming.group(1) if upcoming else release_of(host), natives)


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
    devices = device_facts(host, modules)
    vfio = modules.vfio_modules()
    described = modules.described(list(vfio))
    return {
        "addedModules": None if described is None else added_modules(described),
        "arch": arch,
        "boot": boot_facts(host, release),
        "cpu": cpu_facts(host, kernel["capabilityOnVm"]),
        "devices": devices,
        "firmware": firmware_facts(host),
        "kernel": kernel,
        "libvirt": libvirt_facts(host),
        "moduleParameters": None if described is None else parameters_of(described),
        "modules": vfio,
        "nativeSoftdeps": modules.softdeps({str(device["nativeDriver"]) for device in devices}),
        "numa": numa_facts(host),
        "vfioAliases": modules.vfio_aliases(),
    }
