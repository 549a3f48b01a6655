"""Show the disk and the network interface that a simulated host lives on."""

import re

from fleetpolicy.lab.hardware import Function, Hardware
from fleetpolicy.lab.system import is_nvme, root_disk
from fleetpolicy.lab.tree import Tree

_ROUTES = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


def lay_out_disk(tree: Tree, hardware: Hardware, function: Function | None) -> None:
    """Write the block device of the root file system, below its PCI function if it has one."""
    number, device = root_disk(hardware)
    name = device.rpartition("/")[2]
    disk = re.sub(r"(?<=nvme0n1)p\d+$|(?<=[a-z])\d+$", "", name)
    if function is None:
        folder = "/sys/devices/platform/disk/block"
    elif is_nvme(function):
        folder = f"{function.folder}/nvme/nvme0"
    else:
        folder = f"{function.folder}/ata1/host0/target0:0:0/0:0:0:0/block"
    partition = f"{folder}/{disk}/{name}"
    tree.write(f"{partition}/dev", f"{number}\n")
    tree.link(f"/sys/class/block/{name}", partition)
    tree.link(f"/sys/dev/block/{number}", partition)


def lay_out_network(tree: Tree, function: Function | None) -> None:
    """Write the interface of the default route; None leaves the host without one."""
    routes = _ROUTES
    if function:
        domain, bus, slot = re.findall("[0-9a-f]+", function.address)[:3]
        # Source: systemd.net-naming-scheme(7): P, p and s are domain, bus and slot, in decimal.
        prefix = f"P{int(domain, 16)}" if int(domain, 16) else ""
        name = f"en{prefix}p{int(bus, 16)}s{int(slot, 16)}"
        folder = f"{function.folder}/net/{name}"
        tree.write(f"{folder}/operstate", "up\n")
        tree.link(f"{folder}/device", function.folder)
        tree.link(f"/sys/class/net/{name}", folder)
        routes += f"{name}\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    tree.write("/proc/net/route", routes)
