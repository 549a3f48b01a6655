# SPDX-License-Identifier: Apache-2.0
"""Show a host's NUMA nodes: their CPUs and their huge pages."""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.host import Host

NODES = "/sys/devices/system/node"


def numa_facts(host: Host) -> list[dict[str, object]]:
    """Return the nodes by number; none where the kernel shows none.

    Source:
        Linux, Documentation/ABI/stable/sysfs-devices-node; Documentation/admin-guide/mm/
        hugetlbpage.rst
    """
    numbers = [name[4:] for name in host.names(NODES) if re.fullmatch(r"node\d+", name)]
    return [
        {
            "cpus": host.line(f"{NODES}/node{number}/cpulist") or "",
            "hugepages": _pools(host, f"{NODES}/node{number}/hugepages"),
            "node": int(number),
        }
        for number in sorted(numbers, key=int)
    ]


def _pools(host: Host, folder: str) -> list[dict[str, int]]:
    found = {}
    for name in host.names(folder):
        size = re.fullmatch(r"hugepages-(\d+)kB", name)
        pages = host.line(f"{folder}/{name}/nr_hugepages")
        if size and pages and pages.isdigit():
            found[int(size.group(1))] = int(pages)
    return [{"pages": found[size], "sizeKib": size} for size in sorted(found)]
