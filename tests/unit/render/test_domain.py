from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.unit.render.fleets import (
    GUEST,
    NEW_LIBVIRT,
    OLD_LIBVIRT,
    gpu_policy,
    nvme_policy,
    rendered,
)

Golden = Callable[[Path, str], None]
PATH = "/etc/libvirt/qemu/trainer.xml"


def domain(folder: Path, policy: str, **changes: object) -> ET.Element:
    files, findings = rendered(folder, policy, **changes)
    assert findings == ()
    return ET.fromstring(files[PATH].content)  # noqa: S314 our own output


@pytest.mark.accepts("FP411")
def test_domain_of_a_grace_gpu_has_initiators_aperture_and_driver(tmp_path: Path) -> None:
    root = domain(tmp_path, gpu_policy(), **NEW_LIBVIRT)

    assert root.findtext("devices/controller/pcihole64") == str(4 << 30)
    hostdev = root.find("devices/hostdev")
    assert hostdev is not None
    assert hostdev.attrib == {"mode": "subsystem", "type": "pci", "managed": "no"}
    assert [child.tag for child in hostdev] == ["driver", "source", "acpi", "rom", "address"]
    assert hostdev.find("driver").attrib == {"model": "nvgrace_gpu_vfio_pci"}  # type: ignore[union-attr]
    assert hostdev.find("acpi").attrib == {"nodeset": "1-8"}  # type: ignore[union-attr]
    cells = root.findall("cpu/numa/cell")
    assert [cell.get("memory") for cell in cells] == [str(64 << 20), *["0"] * 8]


@pytest.mark.shows("FP411")
def test_domain_of_a_grace_gpu_on_an_old_libvirt_names_each_missing_element(tmp_path: Path) -> None:
    files, findings = rendered(tmp_path, gpu_policy(), **OLD_LIBVIRT)

    assert PATH not in files
    assert [(item.rule.id, item.why) for item in findings] == [
        (
            "FP411",
            (
                "guest trainer needs <pcihole64> on aarch64, known from libvirt 11.4.0 and "
                "QEMU 10.0.0 on; the host has libvirt 9.0.0 and QEMU 7.2.22"
            ),
        ),
        (
            "FP411",
            (
                "guest trainer needs <acpi nodeset> of a hostdev, known from libvirt 11.8.0 and "
                "QEMU 10.0.0 on; the host has libvirt 9.0.0 and QEMU 7.2.22"
            ),
        ),
        (
            "FP411",
            (
                "guest trainer needs managed='no' with a variant driver, known from libvirt 9.7.0 "
                "on; the host has libvirt 9.0.0 and QEMU 7.2.22"
            ),
        ),
    ]


@pytest.mark.shows("FP410")
def test_domain_without_libvirt_on_its_host_is_refused(tmp_path: Path) -> None:
    _, findings = rendered(tmp_path, nvme_policy(), libvirt=None)

    assert [(item.rule.id, item.why) for item in findings] == [
        ("FP410", "guest trainer runs here, and the host showed no libvirt with QEMU")
    ]


def test_domain_with_a_trapped_device_turns_mmap_off(tmp_path: Path) -> None:
    root = domain(tmp_path, nvme_policy("trapped"), **OLD_LIBVIRT)

    qemu = "{http://libvirt.org/schemas/domain/qemu/1.0}"
    device = root.find(f"{qemu}override/{qemu}device")
    assert device is not None
    assert device.get("alias") == "ua-hostdev1"
    assert root.find("devices/hostdev/alias").get("name") == "ua-hostdev1"  # type: ignore[union-attr]
    assert device.find(f"{qemu}frontend/{qemu}property").attrib == {  # type: ignore[union-attr]
        "name": "x-no-mmap",
        "type": "bool",
        "value": "true",
    }


def test_domain_escapes_what_xml_would_read(tmp_path: Path) -> None:
    root = domain(tmp_path, nvme_policy(), **OLD_LIBVIRT)

    assert root.find("devices/disk/source").get("file") == "/var/lib/libvirt/images/a & b.qcow2"  # type: ignore[union-attr]


@pytest.mark.shows("FP412")
@pytest.mark.parametrize(
    ("page_kib", "hugepages", "why"),
    [
        (
            64,
            "1GiB",
            (
                "guest trainer asks for pages of 1GiB; aarch64 with pages of 64 KiB has 2MiB, "
                "512MiB, 16GiB"
            ),
        ),
        (64, "16GiB", "guest trainer has 65GiB, no multiple of 16GiB"),
    ],
)
def test_domain_with_impossible_hugepages_is_refused(
    tmp_path: Path, page_kib: int, hugepages: str, why: str
) -> None:
    policy = nvme_policy().replace("memory: 64GiB", f"memory: 65GiB\n  hugepages: {hugepages}")

    _, findings = rendered(tmp_path, policy, kernel={"pageSizeKib": page_kib})

    assert [(item.rule.id, item.why) for item in findings] == [("FP412", why)]


def test_domain_uuid_follows_from_host_and_guest_alone(tmp_path: Path) -> None:
    first = domain(tmp_path, nvme_policy(), **OLD_LIBVIRT)
    second = domain(tmp_path, nvme_policy("trapped"), **OLD_LIBVIRT)

    assert first.findtext("uuid") == second.findtext("uuid")


def test_domain_origins_name_guest_and_mapping(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, nvme_policy(), **OLD_LIBVIRT)
    lines = nvme_policy().splitlines()

    said = [lines[span.line - 1].strip() for span in files[PATH].origins]

    assert said == ["mapping: normal-nc", "apiVersion: fleetpolicy/v1alpha1"]
    assert GUEST.startswith("---")


@pytest.mark.accepts("FP410")
def test_domain_of_an_x86_host_is_a_q35_machine(tmp_path: Path) -> None:
    root = domain(tmp_path, nvme_policy(), arch="x86_64", **OLD_LIBVIRT)

    kind = root.find("os/type")
    assert kind is not None
    assert kind.attrib == {"arch": "x86_64", "machine": "q35"}
    assert [child.tag for child in root.findall("features/*")] == ["acpi", "apic"]
    assert root.findtext("devices/emulator") == "/usr/bin/qemu-system-x86_64"


def test_domain_names_more_disks_than_the_alphabet_has_letters(tmp_path: Path) -> None:
    disks = ", ".join(f'{{path: "/images/{number}"}}' for number in range(28))
    policy = nvme_policy().replace("  disks: [", f"  disks: [{disks}, ")

    root = domain(tmp_path, policy, **OLD_LIBVIRT)

    names = [target.get("dev") for target in root.findall("devices/disk/target")]
    assert names[25:] == ["vdz", "vdaa", "vdab", "vdac"]


def test_domain_of_a_grace_gpu_is_what_it_always_was(tmp_path: Path, golden: Golden) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)

    golden(Path(__file__).with_name("grace-gpu.xml"), files[PATH].content)


def test_domain_interfaces_keep_their_addresses(tmp_path: Path) -> None:
    two = nvme_policy().replace("{bridge: br0}", "{bridge: br0}, {network: default}")

    first = domain(tmp_path, two, **OLD_LIBVIRT)
    again = domain(tmp_path, two.replace("memory: 64GiB", "memory: 32GiB"), **OLD_LIBVIRT)

    addresses = [mac.get("address", "") for mac in first.findall("devices/interface/mac")]
    assert addresses == [mac.get("address") for mac in again.findall("devices/interface/mac")]
    assert len(set(addresses)) == 2
    assert all(address.startswith("52:54:00:") for address in addresses)


@pytest.mark.parametrize("arch", ["aarch64", "x86_64"])
def test_domain_with_a_tpm_is_what_it_always_was(tmp_path: Path, golden: Golden, arch: str) -> None:
    policy = nvme_policy().replace("  vcpus: 8", "  vcpus: 8\n  tpm: true")
    policy = policy.replace("  vcpus: 8", "  firmware: {secureBoot: true}\n  vcpus: 8")
    libvirt = {**NEW_LIBVIRT["libvirt"], "swtpm": True}

    files, findings = rendered(tmp_path, policy, arch=arch, libvirt=libvirt)

    assert findings == ()
    golden(Path(__file__).with_name(f"tpm-{arch}.xml"), files[PATH].content)
