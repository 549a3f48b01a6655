"""A guest with a real device, by the libvirt of an emulated host; run by `make test-lab`."""

from collections.abc import Iterator

import pytest

from tests.lab.story import Story, emulated

HOSTS = """\
all:
  hosts:
    virt-01:
      fleetpolicy_machine:
        kernels: ["6.12"]
        cpu: neoverse-v1
        libvirt: true
        devices: [{model: nvme}]
"""
POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: lab}
spec: {memoryMapping: {default: normal-nc}}
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
  devices:
    - device: {address: "0000:01:00.0", id: "1b36:0010"}
"""

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("guest")
    with emulated(folder, "lab-guest-story", HOSTS, POLICY) as made:
        yield made


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
    link = story.on("virt-01", "readlink /sys/bus/pci/devices/0000:01:00.0/driver")

    assert "/kernel/drivers/nvme/host/nvme.ko" in files
    assert "/rules.d/70-fleetpolicy.rules\n" in files
    assert link.rstrip().endswith("/vfio-pci")


def test_second_apply_changes_nothing(story: Story) -> None:
    said = story.run("apply", "--auto-approve", "--no-checks")

    assert said.status == 0, said.out + said.err
    assert "Nothing to change on 1 host.\n" in said.out


def test_guest_that_somebody_removed_is_drift(story: Story) -> None:
    story.on("virt-01", "virsh -c qemu:///system undefine --keep-nvram database")

    said = story.run("drift", "--detailed-exitcode")

    assert said.status == 2, said.out
