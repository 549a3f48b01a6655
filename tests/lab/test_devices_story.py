"""Virtual functions, and coherent memory on a CPU without DIC, on a host with a real kernel.

Run by `make test-lab`; the tests build on each other. What was said, and how long it took, is in
.cache/devices-story.txt afterwards.
"""

import shutil
import sys
from collections.abc import Iterator

import pytest

from fleetpolicy.emulate.kernels import find_kernel
from fleetpolicy.emulate.modules_build import build_modules
from tests.lab.story import ROOT, Story, emulated

PHYSICAL, FIRST, SECOND = "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
HOSTS = """\
all:
  hosts:
    arm-01:
      fleetpolicy_machine:
        kernels: [newest]
        cpu: cortex-a710
        memory: 2GiB
        devices: [{model: igb}, {model: ivshmem, size: 64MiB}]
"""
FLEET = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: lab}
spec: {memoryMapping: {default: normal-nc}}
---
apiVersion: fleetpolicy/v1alpha1
kind: PlatformProfile
metadata: {name: qemu-virt}
spec:
  match: {vendor: QEMU}
  containment: {attested: true, by: the lab}
  source: QEMU's virt machine, where an error of a device's transaction reaches nobody
"""
VIRTUAL = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: virtual-functions}
spec:
  match: {device: {id: "8086:10ca"}}
  driver: vfio-pci
"""
CACHEABLE = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: memory}
spec:
  match: {device: {id: "1af4:1110"}}
  mapping: cacheable
"""
# What an operator writes to have virtual functions after every boot.
RULE = 'ACTION=="bind", SUBSYSTEM=="pci", DRIVER=="igb", ATTR{sriov_numvfs}="2"'

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Return a fleet of one emulated host, which is ended whatever happens."""
    folder = tmp_path_factory.mktemp("devices-story")
    with emulated(folder, "devices-story", HOSTS, FLEET) as made:
        yield made


def say(line: str) -> None:
    sys.stderr.write(line + "\n")


def driver_of(story: Story, address: str) -> str:
    link = story.on("arm-01", f"readlink /sys/bus/pci/devices/{address}/driver")
    return link.strip().rpartition("/")[2]


def test_virtual_functions_are_facts_once_an_operator_made_them(story: Story) -> None:
    assert story.run("lab", "up").status == 0
    story.on("arm-01", f"echo '{RULE}' > /etc/udev/rules.d/60-site.rules")
    story.on("arm-01", f"echo 2 > /sys/bus/pci/devices/{PHYSICAL}/sriov_numvfs")

    assert story.run("facts", "collect").status == 0

    devices = {item["address"]: item for item in story.record("arm-01")["facts"]["devices"]}
    assert {devices[FIRST]["id"], devices[SECOND]["id"]} == {"8086:10ca"}
    assert devices[FIRST]["iommuGroup"] != devices[SECOND]["iommuGroup"]


def test_cacheable_is_refused_for_want_of_dic_where_a_driver_would_give_it(story: Story) -> None:
    packages = find_kernel("newest", say)
    (built,) = build_modules(ROOT / "tests/lab/module", packages, say)
    place = story.fleet.parent / "built" / packages.release
    place.mkdir(parents=True)
    shutil.copy(built, place)
    assert story.run("modules", "install", "--from", "built").status == 0
    assert story.run("facts", "collect").status == 0
    (story.fleet / "policies/memory.yaml").write_text(CACHEABLE.removeprefix("---\n"))
    profiles = str(ROOT / "tests/lab/policies")

    said = story.run("validate", "--policy", "lab/policies", "--policy", profiles)

    facts = story.record("arm-01")["facts"]
    assert (facts["cpu"]["fwb"], facts["cpu"]["dic"]) == (True, False)
    assert {item["module"] for item in facts["vfioAliases"]} >= {"lab_vfio_pci"}
    assert said.status == 3
    assert "error FP301 mapping-not-honoured" in said.out
    assert "memory gets refused: EINVAL at memslot creation" in said.out
    assert "has no DIC" in said.out
    (story.fleet / "policies/memory.yaml").unlink()


def test_virtual_functions_are_bound_at_the_boot_that_makes_them(story: Story) -> None:
    (story.fleet / "policies/fleet.yaml").write_text(FLEET + VIRTUAL)

    said = story.run("apply", "--auto-approve")

    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1] == "verified"
    assert [driver_of(story, item) for item in (PHYSICAL, FIRST, SECOND)] == [
        "igb",
        "vfio-pci",
        "vfio-pci",
    ]
