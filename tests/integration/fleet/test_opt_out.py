"""The global opt-out by the driver, as an operator lives with it: on, upgraded away, off."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.cli import main

NVME = "0001:01:00.0"
HOST = """\
all:
  hosts:
    n1-01:
      fleetpolicy_model:
        arch: aarch64
        kernel: 6.12.107+deb13-arm64
        kernels:
          6.12.107+deb13-arm64:
            normalNcMarker: true
            cacheableCapability: unknown
            modules: [vfio_pci, optout_vfio_pci]
            signaturesEnforced: true
          7.3.4-arm64:
            normalNcMarker: true
            cacheableCapability: known
            modules: [vfio_pci]
        cpu: {model: Neoverse-N1, fwb: false, dic: false}
        firmware: {vendor: Demo Systems, product: Scale-out Server}
        devices:
          - address: "0001:01:00.0"
            id: "144d:a80a"
            class: "010802"
            nativeDriver: nvme
            iommuGroup: 3
            regions: [{index: 0, size: 16KiB}]
"""
POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec:
  memoryMapping: {default: normal-nc, globalOptOut: true}
---
apiVersion: fleetpolicy/v1alpha1
kind: PlatformProfile
metadata: {name: demo-systems}
spec:
  match: {vendor: Demo Systems}
  containment: {attested: true, by: demo fleet operator}
  source: The example fleet of the tests
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec:
  match: {device: {address: "0001:01:00.0"}}
"""

pytestmark = pytest.mark.ansible
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fleet under the opt-out; tests take copies of it."""
    folder = tmp_path_factory.mktemp("opt-out") / "fleet"
    (folder / "policies").mkdir(parents=True)
    (folder / "hosts.yaml").write_text(HOST)
    (folder / "policies/fleet.yaml").write_text(POLICY)
    assert main(["apply", "-q", "-i", str(folder), "--auto-approve"]) == 0
    return folder


@pytest.fixture
def fleet(deployed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(deployed, tmp_path / "fleet", symlinks=True))


@pytest.fixture
def root(fleet: Path) -> Path:
    return fleet / ".lab/n1-01"


@pytest.fixture
def run(fleet: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main([words[0], "-q", "-i", str(fleet), *words[1:]])
        return status, capsys.readouterr().out

    return run


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def driver_of(root: Path) -> str:
    return (root / "sys/bus/pci/devices" / NVME / "driver").resolve().name


def choice_of(root: Path) -> Path:
    return root / "sys/bus/pci/devices" / NVME / "stage2/configured"


def test_opt_out_is_on_the_command_line_in_modprobe_d_and_bound(root: Path, run: Run) -> None:
    assert "optout_vfio_pci.stage2=device" in (root / "proc/cmdline").read_text().split()
    options = (root / "etc/modprobe.d/fleetpolicy.conf").read_text()
    assert "options optout_vfio_pci stage2=device\n" in options
    assert driver_of(root) == "optout_vfio_pci"
    assert choice_of(root).read_text() == "device\n"
    assert run("plan", "--detailed-exitcode") == (0, "Nothing to change on 1 host.\n")


def test_opt_out_that_somebody_undid_for_a_device_is_not_verified(root: Path, run: Run) -> None:
    choice_of(root).write_text("normal-nc\n")

    status, text = run("verify", "--no-checks")

    assert status == 4
    assert f"why: {NVME} region bar0: wanted Device-nGnRE, got Normal-NC" in text


def test_opt_out_that_the_next_kernel_cannot_carry_is_found_before_it_boots(
    fleet: Path, root: Path, run: Run
) -> None:
    edit(root / "boot/grub/grubenv", "6.12.107+deb13-arm64", "7.3.4-arm64")

    status, text = run("drift", "--detailed-exitcode")

    assert status == 2
    assert "error FP716 next-kernel-lacks-driver" in text

    edit(fleet / "policies/fleet.yaml", "true}", 'true}\n  kernel: {parameters: {quiet: ""}}')
    status, text = run("plan")
    assert status == 3
    assert "error FP506 boot-would-lose-driver" in text


def test_opt_out_that_a_kernel_upgrade_took_away_is_not_verified(root: Path, run: Run) -> None:
    assert run("lab", "boot", "n1-01", "--kernel", "7.3.4-arm64")[0] == 0

    status, text = run("verify", "--no-checks")

    assert driver_of(root) != "optout_vfio_pci"
    assert status != 0
    assert "error FP215 no-opt-out-mechanism" in text


def test_opt_out_that_ends_leaves_nothing_behind(fleet: Path, root: Path, run: Run) -> None:
    edit(fleet / "policies/fleet.yaml", "globalOptOut: true", "globalOptOut: false")

    status, text = run("apply", "--auto-approve", "--no-checks")

    assert status == 0
    assert text.endswith("verified\n")
    assert "optout" not in (root / "proc/cmdline").read_text()
    assert driver_of(root) == "vfio-pci"
    assert not choice_of(root).exists()
