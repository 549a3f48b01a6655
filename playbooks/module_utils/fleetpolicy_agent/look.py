# SPDX-License-Identifier: Apache-2.0
"""Look at a host once and bring back everything that policy is judged by."""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.bootloader import is_image_based
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.image import MODPROBE, RULES, image_state, images_of
from ansible.module_utils.fleetpolicy_agent.kernel import (
    arch_of,
    cpu_facts,
    kernel_facts,
    release_of,
)
from ansible.module_utils.fleetpolicy_agent.loader import next_deployment
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
    """Return what the initramfs of the next boot carries.

    It is not read where nothing is ours, unless it came with an image: then it cannot follow.
    """
    is_given = is_image_based(host)
    if not is_given and not any(host.exists(path) for path in (MODPROBE, RULES)):
        return None
    devices = facts["devices"]
    natives = (
        {str(item["nativeDriver"]) for item in devices} if isinstance(devices, list) else set()
    )
    if is_given:
        return image_state(host, _deployed_images(host), natives)
    upcoming = re.match(r"BOOT_IMAGE=\S*/vmlinuz-(\S+)", str(state["nextCommandLine"]))
    release = upcoming.group(1) if upcoming else release_of(host)
    return image_state(host, images_of(release), natives)


def _deployed_images(host: Host) -> tuple[str, ...]:
    """Return where the initramfs of the next deployment can be; nothing where it has several."""
    entry = next_deployment(host)
    images = entry.keys.get("initrd", []) if entry else []
    return (f"/boot{images[0]}", images[0]) if len(images) == 1 else ()


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
