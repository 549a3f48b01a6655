"""Coherent memory on a host whose kernel changes from era B to era C, and back.

Run by `make test-lab`; the tests build on each other. What was said, and how long it took, is in
.cache/eras-story.txt afterwards.
"""

import shutil
from collections.abc import Iterator

import pytest

from tests.lab.building import lay_out
from tests.lab.story import FLEET, PLATFORM, ROOT, Story, emulated

MEMORY, DRIVER = "0000:01:00.0", "lab_vfio_pci"
HOSTS = """\
all:
  hosts:
    arm-01:
      fleetpolicy_machine:
        kernels: ["6.12", newest]
        cpu: max
        memory: 2GiB
        devices: [{model: ivshmem, size: 64MiB}]
"""
MAPPING = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: memory}
spec:
  match: {device: {id: "1af4:1110"}}
  mapping: cacheable
"""
POLICY = FLEET + PLATFORM + MAPPING
TRAPPED = POLICY + "  onUnsupported: trapped\n"

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Return a fleet of one emulated host, which is ended whatever happens."""
    folder = tmp_path_factory.mktemp("eras-story")
    with emulated(folder, "eras-story", HOSTS, POLICY) as made:
        shutil.copy(ROOT / "tests/lab/policies/lab.yaml", made.fleet / "policies")
        yield made


def measured(story: Story) -> list[str]:
    """Return what the guest's load meets in the memory: as measured, and as predicted."""
    out = story.run("verify", "--measure", "--no-checks").out
    (line,) = (line for line in out.splitlines() if line.startswith(f"arm-01  {MEMORY}  memory"))
    case, *found = line.split(f"{DRIVER}  ")[1].split(maxsplit=1)
    assert case == "load"
    return found


def test_driver_of_a_site_is_known_by_its_alias_on_both_kernels(story: Story) -> None:
    assert story.run("lab", "up").status == 0
    for release in ("6.12", "newest"):
        lay_out(story.fleet.parent / "built", ROOT / "tests/lab/module", release)

    said = story.run("modules", "install", "--from", "built")

    assert said.out == "  arm-01  changed, 2 changed\n", said.out + said.err
    assert story.run("facts", "collect").status == 0
    facts = story.record("arm-01")["facts"]
    aliases = [item for item in facts["vfioAliases"] if item["module"] == DRIVER]
    assert aliases
    assert (facts["cpu"]["fwb"], facts["cpu"]["dic"]) == (True, True)


def test_cacheable_is_refused_on_era_b_with_what_would_go_wrong(story: Story) -> None:
    said = story.run("validate")

    assert said.status == 3
    assert "cannot have cacheable: memory gets Device-nGnRE; kernel 6.12." in said.out
    assert "memory breaks I06 no-noncacheable-guest-alias-of-cacheable-vma" in said.out


def test_trapped_instead_is_applied_and_the_kernel_installs_what_was_predicted(
    story: Story,
) -> None:
    (story.fleet / "policies/fleet.yaml").write_text(TRAPPED)

    said = story.run("apply", "--auto-approve")

    assert said.status == 0, said.out + said.err
    assert "warning FP220 trapped-instead" in said.out
    assert said.out.splitlines()[-1] == "verified"
    assert story.driver_of("arm-01", MEMORY) == DRIVER
    assert measured(story) == ["Device-nGnRE  Device-nGnRE"]


def test_kernel_of_era_c_is_drift_on_the_same_files(story: Story) -> None:
    assert story.run("lab", "boot", "arm-01", "--kernel", "newest").status == 0

    said = story.run("drift", "--detailed-exitcode")

    assert said.status == 2, said.out
    assert "error FP711 mapping-meaning-changed" in said.out
    assert f"why: {MEMORY} region memory: was trapped, is Normal " in said.out
    assert story.run("verify").status == 4
    assert measured(story) == ["Normal, executable  Normal, executable"]


def test_cacheable_by_a_driver_with_dashes_is_applied_on_era_c_and_measured(story: Story) -> None:
    (story.fleet / "policies/fleet.yaml").write_text(POLICY + "  driver: lab-vfio-pci\n")

    said = story.run("apply", "--auto-approve")

    assert said.status == 0, said.out + said.err
    assert said.out.splitlines()[-1] == "verified"
    assert story.driver_of("arm-01", MEMORY) == DRIVER
    assert measured(story) == ["Normal, executable  Normal, executable"]


def test_way_back_to_era_b_is_drift_as_well(story: Story) -> None:
    assert story.run("lab", "boot", "arm-01", "--kernel", "6.12").status == 0

    said = story.run("drift", "--detailed-exitcode")

    assert said.status == 2, said.out
    was = "was Normal (a guest can reach Normal-WB), is Device-nGnRE "
    assert f"why: {MEMORY} region memory: {was}" in said.out
    assert "memory breaks I06 no-noncacheable-guest-alias-of-cacheable-vma" in said.out
