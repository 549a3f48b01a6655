# SPDX-License-Identifier: Apache-2.0
"""List the PCI functions of a host, their regions, groups and drivers."""

from __future__ import annotations

import fnmatch
import re
import struct

from ansible.module_utils.fleetpolicy_agent.host import Host
from ansible.module_utils.fleetpolicy_agent.platform import Modules
from ansible.module_utils.fleetpolicy_agent.usage import usage_of

DEVICES = "/sys/bus/pci/devices"
IORESOURCE_MEM = 0x200
IORESOURCE_PREFETCH = 0x2000
LAST_BAR = 5
EXTENDED_CAPABILITIES = 0x100
SERIAL_NUMBER_CAPABILITY = 0x0003


def addresses(host: Host) -> list[str]:
    """Return the addresses of the PCI functions, sorted."""
    return [name for name in host.names(DEVICES) if re.fullmatch(r"[0-9a-f:.]{12}", name)]


def device_facts(host: Host, modules: Modules) -> list[dict[str, object]]:
    """Return what there is to know of every PCI function, sorted by address."""
    usage = usage_of(host)
    found = addresses(host)
    vendors = {_hex(host, address, "vendor") for address in found}
    aliases = modules.pci_aliases(vendors) if found else []
    devices = [_device(host, address, aliases, usage.get(address, [])) for address in found]
    for device in devices:
        native = device["nativeDriver"]
        device["nativeBuiltIn"] = modules.is_built_in(str(native)) if native else None
    return devices


def bindings(host: Host) -> dict[str, dict[str, object]]:
    """Return which driver owns each PCI function and which one it is reserved for."""
    found: dict[str, dict[str, object]] = {}
    for address in addresses(host):
        override = host.line(f"{DEVICES}/{address}/driver_override")
        found[address] = {
            "driver": host.target(f"{DEVICES}/{address}/driver"),
            "override": None if override in {None, "", "(null)"} else override,
            "stage2": _stage2(host, address),
        }
    return found


def _stage2(host: Host, address: str) -> dict[str, str] | None:
    """Return what a driver that can withhold Normal-NC says, None where it is another."""
    folder = f"{DEVICES}/{address}/stage2"
    shown = {name: host.line(f"{folder}/{name}") for name in ("configured", "active")}
    return {name: value for name, value in shown.items() if value} if all(shown.values()) else None


def serials(host: Host) -> dict[str, str]:
    """Return the serial numbers that devices carry in their configuration space.

    Source:
        PCI Express Base Specification, Device Serial Number Extended Capability
    """
    found = {}
    for address in addresses(host):
        serial = _serial(host.data(f"{DEVICES}/{address}/config") or b"")
        if serial:
            found[address] = serial
    return found


def _serial(config: bytes) -> str | None:
    offset, seen = EXTENDED_CAPABILITIES, set()
    while offset >= EXTENDED_CAPABILITIES and offset + 12 <= len(config) and offset not in seen:
        seen.add(offset)
        (header,) = struct.unpack_from("<I", config, offset)
        if header & 0xFFFF == SERIAL_NUMBER_CAPABILITY:
            low, high = struct.unpack_from("<II", config, offset + 4)
            return f"{high << 32 | low:016x}"
        offset = header >> 20
    return None


def _hex(host: Host, address: str, name: str) -> str:
    """Return an attribute such as 0x10de without its prefix."""
    return (host.line(f"{DEVICES}/{address}/{name}") or "0x0000")[2:]


def _device(
    host: Host, address: str, aliases: list[tuple[str, str]], used_by: list[str]
) -> dict[str, object]:
    folder = f"{DEVICES}/{address}"
    subsystem = (
        f"{_hex(host, address, 'subsystem_vendor')}:{_hex(host, address, 'subsystem_device')}"
    )
    group = host.target(f"{folder}/iommu_group")
    node = host.line(f"{folder}/numa_node")
    modalias = host.line(f"{folder}/modalias") or ""
    return {
        "address": address,
        "class": _hex(host, address, "class"),
        "id": f"{_hex(host, address, 'vendor')}:{_hex(host, address, 'device')}",
        "iommu": host.target(f"{folder}/iommu"),
        "iommuGroup": int(group) if group and group.isdigit() else None,
        "modalias": modalias,
        "nativeDriver": _native_driver(modalias, aliases),
        "numaNode": int(node) if node and node.isdigit() else None,
        "regions": _regions(host.text(f"{folder}/resource") or ""),
        "subsystem": None if subsystem == "0000:0000" else subsystem,
        "usedBy": used_by,
    }


def _native_driver(modalias: str, aliases: list[tuple[str, str]]) -> str | None:
    """Return the module of the alias with the fewest wildcards, the first by name among equals."""
    matches = [
        (pattern.count("*"), module)
        for pattern, module in aliases
        if fnmatch.fnmatchcase(modalias, pattern)
    ]
    return min(matches)[1].replace("-", "_") if matches else None


def _regions(resource: str) -> list[dict[str, object]]:
    """Return the memory BARs; of a 64-bit pair the first index alone has a size.

    Source:
        Documentation/PCI/sysfs-pci.rst, resource: start, end and flags of each BAR
    """
    regions: list[dict[str, object]] = []
    for index, line in enumerate(resource.splitlines()[: LAST_BAR + 1]):
        start, end, flags = (int(word, 16) for word in line.split())
        if flags & IORESOURCE_MEM and end > start:
            regions.append(
                {
                    "index": index,
                    "prefetchable": bool(flags & IORESOURCE_PREFETCH),
                    "size": end - start + 1,
                }
            )
    return regions
