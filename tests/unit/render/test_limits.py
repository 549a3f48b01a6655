from pathlib import Path

import pytest

from tests.unit.render.fleets import NEW_LIBVIRT, gpu_policy, nvme_policy, rendered

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


@pytest.mark.parametrize(("aperture", "gib"), [("3TiB", 3072), ("256GiB", 256)])
def test_aperture_that_qemu_exits_over_is_refused(tmp_path: Path, aperture: str, gib: int) -> None:
    policy = gpu_policy() + PROFILE.replace("APERTURE", aperture)

    _, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP415", f"guest trainer: its devices' profiles ask for {gib} GiB")
    ]


def test_aperture_of_a_power_of_two_is_rendered(tmp_path: Path) -> None:
    policy = gpu_policy() + PROFILE.replace("APERTURE", "512GiB")

    files, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert findings == ()
    xml = files["/etc/libvirt/qemu/trainer.xml"].content
    assert "<pcihole64 unit='KiB'>536870912</pcihole64>" in xml
