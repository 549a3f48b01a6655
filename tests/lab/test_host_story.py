"""The life of two emulated hosts, as a policy engineer drives it; the tests build on each other.

Run by `make test-lab`: it takes minutes, and needs a Debian mirror or a full cache. What was said,
and how long it took, is in .cache/lab-story.txt afterwards.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from fleetpolicy.emulate.process import find
from tests.lab.story import FLEET, ROOT, Story

DISK, MANAGEMENT = "0000:00:01.0", "0000:00:02.0"
E1000E, NVME, TWO = "0000:01:00.0", "0000:03:00.0", "0000:06:00.0"
DOCUMENT = (
    "apiVersion: fleetpolicy/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
)
COHERENT = """\
ids: ["1af4:1110"], title: Shared memory of QEMU, coherent: true, variantDriver: lab_vfio_pci,
  regions: [{index: 2, name: memory, memory: coherent, pgprot: normal-wb, consent: false}],
  source: "QEMU, docs/system/devices/ivshmem.rst"
"""

pytestmark = pytest.mark.lab


class Lab(Story):
    """A copy of inventories/lab."""

    def judge(self, *documents: str) -> str:
        """Return what validate says of another policy on the recorded facts."""
        policy = self.fleet.parent / "other.yaml"
        policy.write_text("---\n".join((FLEET, *documents)))
        said = self.run("validate", "-q", "--offline", "--policy", "other.yaml")
        assert said.status == 3, said.out
        return said.out


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return the lab with both hosts up; whatever happens, both are ended."""
    fleet = tmp_path_factory.mktemp("story") / "lab"
    left_out = shutil.ignore_patterns(".lab", "facts")
    shutil.copytree(ROOT / "inventories" / "lab", fleet, ignore=left_out)
    made = Lab(fleet, "lab-story")
    made.begin()
    try:
        yield made
    finally:
        made.run("lab", "down")


def device_policy(match: str, rest: str = "driver: vfio-pci") -> str:
    spec = f"{{match: {{hosts: {{group: emulated}}, device: {{{match}}}}}, {rest}}}"
    return DOCUMENT.format(kind="DevicePolicy", name="other", spec=spec)


def test_facts_of_a_cpu_without_dic_show_what_the_kernel_makes_of_it(lab: Lab) -> None:
    said = lab.run("lab", "up", "arm-02")
    assert said.status == 0, said.out + said.err
    assert lab.run("facts", "collect", "--limit", "arm-02").status == 0
    assert lab.run("lab", "down", "arm-02").status == 0

    facts = lab.record("arm-02")["facts"]
    assert (facts["cpu"]["fwb"], facts["cpu"]["dic"]) == (True, False)
    assert facts["kernel"]["capabilityOnKvm"] == "einval"
    assert facts["kernel"]["capabilityOnVm"] == "0"


def test_hosts_come_up_with_real_kernels(lab: Lab) -> None:
    for name in ("sim-01", "arm-01"):
        said = lab.run("lab", "up", name)
        assert said.status == 0, said.out + said.err

    status = lab.run("lab", "status").out
    assert "arm-01: runs 6.12." in status
    assert "arm-02: not built\n" in status
    assert "sim-01: runs 6.12." in status


def test_facts_are_those_of_the_machines(lab: Lab) -> None:
    assert lab.run("facts", "collect", "--limit", "!arm-02").status == 0

    facts = lab.record("arm-01")["facts"]
    assert (facts["cpu"]["fwb"], facts["cpu"]["dic"]) == (True, True)
    assert facts["kernel"]["normalNcMarker"] is True
    assert (facts["kernel"]["capabilityOnKvm"], facts["kernel"]["capabilityOnVm"]) == ("0", "0")
    assert facts["boot"] == {"initramfs": "initramfs-tools", "loader": "grub"}
    devices = {item["address"]: item for item in facts["devices"]}
    assert devices[DISK]["usedBy"] == ["boot disk", "root disk"]
    assert devices[MANAGEMENT]["usedBy"] == ["default route", "ssh"]
    assert devices[E1000E]["nativeDriver"] == "e1000e"
    assert devices[TWO]["iommuGroup"] == devices["0000:06:00.1"]["iommuGroup"] is not None
    assert devices[E1000E]["iommuGroup"] != devices[NVME]["iommuGroup"]


@pytest.mark.parametrize(
    ("match", "why"),
    [
        (f'address: "{DISK}", id: "1af4:1001"', "is the host's boot disk, root disk"),
        (f'address: "{MANAGEMENT}", id: "1af4:1000"', "is the host's default route, ssh"),
    ],
)
def test_what_a_host_lives_on_is_refused(lab: Lab, match: str, why: str) -> None:
    out = lab.judge(device_policy(match))

    assert "error FP213 device-in-use-by-host" in out
    assert why in out


def test_half_an_iommu_group_is_refused(lab: Lab) -> None:
    out = lab.judge(device_policy(f'address: "{TWO}", id: "8086:10d3"'))

    assert "error FP203 iommu-group-partner" in out
    assert "with 0000:06:00.1, 8086:10d3 (e1000e), which no policy claims" in out


def test_cacheable_by_a_driver_that_the_hosts_lack_is_refused(lab: Lab) -> None:
    rest = "driver: lab_vfio_pci, mapping: cacheable"
    driver = (
        '{module: lab_vfio_pci, driver: lab_vfio_pci, ids: ["1af4:1110"], source: a test module}'
    )

    out = lab.judge(
        device_policy('id: "1af4:1110"', rest),
        DOCUMENT.format(kind="DriverProfile", name="lab", spec=driver),
        DOCUMENT.format(kind="DeviceProfile", name="ivshmem", spec=f"{{{COHERENT}}}"),
    )

    assert "error FP214 no-driver" in out


def test_cacheable_without_dic_is_refused(lab: Lab) -> None:
    out = lab.judge(device_policy('id: "1af4:1110"', "driver: vfio-pci, mapping: cacheable"))

    assert "error FP301 mapping-not-honoured" in out
    assert "host arm-02" in out or "and 1 more host" in out


def test_policy_is_applied_with_a_reboot_and_verified(lab: Lab) -> None:
    planned = lab.run("plan", "--limit", "arm-01", "--out", "lab.fpz")
    assert planned.status == 0, planned.out
    assert "1 of 1 host change (4 to create, 0 to change, 0 to remove); 1 reboot." in planned.out

    said = lab.run("apply", "lab.fpz")

    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1] == "verified"
    words = lab.on("arm-01", "cat /proc/cmdline").split()
    assert {"iommu.passthrough=0", "iommu.strict=1"} <= set(words)
    for address in (E1000E, NVME):
        assert lab.driver_of("arm-01", address) == "vfio-pci"
    assert lab.on("arm-01", "cat /sys/module/vfio_pci/parameters/disable_idle_d3") == "Y\n"


def test_second_apply_changes_nothing(lab: Lab) -> None:
    said = lab.run("apply", "--auto-approve", "--limit", "arm-01")

    assert said.status == 0, said.out + said.err
    assert "Nothing to change on 1 host.\n" in said.out
    assert "No host had to change.\n" in said.out


def test_driver_bound_by_hand_is_found(lab: Lab) -> None:
    device = f"/sys/bus/pci/devices/{E1000E}"
    lab.on(
        "arm-01",
        f"modprobe e1000e; echo {E1000E} > {device}/driver/unbind; echo > {device}/driver_override;"
        f" echo {E1000E} > /sys/bus/pci/drivers/e1000e/bind",
    )

    drifted = lab.run("drift", "--limit", "arm-01", "--detailed-exitcode")
    verified = lab.run("verify", "--limit", "arm-01")

    assert drifted.status == 2
    assert f"why: driver: {E1000E} is e1000e, wanted vfio-pci" in drifted.out
    assert verified.status == 4
    assert "error FP704 driver-not-bound" in verified.out


def test_kernel_of_the_next_era_keeps_foreign_words_and_what_the_policy_means(lab: Lab) -> None:
    lab.on(
        "arm-01",
        "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX mitigations=off\"'"
        " > /etc/default/grub.d/50-site.cfg; update-grub",
    )

    booted = lab.run("lab", "boot", "arm-01", "--kernel", "newest")

    assert booted.status == 0, booted.err
    words = lab.on("arm-01", "cat /proc/cmdline").split()
    assert {"mitigations=off", "iommu.passthrough=0", "iommu.strict=1"} <= set(words)
    assert not words[0].startswith("BOOT_IMAGE=/boot/vmlinuz-6.12")
    drifted = lab.run("drift", "--limit", "arm-01", "--detailed-exitcode")
    assert drifted.status == 0, drifted.out
    assert lab.run("facts", "collect", "--limit", "arm-01").status == 0
    kernel = lab.record("arm-01")["facts"]["kernel"]
    assert (kernel["capabilityOnKvm"], kernel["capabilityOnVm"]) == ("einval", "1")


def test_host_whose_machine_was_killed_is_taken_up_again(lab: Lab) -> None:
    pid = find(lab.fleet / ".lab" / "arm-01")
    assert pid is not None
    kill(pid, lambda: find(lab.fleet / ".lab" / "arm-01") is None)
    assert "arm-01: off\n" in lab.run("lab", "status").out

    said = lab.run("lab", "up", "arm-01")

    assert said.status == 0, said.out + said.err
    assert lab.run("drift", "--limit", "arm-01", "--detailed-exitcode").status == 0


def test_down_ends_and_removes_everything(lab: Lab) -> None:
    assert lab.run("lab", "down").status == 0

    for name in ("arm-01", "arm-02"):
        assert find(lab.fleet / ".lab" / name) is None
        assert not (lab.fleet / ".lab" / name).exists()


def kill(pid: int, is_gone: Callable[[], bool]) -> None:
    os.kill(pid, signal.SIGKILL)
    while not is_gone():
        time.sleep(0.1)
