"""A guest with a real device, by the libvirt of an emulated host; run by `make test-lab`.

The guest runs: QEMU on the emulated host has the nvme by VFIO, and a kernel in it reads and writes
the disk. The tests build on each other.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.story import FLEET, ROOT, Story, emulated

HERE = ROOT / "tests" / "lab" / "guest"
PROBE = ROOT / "playbooks" / "module_utils" / "fleetpolicy_probe"
NVME = "0000:01:00.0"

HOSTS = """\
all:
  hosts:
    virt-01:
      fleetpolicy_machine:
        kernels: ["6.12"]
        cpu: neoverse-v1
        libvirt: true
        devices: [{model: nvme, serial: LAB0001}]
"""
DEVICES = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec:
  match: {hosts: {pattern: "*"}, device: {class: "0108"}}
  driver: vfio-pci
---
apiVersion: fleetpolicy/v1alpha1
kind: Guest
metadata: {name: database}
spec:
  host: virt-01
  vcpus: 1
  memory: 512MiB
  template: guest.xml
  devices:
    - device: {address: "0000:01:00.0", id: "1b36:0010"}
"""
POLICY = FLEET + DEVICES

MEMATTR = {"Normal-NC": 0x5}
"""Stage 2's MemAttr[3:0], Arm DDI 0487, D8.6.5."""
WRITTEN = b"written by the guest\n"

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("guest")
    with emulated(folder, "lab-guest-story", HOSTS, POLICY) as made:
        shutil.copy(HERE / "domain.xml", made.fleet / "policies" / "guest.xml")
        yield made


@pytest.fixture(scope="module")
def entries(story: Story, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Start the guest, and return KVM's entries for it once it is ready."""
    sent = tmp_path_factory.mktemp("sent") / "guest.tar"
    with tarfile.open(sent, "w") as archive:
        archive.add(HERE, "guest")
        archive.add(PROBE, "ansible/module_utils/fleetpolicy_probe")
    story.on("virt-01", "tar -x -C /srv && sh /srv/guest/prepare", sent)
    told = story.on("virt-01", "PYTHONPATH=/srv python3 /srv/guest/watch.py database")
    found: dict[str, Any] = json.loads(told)
    return found


def flash(story: Story) -> Path:
    """Return the file behind the nvme."""
    return story.fleet / ".lab" / "virt-01" / "nvme1.0"


def test_guest_is_defined_with_its_device_and_read_back(story: Story) -> None:
    said = story.run("lab", "up")
    assert said.status == 0, said.out + said.err
    assert story.run("facts", "collect").status == 0
    assert story.record("virt-01")["facts"]["libvirt"]["libvirt"] >= 11_003_000

    applied = story.run("apply", "--auto-approve")

    assert applied.status == 0, applied.out + applied.err
    assert applied.out.splitlines()[-1] == "verified"
    domain = story.on("virt-01", "virsh -c qemu:///system dumpxml --inactive database")
    address = "<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>"
    assert "<hostdev mode='subsystem' type='pci' managed='no'>" in domain
    assert address in domain


def test_driver_that_the_initramfs_has_does_not_take_the_device(story: Story) -> None:
    files = story.on("virt-01", "lsinitramfs /boot/initrd.img-$(uname -r)")

    assert "/kernel/drivers/nvme/host/nvme.ko" in files
    assert "/rules.d/70-fleetpolicy.rules\n" in files
    assert story.driver_of("virt-01", NVME) == "vfio-pci"


def test_guest_starts_and_works_with_its_device(story: Story, entries: dict[str, Any]) -> None:
    serial = story.on("virt-01", "cat /var/log/libvirt/qemu/database.serial")
    held = story.on("virt-01", "ls -l /proc/$(cat /run/libvirt/qemu/database.pid)/fd")
    group = story.on("virt-01", f"basename $(readlink /sys/bus/pci/devices/{NVME}/iommu_group)")

    lines = serial.splitlines()
    assert [line for line in lines if line.startswith("UEFI firmware")]
    told = [line for line in lines if line.startswith("guest: ")]
    assert told[1].rstrip() == "guest: serial LAB0001"
    assert told[2].split()[2] == f"{int(entries['ipa'], 16):#018x}"
    assert told[3:] == ["guest: read written by the guest", "guest: ready"]
    assert f"-> /dev/vfio/{group}" in held
    with flash(story).open("rb") as file:
        file.seek(4096)
        assert file.read(len(WRITTEN)) == WRITTEN


def test_entry_of_the_running_guest_is_as_predicted(story: Story, entries: dict[str, Any]) -> None:
    said = story.run("simulate", "--live", "--output", "json")
    resource = story.on("virt-01", f"head -n 1 /sys/bus/pci/devices/{NVME}/resource")

    (device,) = json.loads(said.out)["hosts"][0]["devices"]
    (region,) = device["regions"]
    physical = resource.split()[0]
    bar, ram = entries["bar"], entries["ram"]
    assert bar["memattr"] == MEMATTR[region["stage2"]], bar
    assert int(bar["output"], 16) == int(physical, 16) != int(entries["ipa"], 16)
    assert (bar["executable"], bar["writable"]) == (False, True)
    assert ram["memattr"] == 0x6, ram  # Write-Back whatever the guest says: FWB


def test_guest_that_runs_is_no_drift_and_its_device_is_left_alone(story: Story) -> None:
    drift = story.run("drift", "--detailed-exitcode")
    verified = story.run("verify", "--measure")

    assert drift.status == 0, drift.out
    assert verified.status == 4, verified.out
    assert "error FP721 device-not-measured\n" in verified.out
    assert f"why: {NVME} on vfio-pci: IOMMU group " in verified.out
    assert ": EBUSY; guests that run: database\n" in verified.out
    assert "  virt-01  FAILED  14 of 15 checks passed\n" in verified.out


def test_second_apply_changes_nothing_while_the_guest_runs(story: Story) -> None:
    said = story.run("apply", "--auto-approve", "--no-checks")

    assert said.status == 0, said.out + said.err
    assert "Nothing to change on 1 host.\n" in said.out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("memory: 512MiB", "memory: 640MiB"),
        (
            "default: normal-nc}",
            "default: normal-nc}, kernel: {parameters: {transparent_hugepage: never}}",
        ),
    ],
    ids=["definition", "reboot"],
)
def test_change_that_needs_the_guest_off_is_refused(story: Story, before: str, after: str) -> None:
    policy = story.fleet / "policies" / "fleet.yaml"
    assert before in POLICY
    policy.write_text(POLICY.replace(before, after))

    said = story.run("apply", "--auto-approve", "--no-checks")

    policy.write_text(POLICY)
    assert said.status == 4, said.out + said.err
    assert "  must be shut down first: database\n" in said.out
    assert "running: database; shut down first: virsh shutdown database\n" in said.out
    kept = story.on(
        "virt-01",
        "virsh domstate database; virsh dumpxml --inactive database | grep '<memory';"
        "ls /etc/default/grub.d",
    )
    assert kept.split() == ["running", "<memory", "unit='KiB'>524288</memory>"]


def test_guest_shuts_down_as_told_and_leaves_the_host_clean(story: Story) -> None:
    story.on(
        "virt-01",
        "virsh shutdown database && timeout 600 sh -c "
        "'while virsh list --name | grep database; do sleep 1; done'",
    )
    serial = story.on("virt-01", "cat /var/log/libvirt/qemu/database.serial")

    verified = story.run("verify", "--measure")

    assert story.driver_of("virt-01", NVME) == "vfio-pci"
    assert "guest: power button" in serial.splitlines()
    assert verified.status == 0, verified.out
    assert "15 of 15 checks passed\n" in verified.out


def test_guest_that_somebody_removed_is_drift(story: Story) -> None:
    story.on("virt-01", "virsh -c qemu:///system undefine --keep-nvram database")

    said = story.run("drift", "--detailed-exitcode")

    assert said.status == 2, said.out
