# SPDX-License-Identifier: Apache-2.0
"""Find the PCI functions that the host itself lives on: disks, network, console."""

from __future__ import annotations

import os
import re

from ansible.module_utils.fleetpolicy_agent.host import Host
from ansible.module_utils.fleetpolicy_agent.sessions import ssh_interfaces

PCI_ADDRESS = re.compile(r"/([0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])(?=/|$)")
MOUNTS = {"/": "root disk", "/boot": "boot disk", "/boot/efi": "boot disk"}


def usage_of(host: Host) -> dict[str, list[str]]:
    """Return what each PCI function is needed for, by address; sorted, absent when for nothing."""
    uses: dict[str, set[str]] = {}
    found = (*_disks(host), *_networks(host), *_consoles(host))
    for use, address in found:
        uses.setdefault(address, set()).add(use)
    return {address: sorted(uses[address]) for address in sorted(uses)}


def _disks(host: Host) -> list[tuple[str, str]]:
    found = []
    for line in (host.text("/proc/self/mountinfo") or "").splitlines():
        fields = line.split()
        use = MOUNTS.get(fields[4])
        if use:
            source = fields[fields.index("-") + 2]
            number = _device_number(host, source) or fields[2]
            found += [(use, address) for address in _block_functions(host, number)]
    for line in (host.text("/proc/swaps") or "").splitlines()[1:]:
        device = _device_number(host, line.split()[0]) or ""
        found += [("swap", address) for address in _block_functions(host, device)]
    return found


def _device_number(host: Host, path: str) -> str | None:
    """Return major:minor of a block device, through sysfs where its node is not a real one."""
    resolved = host.resolved(path) or path
    number = host.line(f"/sys/class/block/{os.path.basename(resolved)}/dev")
    if number or not path.startswith("/dev/"):
        return number
    try:
        device = os.stat(host.path(path)).st_rdev
    except OSError:
        return None
    return f"{os.major(device)}:{os.minor(device)}"


def _block_functions(host: Host, number: str) -> list[str]:
    """Return the PCI functions under a block device, through device mapper, RAID and multipath."""
    start = host.resolved(f"/sys/dev/block/{number}") if number else None
    pending, seen, found = [start] if start else [], set(), []
    while pending:
        place = pending.pop()
        if place in seen:
            continue
        seen.add(place)
        address = PCI_ADDRESS.findall(place)
        if address:
            found.append(address[-1])
            continue
        pending += _below(host, place)
    return found


def _below(host: Host, place: str) -> list[str]:
    """Return what a block device without a PCI function of its own is made of."""
    folder = place if host.exists(f"{place}/slaves") else os.path.dirname(place)
    links = [f"{folder}/slaves/{name}" for name in host.names(f"{folder}/slaves")]
    subsystem = re.match(r".*/nvme-subsystem/[^/]+", place)
    if subsystem:
        controllers = [
            name for name in host.names(subsystem.group()) if re.fullmatch(r"nvme\d+", name)
        ]
        links += [f"{subsystem.group()}/{name}" for name in controllers]
    return [real for real in map(host.resolved, links) if real]


def _networks(host: Host) -> list[tuple[str, str]]:
    uses = [("default route", name) for name in _default_interfaces(host)]
    uses += [("ssh", name) for name in ssh_interfaces(host)]
    return [(use, address) for use, name in uses for address in _net_functions(host, name)]


def _default_interfaces(host: Host) -> set[str]:
    found = set()
    for line in (host.text("/proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        if fields[1] == "00000000" and fields[7] == "00000000":
            found.add(fields[0])
    for line in (host.text("/proc/net/ipv6_route") or "").splitlines():
        fields = line.split()
        if fields[0] == "0" * 32 and fields[1] == "00":
            found.add(fields[9])
    return found - {"lo"}


def _net_functions(host: Host, name: str) -> list[str]:
    """Return the PCI functions under an interface, through bonds, bridges and VLANs."""
    pending, seen, found = [f"/sys/class/net/{name}"], set(), []
    while pending:
        place = host.resolved(pending.pop())
        if place is None or place in seen:
            continue
        seen.add(place)
        device = host.resolved(f"{place}/device")
        found += PCI_ADDRESS.findall(device or "")[-1:]
        lower = [entry for entry in host.names(place) if entry.startswith("lower_")]
        ports = host.names(f"{place}/brif")
        pending += [f"{place}/{entry}" for entry in lower]
        pending += [f"/sys/class/net/{port}" for port in ports]
    return found


def _consoles(host: Host) -> list[tuple[str, str]]:
    folder = "/sys/bus/pci/devices"
    return [
        ("console", address)
        for address in host.names(folder)
        if host.line(f"{folder}/{address}/boot_vga") == "1"
    ]
