"""The machine that libvirt makes of a guest is the one that its devices need."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.libvirt.driver import fit, judge
from tests.integration.libvirt.goldens import CASES, libvirt_of
from tests.integration.libvirt.guests import (
    GH200_GUEST,
    GH200_MACHINE,
    GIB,
    GUESTS,
    MACHINES,
    NVME_GUEST,
    NVME_MACHINE,
    PATH,
    TRAPPED_GUEST,
)
from tests.integration.libvirt.machine import Function, Machine, Node, Smmu, read_machine
from tests.integration.libvirt.stacks import Stack
from tests.integration.libvirt.starting import complaint
from tests.unit.render.fleets import rendered


def words_of(stack: Stack, policy: str, folder: Path) -> tuple[str, ...]:
    """Return what QEMU is told on a host with a stack; skip where the guest needs a newer one."""
    files, findings = rendered(folder, policy, kernel={"pageSizeKib": 4}, **stack.facts)
    if findings:
        pytest.skip(findings[0].why)
    (judged,) = judge(stack, [fit(files[PATH].content)])
    assert judged.words, judged.said
    return judged.words


def machine_of(stack: Stack, policy: str, folder: Path) -> Machine:
    """Return the machine of a policy's guest."""
    return read_machine(words_of(stack, policy, folder))


@pytest.mark.libvirt
@pytest.mark.parametrize("case", list(MACHINES))
def test_machine_of_a_case_is_the_one_that_is_written_down(case: str, stack: Stack) -> None:
    path = CASES / case
    if libvirt_of(path) > stack.libvirt:
        pytest.skip("the guest needs a newer libvirt")

    (judged,) = judge(stack, [fit(path.read_text())])

    assert read_machine(judged.words) == MACHINES[case], judged.said


@pytest.mark.libvirt
def test_machine_of_an_nvme_guest_boots_from_the_device(stack: Stack, tmp_path: Path) -> None:
    assert machine_of(stack, NVME_GUEST, tmp_path) == NVME_MACHINE


@pytest.mark.libvirt
def test_machine_of_a_trapped_device_maps_nothing(stack: Stack, tmp_path: Path) -> None:
    (function,) = NVME_MACHINE.functions
    traps = replace(function, properties=(*function.properties, ("x-no-mmap", True)))

    assert machine_of(stack, TRAPPED_GUEST, tmp_path) == replace(NVME_MACHINE, functions=(traps,))


@pytest.mark.libvirt
def test_machine_of_a_grace_hopper_guest_has_initiators_and_aperture(
    stack: Stack, tmp_path: Path
) -> None:
    assert machine_of(stack, GH200_GUEST, tmp_path) == GH200_MACHINE


def test_machine_is_read_from_either_spelling_of_options() -> None:
    text = (
        "-S -machine virt-10.0,gic-version=3 -m size=4194304k -smp 2,sockets=1 "
        "-object memory-backend-ram,id=m0,size=4294967296 -numa node,nodeid=0,cpus=0-1,memdev=m0 "
        "-numa node,nodeid=1 "
        '-device {"driver":"pxb-pcie","bus_nr":32,"id":"pci.1","numa_node":0,"bus":"pcie.0"} '
        '-device {"driver":"pcie-root-port","id":"pci.2","bus":"pci.1"} '
        '-device {"driver":"arm-smmuv3","primary-bus":"pci.1","id":"iommu0","accel":true} '
        "-device vfio-pci,host=0009:01:00.0,id=gpu,bus=pci.2,addr=0x0,rombar=0 "
        "-machine highmem-mmio-size=4T "
        "-object acpi-generic-initiator,id=gi0,pci-dev=gpu,node=1"
    )

    assert read_machine(text.split()) == Machine(
        board="virt",
        gic="3",
        aperture=4096 * GIB,
        vcpus=2,
        nodes=(Node(cpus="0-1", size=4 * GIB), Node()),
        functions=(
            Function(
                host="0009:01:00.0",
                path=("pcie-root-port", "pxb-pcie bus_nr=32 numa_node=0"),
                initiators=(1,),
                properties=(("rombar", "0"),),
            ),
        ),
        smmus=(Smmu("pxb-pcie bus_nr=32 numa_node=0", (("accel", True),)),),
    )


@pytest.mark.libvirt
@pytest.mark.parametrize("name", list(GUESTS))
def test_machine_of_a_guest_is_one_that_qemu_starts(
    name: str, stack: Stack, tmp_path: Path
) -> None:
    words = words_of(stack, GUESTS[name], tmp_path)

    assert complaint(stack, words) == ""


@pytest.mark.libvirt
def test_machine_with_an_aperture_that_is_no_power_of_two_is_not_started(
    stack: Stack, tmp_path: Path
) -> None:
    words = words_of(stack, GH200_GUEST, tmp_path)
    odd = [word.replace("highmem-mmio-size=4294967296K", "highmem-mmio-size=3T") for word in words]

    assert "highmem-mmio-size" in complaint(stack, odd)
