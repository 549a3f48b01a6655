from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument

Describe = Callable[..., InventoryHost]
Look = Callable[[InventoryHost], HostRecordDocument]
ERA_A = {"normalNcMarker": False, "cacheableCapability": "unknown"}
ERA_B = {"normalNcMarker": True, "cacheableCapability": "unknown"}
ERA_C = {"normalNcMarker": True, "cacheableCapability": "known"}


def test_look_at_a_new_host_shows_what_its_model_says(make: Describe, look: Look) -> None:
    host = make()

    facts = look(host).facts

    assert (facts.arch, facts.cpu.model) == ("aarch64", "Neoverse-V2")
    assert (facts.firmware.vendor, facts.firmware.product) == ("Demo Systems", "Superchip Server")
    assert (facts.boot.loader, facts.boot.initramfs) == ("grub", "initramfs-tools")
    assert (facts.kernel.release, facts.kernel.page_size_kib) == ("7.3.4-arm64", 64)
    assert facts.libvirt
    assert (facts.libvirt.libvirt, facts.libvirt.qemu) == (9_000_000, 7_002_022)
    assert facts.modules == dict.fromkeys(
        ("nvgrace_gpu_vfio_pci", "vfio", "vfio_iommu_type1", "vfio_pci", "vfio_pci_core"), "module"
    )
    aliases = {alias.pattern: alias.module for alias in facts.vfio_aliases}
    assert aliases["vfio_pci:v*d*sv*sd*bc*sc*i*"] == "vfio_pci"
    assert aliases["vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*"] == "nvgrace_gpu_vfio_pci"


def test_look_at_a_new_host_shows_its_devices(make: Describe, look: Look) -> None:
    host = make()

    record = look(host)

    devices = {device.address: device for device in record.facts.devices}
    gpu, disk, port = (devices[f"000{place}"] for place in ("9:01:00.0", "2:01:00.0", "9:00:00.0"))
    assert (gpu.id, gpu.subsystem, gpu.device_class) == ("10de:2342", "10de:16eb", "030200")
    assert gpu.modalias == "pci:v000010DEd00002342sv000010DEsd000016EBbc03sc02i00"
    assert (gpu.iommu_group, gpu.numa_node, gpu.native_driver) == (19, 0, "nvidia")
    assert [(r.index, r.size, r.prefetchable) for r in gpu.regions] == [
        (0, 16 << 20, True),
        (2, 128 << 30, True),
    ]
    assert (disk.used_by, disk.regions[0].prefetchable) == (("root disk",), False)
    assert devices["0006:01:00.0"].used_by == ("default route",)
    assert (port.subsystem, port.native_driver, port.regions) == (None, None, ())
    assert record.identity.serials == {"0009:01:00.0": "48b02dc0a8010001"}
    assert record.identity.uptime_seconds == 21


def test_look_at_a_new_host_shows_an_untouched_state(make: Describe, look: Look) -> None:
    host = make()

    state = look(host).state

    assert {address: binding.driver for address, binding in state.bindings.items()} == {
        "0002:01:00.0": "nvme",
        "0004:01:00.0": "nvme",
        "0006:01:00.0": "i40e",
        "0009:00:00.0": "pcieport",
        "0009:01:00.0": "nvidia",
    }
    assert {binding.override for binding in state.bindings.values()} == {None}
    assert state.command_line.startswith("BOOT_IMAGE=/boot/vmlinuz-7.3.4-arm64 root=UUID=")
    assert state.command_line.endswith(" ro quiet")
    assert state.next_command_line == state.command_line
    assert (state.module_parameters, state.domains, state.manifest) == ({}, {}, None)
    assert list(state.files) == ["/etc/default/grub"]


@pytest.mark.parametrize(
    ("kernel", "features", "answers"),
    [
        (ERA_A, (True, True), (False, "0", "0", True, True)),
        (ERA_B, (False, False), (True, "0", "0", False, False)),
        (ERA_C, (True, True), (True, "einval", "1", True, True)),
        (ERA_C, (True, False), (True, "einval", "0", True, False)),
        (ERA_C, (False, True), (True, "einval", "0", False, True)),
        (ERA_B, (True, None), (True, "0", "0", True, None)),
        (ERA_B, (None, None), (True, "0", "0", None, None)),
    ],
)
def test_look_shows_the_evidence_of_kernel_and_cpu(
    make: Describe,
    look: Look,
    kernel: dict[str, Any],
    features: tuple[bool | None, bool | None],
    answers: tuple[object, ...],
) -> None:
    cpu = {"model": "Neoverse-V2", "fwb": features[0], "dic": features[1]}
    host = make(kernel="6.9", kernels={"6.9": kernel}, cpu=cpu)

    facts = look(host).facts

    shown = facts.kernel
    assert (
        shown.normal_nc_marker,
        shown.capability_on_kvm,
        shown.capability_on_vm,
        facts.cpu.fwb,
        facts.cpu.dic,
    ) == answers


def test_look_at_an_x86_host_shows_nothing_of_stage_2(make: Describe, look: Look) -> None:
    cpu = {"model": "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"}
    host = make(arch="x86_64", cpu=cpu, kernel="6.12", kernels={"6.12": ERA_B})

    facts = look(host).facts

    assert (facts.arch, facts.cpu.model) == ("x86_64", cpu["model"])
    assert (facts.kernel.normal_nc_marker, facts.kernel.capability_on_kvm) == (None, None)


@pytest.mark.parametrize(
    ("device", "used_by"),
    [
        ({"id": "1b4b:9235", "class": "010601", "nativeDriver": "ahci"}, ("root disk",)),
        ({"id": "1af4:1042", "class": "018000", "nativeDriver": "virtio_blk"}, ("root disk",)),
        ({"id": "1a03:2000", "class": "030000", "nativeDriver": "ast"}, ("console",)),
        ({"id": "15b3:1021", "class": "020700", "nativeDriver": "mlx5_core"}, ("default route",)),
    ],
)
def test_look_finds_out_what_a_device_is_used_for(
    make: Describe, look: Look, device: dict[str, str], used_by: tuple[str, ...]
) -> None:
    host = make(devices=[{"address": "0000:01:00.0", "usedBy": list(used_by), **device}])

    (found,) = look(host).facts.devices

    assert (found.used_by, found.native_driver) == (used_by, device["nativeDriver"])
    assert (found.iommu_group, found.numa_node) == (None, 0)


def test_look_at_a_host_without_grub_libvirt_and_initramfs(make: Describe, look: Look) -> None:
    kernel = {**ERA_B, "builtin": ["vfio-pci", "nvme"], "modules": []}
    host = make(
        loader="unknown",
        initramfs="none",
        libvirt=None,
        kernel="6.12",
        kernels={"6.12": kernel},
    )

    record = look(host)

    assert (record.facts.boot.loader, record.facts.boot.initramfs) == (None, "none")
    assert record.facts.libvirt is None
    assert record.facts.modules == {
        "vfio": "builtin",
        "vfio_pci": "builtin",
        "vfio_pci_core": "builtin",
    }
    assert [alias.module for alias in record.facts.vfio_aliases] == ["vfio_pci"]
    assert record.state.next_command_line is None
    assert not record.state.command_line.startswith("BOOT_IMAGE=")
    assert record.state.module_parameters["vfio_pci"]["disable_idle_d3"] == "N"
    assert record.state.bindings["0002:01:00.0"].driver == "nvme"


def test_look_changes_nothing_on_the_host(
    make: Describe, look: Look, tree_digest: Callable[[Path], dict[str, str]]
) -> None:
    host = make()
    before = tree_digest(Path(host.root))

    look(host)

    assert tree_digest(Path(host.root)) == before


def test_look_shows_parameters_of_modules_that_are_built_in_as_theirs(
    make: Describe, look: Look
) -> None:
    kernel = {**ERA_C, "builtin": ["vfio", "vfio_iommu_type1"], "modules": ["vfio_pci"]}
    host = make(kernel="7.0", kernels={"7.0": kernel})

    facts = look(host).facts

    assert facts.modules["vfio_iommu_type1"] == "builtin"
    assert facts.modules["vfio_pci"] == "module"
    assert facts.module_parameters == {
        "vfio": {},
        "vfio_iommu_type1": {
            "allow_unsafe_interrupts": "bool",
            "disable_hugepages": "bool",
            "dma_entry_limit": "int",
        },
        "vfio_pci": {
            "disable_denylist": "bool",
            "disable_idle_d3": "bool",
            "enable_sriov": "bool",
            "ids": "string",
            "nointxmask": "bool",
        },
        "vfio_pci_core": {},
    }
