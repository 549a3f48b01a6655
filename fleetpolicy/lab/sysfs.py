"""Lay out the PCI functions of a host in sysfs: what a boot does not change."""

import struct

from fleetpolicy.lab.hardware import Function, Hardware, Kernel
from fleetpolicy.lab.tree import Tree
from fleetpolicy.model.hugepages import ANY_NODE, allocated_hugepages

DEVICES = "/sys/bus/pci/devices"
NODES = "/sys/devices/system/node"
GROUPS = "/sys/kernel/iommu_groups"
_MEMORY = 0x0004_0200
_MEMORY_64 = 0x0010_0000
_PREFETCHABLE = 0x2000
_RESOURCES = 13
_SMALL_CONFIG = 256
_LARGE_CONFIG = 4096
_SERIAL_CAPABILITY = 0x0001_0003
_FIRST_ADDRESS = 1 << 44
_BRIDGE_HEADER = 1


def lay_out_functions(tree: Tree, hardware: Hardware) -> None:
    """Write every function, and the links of buses and IOMMU groups to it."""
    place = _FIRST_ADDRESS
    for function in hardware.functions:
        lines, place = _resources(function, place)
        _lay_out(tree, function, lines)


def lay_out_nodes(tree: Tree, hardware: Hardware, kernel: Kernel, command_line: str) -> None:
    """Write every NUMA node: its CPUs, and its huge pages as the command line allocates them.

    Pages without a node are dealt out evenly.

    Source:
        Linux, Documentation/ABI/stable/sysfs-devices-node; mm/hugetlb.c.
    """
    tree.remove(NODES)
    words = (word.partition("=")[::2] for word in command_line.split())
    asked = allocated_hugepages(words, kernel.page_size_kib)
    for number, node in enumerate(hardware.nodes):
        folder = f"{NODES}/node{number}"
        tree.write(f"{folder}/cpulist", f"{node.cpus}\n")
        for size, pages in (dict(node.hugepages) | dict.fromkeys(asked, 0)).items():
            pool = asked.get(size, {})
            dealt = pool.get(ANY_NODE, 0) // len(hardware.nodes) + pool.get(number, 0)
            shown = dealt if pool else pages
            tree.write(f"{folder}/hugepages/hugepages-{size}kB/nr_hugepages", f"{shown}\n")


def _lay_out(tree: Tree, function: Function, resource: str) -> None:
    folder = function.folder
    values = {
        "vendor": f"0x{function.vendor}",
        "device": f"0x{function.device}",
        "subsystem_vendor": f"0x{function.subvendor}",
        "subsystem_device": f"0x{function.subdevice}",
        "class": f"0x{function.class_code}",
        "modalias": function.modalias,
        "numa_node": str(function.numa_node),
        "driver_override": "(null)",
    }
    if function.class_code.startswith("03"):
        values["boot_vga"] = "1" if "console" in function.used_by else "0"
    for name, value in values.items():
        tree.write(f"{folder}/{name}", f"{value}\n")
    tree.write(f"{folder}/resource", resource)
    tree.write(f"{folder}/config", _config(function))
    tree.link(f"{DEVICES}/{function.address}", folder)
    tree.link(f"{folder}/subsystem", "/sys/bus/pci")
    if function.iommu:
        unit = f"/sys/devices/platform/{function.iommu}/iommu/{function.iommu}"
        tree.folder(unit)
        tree.link(f"{folder}/iommu", unit)
    if function.iommu_group is not None:
        group = f"{GROUPS}/{function.iommu_group}"
        tree.link(f"{group}/devices/{function.address}", folder)
        tree.link(f"{folder}/iommu_group", group)


def _resources(function: Function, place: int) -> tuple[str, int]:
    """Return the lines of the file resource, and the first address that is still free.

    Source:
        Linux, Documentation/PCI/sysfs-pci.rst; include/linux/ioport.h, IORESOURCE_*.
    """
    rows = [(0, 0, 0)] * _RESOURCES
    for region in function.regions:
        # A BAR lies at a multiple of its size, which is a power of two.
        start = -(-place // region.size) * region.size
        flags = _MEMORY | (_MEMORY_64 | _PREFETCHABLE if region.prefetchable else 0)
        rows[region.index] = (start, start + region.size - 1, flags)
        place = start + region.size
    return "".join(f"0x{start:016x} 0x{end:016x} 0x{flags:016x}\n" for start, end, flags in rows), (
        place
    )


def _config(function: Function) -> bytes:
    """Return the configuration space: ids, class, and the serial number if there is one.

    Source:
        PCI Express Base Specification, Type 0 header and Device Serial Number capability.
    """
    config = bytearray(_LARGE_CONFIG if function.serial else _SMALL_CONFIG)
    struct.pack_into("<HH", config, 0, int(function.vendor, 16), int(function.device, 16))
    struct.pack_into("<I", config, 8, int(function.class_code, 16) << 8)
    if function.class_code.startswith("0604"):
        config[0x0E] = _BRIDGE_HEADER
    else:
        ids = (int(function.subvendor, 16), int(function.subdevice, 16))
        struct.pack_into("<HH", config, 0x2C, *ids)
    if function.serial:
        serial = int(function.serial, 16)
        words = (_SERIAL_CAPABILITY, serial & 0xFFFF_FFFF, serial >> 32)
        struct.pack_into("<III", config, 0x100, *words)
    return bytes(config)
