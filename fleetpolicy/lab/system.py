"""Lay out what an installation leaves on a host, and what firmware and CPU show of it."""

from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from fleetpolicy.lab.hardware import Function, Hardware
from fleetpolicy.lab.tree import Tree

# Source: Arm, main ID register; the kernel prints its parts in /proc/cpuinfo.
_PARTS = {
    "Cortex-A72": "0xd08",
    "Cortex-A710": "0xd47",
    "Neoverse-N1": "0xd0c",
    "Neoverse-N2": "0xd49",
    "Neoverse-N3": "0xd8e",
    "Neoverse-V1": "0xd40",
    "Neoverse-V2": "0xd4f",
    "Neoverse-V3": "0xd84",
}
_CPUS = 4
_FOLDERS = (
    "/etc/default/grub.d",
    "/etc/libvirt/qemu",
    "/etc/modprobe.d",
    "/etc/modules-load.d",
    "/etc/udev/rules.d",
    "/run",
    "/var/lib",
)
# Source: swtpm(8). Nothing on a simulated host runs a guest.
_SWTPM = """#!/bin/sh
# Part of a simulated host.
[ "$1" = --version ] && echo 'TPM emulator version 0.7.1'
"""


def install_system(tree: Tree, hardware: Hardware) -> None:
    """Write the files that neither a kernel package nor a boot brings."""
    for folder in _FOLDERS:
        tree.folder(folder)
    tree.write("/etc/hostname", f"{hardware.name}\n")
    tree.write("/etc/machine-id", f"{machine_id(hardware.name)}\n")
    tree.write("/sys/class/dmi/id/sys_vendor", f"{hardware.vendor}\n")
    tree.write("/sys/class/dmi/id/product_name", f"{hardware.product}\n")
    tree.write("/proc/cpuinfo", _cpuinfo(hardware))
    tree.write("/proc/sys/kernel/arch", f"{hardware.arch}\n")
    tree.write("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
    tree.write("/proc/self/mountinfo", _mounts(hardware))
    if hardware.has_swtpm:
        tree.write("/usr/bin/swtpm", _SWTPM, 0o755)
    if hardware.initramfs == "initramfs-tools":
        tree.write("/etc/initramfs-tools/initramfs.conf", "MODULES=most\n")
        tree.write("/etc/initramfs-tools/modules", "# One module a line, with its options.\n")
        tree.folder("/etc/initramfs-tools/hooks")
    if hardware.initramfs == "dracut":
        tree.folder("/etc/dracut.conf.d")


def machine_id(name: str) -> str:
    """Return the id of a machine, the same whenever the host is built."""
    return sha256(f"machine {name}".encode()).hexdigest()[:32]


def root_uuid(name: str) -> str:
    """Return the UUID of the host's root file system."""
    return str(uuid5(NAMESPACE_URL, f"fleetpolicy:lab:{name}:root"))


def _cpuinfo(hardware: Hardware) -> str:
    part = _PARTS.get(hardware.cpu)
    if part:
        lines = ["CPU implementer\t: 0x41", "CPU architecture: 8", f"CPU part\t: {part}"]
    else:
        lines = [f"model name\t: {hardware.cpu}"]
    body = "\n".join(lines)
    return "".join(f"processor\t: {number}\n{body}\n\n" for number in range(_CPUS))


def _mounts(hardware: Hardware) -> str:
    number, device = root_disk(hardware)
    return f"22 1 {number} / / rw,relatime shared:1 - ext4 {device} rw\n"


def root_disk(hardware: Hardware) -> tuple[str, str]:
    """Return the number and the node of the block device that the root file system is on."""
    function = hardware.used_by("root disk")
    if function is None:
        return "254:1", "/dev/vda1"
    return ("259:2", "/dev/nvme0n1p2") if is_nvme(function) else ("8:2", "/dev/sda2")


def is_nvme(function: Function) -> bool:
    """Return whether a disk shows up as an NVMe one."""
    return function.class_code.startswith("0108")
