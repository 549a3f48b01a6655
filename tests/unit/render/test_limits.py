from pathlib import Path

import pytest

from tests.unit.render.fleets import NEW_LIBVIRT, NVME_FACTS, gpu_policy, nvme_policy, rendered

PROFILE = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DeviceProfile
metadata: {name: ours}
spec:
  ids: ["10de:2342"]
  title: a GPU of ours
  coherent: true
  variantDriver: nvgrace_gpu_vfio_pci
  regions:
    - {index: 0, name: bar0, memory: mmio}
    - {index: 4, name: usemem, memory: coherent, pgprot: normal-wb, consent: false}
  genericInitiatorNodes: 8
  mmioAperture: APERTURE
  source: a test
"""


@pytest.mark.parametrize("code", ["FFFE", "E000", "10FFFF"])
def test_title_that_xml_cannot_hold_is_refused(tmp_path: Path, code: str) -> None:
    policy = nvme_policy().replace("  vcpus: 8", f'  title: "a \\U{code:0>8}"\n  vcpus: 8')

    files, findings = rendered(tmp_path, policy)

    assert "/etc/libvirt/qemu/trainer.xml" not in files
    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP413", f"the title of guest trainer has U+{code}")
    ]


def test_disk_path_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    policy = nvme_policy().replace("a & b", "a\\uFFFF")

    _, findings = rendered(tmp_path, policy)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP413", "the disk of guest trainer has U+FFFF")
    ]


def test_boot_order_given_twice_is_refused(tmp_path: Path) -> None:
    policy = nvme_policy().replace('id: "144d:a80a"}}]', 'id: "144d:a80a"}, bootOrder: 1}]')

    _, findings = rendered(tmp_path, policy)

    assert [(item.rule.id, item.why) for item in findings] == [
        (
            "FP414",
            (
                "guest trainer boots from 0003:01:00.0 and /var/lib/libvirt/images/a & b.qcow2 "
                "with order 1"
            ),
        )
    ]


@pytest.mark.shows("FP415")
@pytest.mark.parametrize(("aperture", "gib"), [("3TiB", 3072), ("256GiB", 256)])
def test_aperture_that_qemu_exits_over_is_refused(tmp_path: Path, aperture: str, gib: int) -> None:
    policy = gpu_policy() + PROFILE.replace("APERTURE", aperture)

    _, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP415", f"guest trainer: its devices' profiles ask for {gib} GiB")
    ]


@pytest.mark.accepts("FP420", "FP426")
@pytest.mark.accepts("FP415")
def test_aperture_of_a_power_of_two_is_rendered(tmp_path: Path) -> None:
    policy = gpu_policy() + PROFILE.replace("APERTURE", "512GiB")

    files, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert findings == ()
    xml = files["/etc/libvirt/qemu/trainer.xml"].content
    assert "<pcihole64 unit='KiB'>536870912</pcihole64>" in xml


@pytest.mark.shows("FP420")
@pytest.mark.parametrize(
    ("spec", "arch", "asked"),
    [
        ("machine: q35", "aarch64", "machine q35"),
        ("machine: virt-10.0", "x86_64", "machine virt-10.0"),
        ("gic: host", "x86_64", "gic host"),
        ("cpu: {mode: host-model}", "aarch64", "cpu mode host-model"),
    ],
)
def test_guest_of_another_architecture_is_refused(
    tmp_path: Path, spec: str, arch: str, asked: str
) -> None:
    policy = nvme_policy().replace("  vcpus: 8", f"  vcpus: 8\n  {spec}")

    _, findings = rendered(tmp_path, policy, arch=arch, **NEW_LIBVIRT)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP420", f"guest trainer asks for {asked}; its host is {arch}")
    ]


@pytest.mark.shows("FP420")
def test_sata_disk_on_arm_is_refused(tmp_path: Path) -> None:
    policy = nvme_policy().replace("bootOrder: 1}", "bootOrder: 1, bus: sata}")

    _, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP420", "guest trainer asks for a SATA disk; its host is aarch64")
    ]


@pytest.mark.parametrize(
    ("disks", "ids"),
    [
        pytest.param(244, [], marks=pytest.mark.accepts("FP421")),
        pytest.param(245, ["FP421"], marks=pytest.mark.shows("FP421")),
    ],
)
def test_more_disks_than_the_root_bus_has_ports_are_refused(
    tmp_path: Path, disks: int, ids: list[str]
) -> None:
    more = ", ".join(f'{{path: "/images/{number}"}}' for number in range(disks - 1))
    policy = nvme_policy().replace("  disks: [", f"  disks: [{more}, ")

    _, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert [item.rule.id for item in findings] == ids


@pytest.mark.shows("FP415")
def test_row_6_aperture_of_the_guest_that_qemu_exits_over_is_refused(tmp_path: Path) -> None:
    policy = gpu_policy().replace("  vcpus: 8", "  vcpus: 8\n  mmioAperture: 64GiB")

    _, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP415", "guest trainer: it asks for 64 GiB")
    ]


@pytest.mark.shows("FP415")
def test_aperture_smaller_than_the_bars_is_refused(tmp_path: Path) -> None:
    bars = [{"index": 0, "size": 1 << 40, "prefetchable": True}]
    devices = [{**NVME_FACTS, "regions": bars}]

    _, findings = rendered(tmp_path, nvme_policy(), devices=devices, **NEW_LIBVIRT)

    assert [(item.rule.id, item.why, item.fix) for item in findings] == [
        (
            "FP415",
            "guest trainer: its devices' BARs have 1TiB, and the window for them 512GiB",
            "write a power of two that holds them as mmioAperture of the guest",
        )
    ]


@pytest.mark.shows("FP426")
@pytest.mark.parametrize("shown", [{}, {"swtpm": False}])
def test_tpm_on_a_host_that_showed_no_swtpm_is_refused(
    tmp_path: Path, shown: dict[str, bool]
) -> None:
    policy = nvme_policy().replace("  vcpus: 8", "  vcpus: 8\n  tpm: true")

    _, findings = rendered(tmp_path, policy, libvirt={**NEW_LIBVIRT["libvirt"], **shown})

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP426", "guest trainer has a TPM, and the host showed no swtpm")
    ]
