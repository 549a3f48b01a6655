"""Virtual functions, and coherent memory on a CPU without DIC, on a host with a real kernel.

Run by `make test-lab`; the tests build on each other. What was said, and how long it took, is in
.cache/devices-story.txt afterwards.
"""

from collections.abc import Iterator

import pytest

from tests.lab.building import lay_out
from tests.lab.story import FLEET, PLATFORM, ROOT, Story, emulated

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
    with emulated(folder, "devices-story", HOSTS, FLEET + PLATFORM) as made:
        yield made


def test_virtual_functions_are_facts_once_an_operator_made_them(story: Story) -> None:
    assert story.run("lab", "up").status == 0
    story.on("arm-01", f"echo '{RULE}' > /etc/udev/rules.d/60-site.rules")
    story.on("arm-01", f"echo 2 > /sys/bus/pci/devices/{PHYSICAL}/sriov_numvfs")

    assert story.run("facts", "collect").status == 0

    devices = {item["address"]: item for item in story.record("arm-01")["facts"]["devices"]}
    assert {devices[FIRST]["id"], devices[SECOND]["id"]} == {"8086:10ca"}
    assert devices[FIRST]["iommuGroup"] != devices[SECOND]["iommuGroup"]


def test_cacheable_is_refused_for_want_of_dic_where_a_driver_would_give_it(story: Story) -> None:
    lay_out(story.fleet.parent / "built", ROOT / "tests/lab/module", "newest")
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
    (story.fleet / "policies/fleet.yaml").write_text(FLEET + PLATFORM + VIRTUAL)

    said = story.run("apply", "--auto-approve")

    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1] == "verified"
    assert [story.driver_of("arm-01", item) for item in (PHYSICAL, FIRST, SECOND)] == [
        "igb",
        "vfio-pci",
        "vfio-pci",
    ]
