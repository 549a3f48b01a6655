"""Guests, and the machine that each is to become, written as QEMU's properties."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.integration.libvirt.machine import Function, Machine, Node, Smmu
from tests.unit.render.fleets import GPU, HEAD, NVME, rendered

PATH = "/etc/libvirt/qemu/trainer.xml"
GIB = 1 << 30

_GUEST = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: Guest
metadata: {name: trainer}
spec:
  host: gh-01
"""
_DISK = 'disks: [{path: "/var/lib/libvirt/images/trainer.qcow2", bootOrder: 1}]'

NVME_GUEST = f"""\
{HEAD}{NVME.replace("MAPPING", "normal-nc")}{_GUEST}  vcpus: 8
  memory: 16GiB
  hugepages: 1GiB
  numaNode: 0
  devices: [{{device: {{address: "0003:01:00.0", id: "144d:a80a"}}, bootOrder: 1}}]
"""
NVME_MACHINE = Machine(
    board="virt",
    gic="3",
    aperture=0,
    vcpus=8,
    nodes=(Node(size=16 * GIB, has_hugepages=True, host_nodes=(0,)),),
    functions=(
        Function(
            host="0003:01:00.0",
            path=("pcie-root-port",),
            properties=(("bootindex", 1), ("rombar", 0)),
        ),
    ),
)

GH200_GUEST = f"""\
{HEAD}{GPU}{_GUEST}  vcpus: 16
  memory: 64GiB
  hugepages: 2MiB
  numaNode: 0
  devices: [{{device: {{address: "0009:01:00.0", id: "10de:2342"}}}}]
  {_DISK}
"""
GH200_MACHINE = Machine(
    board="virt",
    gic="3",
    aperture=4096 * GIB,
    vcpus=16,
    nodes=(
        Node(cpus="0-15", size=64 * GIB, has_hugepages=True, host_nodes=(0,)),
        *(Node() for _ in range(8)),
    ),
    functions=(
        Function(
            host="0009:01:00.0",
            path=("pcie-root-port",),
            initiators=(1, 2, 3, 4, 5, 6, 7, 8),
            properties=(("rombar", 0),),
        ),
    ),
)

_EXPANDER = "pxb-pcie bus_nr=32 numa_node=0"
GB200_MACHINE = replace(
    GH200_MACHINE,
    functions=(
        Function(
            host="",
            path=("pcie-root-port", _EXPANDER),
            initiators=(1, 2, 3, 4, 5, 6, 7, 8),
            properties=(("iommufd", "iommufd0"), ("rombar", 0)),
        ),
    ),
    smmus=(
        Smmu(
            bus=_EXPANDER,
            properties=(
                ("accel", True),
                ("ats", "on"),
                ("cmdqv", "on"),
                ("oas", "48"),
                ("ril", "off"),
                ("ssidsize", "20"),
            ),
        ),
    ),
)

TRAPPED_GUEST = NVME_GUEST.replace("normal-nc", "trapped")
GUESTS = {"nvme": NVME_GUEST, "gh200": GH200_GUEST, "trapped": TRAPPED_GUEST}


def domain_of(folder: Path, policy: str, **facts: Any) -> str:
    """Return the domain of a policy's guest on a host with such facts; there is one."""
    files, findings = rendered(folder, policy, **facts)
    assert PATH in files, findings
    return files[PATH].content


MACHINES = {
    "guest-ampere/rendered/n1-01/etc/libvirt/qemu/arm-nvme-01.xml": replace(
        NVME_MACHINE, functions=(replace(NVME_MACHINE.functions[0], host="0001:01:00.0"),)
    ),
    "guest-gh200/rendered/gh-01/etc/libvirt/qemu/gh200-gpu-01.xml": GH200_MACHINE,
    "guest-gb200/rendered/gh-01/etc/libvirt/qemu/gb200-nested-01.xml": GB200_MACHINE,
}
