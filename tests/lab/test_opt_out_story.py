"""The global opt-out on a host with a real kernel, from the build farm to its end.

Run by `make test-lab`; the tests build on each other. What was said, and how long it took, is in
.cache/opt-out-story.txt afterwards.
"""

import shlex
from collections.abc import Iterator

import pytest

from fleetpolicy.emulate.disk import ROOT_UUID
from fleetpolicy.emulate.grub import entry_of
from fleetpolicy.emulate.kernels import find_kernel
from tests.lab.building import lay_out, say
from tests.lab.story import PLATFORM, ROOT, Story, emulated

CARD = "0000:01:00.0"
HOSTS = """\
all:
  hosts:
    arm-01:
      fleetpolicy_machine:
        kernels: ["6.12", newest]
        cpu: max
        memory: 2GiB
        devices: [{model: e1000e}]
"""
OPT_OUT = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: lab}
spec:
  memoryMapping: {default: normal-nc, globalOptOut: true}
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: network}
spec:
  match: {device: {address: "0000:01:00.0", id: "8086:10d3"}}
"""
POLICY = OPT_OUT + PLATFORM

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Return a fleet of one emulated host, which is ended whatever happens."""
    folder = tmp_path_factory.mktemp("opt-out-story")
    with emulated(folder, "opt-out-story", HOSTS, POLICY) as made:
        yield made


def choose_kernel(story: Story, release: str) -> None:
    """Have the host boot a kernel from now on."""
    story.on("arm-01", f"/usr/sbin/grub-set-default {shlex.quote(entry_of(release, ROOT_UUID))}")


def test_opt_out_without_the_module_is_refused(story: Story) -> None:
    assert story.run("lab", "up").status == 0
    assert story.run("facts", "collect").status == 0

    said = story.run("validate")

    assert said.status == 3
    assert "error FP215 no-opt-out-mechanism" in said.out


def test_module_of_the_build_farm_reaches_the_kernel_that_it_is_for(story: Story) -> None:
    lay_out(story.fleet.parent / "built", ROOT / "kernel", "6.12")

    said = story.run("modules", "install", "--from", "built")

    assert said.status == 0, said.out + said.err
    assert said.out == "  arm-01  changed, 1 changed\n"
    assert story.run("facts", "collect").status == 0
    facts = story.record("arm-01")["facts"]
    assert facts["modules"]["optout_vfio_pci"] == "module"
    assert facts["addedModules"] == {"optout_vfio_pci": False}
    assert facts["kernel"]["signaturesEnforced"] is False


def test_opt_out_is_applied_with_a_reboot_and_verified(story: Story) -> None:
    said = story.run("apply", "--auto-approve")

    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1] == "verified"
    assert "optout_vfio_pci.stage2=device" in story.on("arm-01", "cat /proc/cmdline").split()
    assert story.driver_of("arm-01", CARD) == "optout_vfio_pci"
    choice = f"cat /sys/bus/pci/devices/{CARD}/stage2/configured"
    assert story.on("arm-01", choice) == "device\n"
    assert "Device-nGnRE" in story.run("simulate", "--live").out


def test_kernel_really_installs_device(story: Story) -> None:
    said = story.run("verify", "--measure", "--no-checks")

    assert said.status == 0, said.out + said.err
    assert "load  Device-nGnRE  Device-nGnRE\n" in said.out
    assert "Normal-NC" not in said.out


def test_parameter_that_somebody_changed_is_found_before_a_guest_opens_the_device(
    story: Story,
) -> None:
    parameter = "/sys/module/optout_vfio_pci/parameters/stage2"
    story.on("arm-01", f"echo normal-nc > {parameter}")

    said = story.run("verify", "--no-checks")

    assert said.status == 4
    assert f"why: {CARD} region bar0: wanted Device-nGnRE, got Normal-NC" in said.out
    assert "why: module parameter: optout_vfio_pci.stage2 is normal-nc, wanted device" in said.out
    story.on("arm-01", f"echo device > {parameter}")


def test_kernel_that_has_no_module_is_found_before_it_boots(story: Story) -> None:
    choose_kernel(story, find_kernel("newest", say).release)

    said = story.run("drift", "--detailed-exitcode")

    assert said.status == 2, said.out
    assert "error FP716 next-kernel-lacks-driver" in said.out


def test_end_of_the_opt_out_leaves_nothing_and_the_kernel_installs_normal_nc(
    story: Story,
) -> None:
    lay_out(story.fleet.parent / "built", ROOT / "kernel", "newest")
    assert story.run("modules", "install", "--from", "built").status == 0
    # Its driver is there; what its initramfs lacks, the next apply would bring.
    assert "FP716" not in story.run("drift").out
    choose_kernel(story, find_kernel("6.12", say).release)
    path = story.fleet / "policies/fleet.yaml"
    path.write_text(POLICY.replace("globalOptOut: true", "globalOptOut: false"))

    said = story.run("apply", "--auto-approve")

    assert said.status == 0, said.out + said.err
    assert "optout" not in story.on("arm-01", "cat /proc/cmdline")
    measured = story.run("verify", "--measure", "--no-checks")
    assert measured.status == 0, measured.out + measured.err
    assert "load  Normal-NC  Normal-NC\n" in measured.out
