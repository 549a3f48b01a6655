import shutil
from pathlib import Path

import pytest

from fleetpolicy.cli import main

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    ignored = shutil.ignore_patterns(".lab")
    shutil.copytree(TESTS.parent / "inventories" / "demo", tmp_path / "fleet", ignore=ignored)
    shutil.copytree(TESTS / "fleet" / "facts", tmp_path / "fleet" / "facts")
    monkeypatch.chdir(tmp_path)
    return "fleet"


@pytest.mark.ansible
@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            ["gh-01", "iommu.strict"],
            (
                "kernel command line of gh-01: iommu.strict=1\n"
                '    fleet/policies/fleet.yaml:14:21: iommu.strict: "1"\n'
            ),
        ),
        (
            ["gh-01", "vfio_pci.disable_idle_d3"],
            (
                "module parameter of gh-01: vfio_pci.disable_idle_d3=Y\n"
                '    fleet/policies/fleet.yaml:16:33: vfio_pci: {disable_idle_d3: "Y"}\n'
            ),
        ),
        (
            ["gh-01", "hostdev/driver"],
            (
                "trainer: devices[1]/hostdev[1]/driver[1]: <driver model='nvgrace_gpu_vfio_pci'>\n"
                "    fleet/policies/devices.yaml:9:11: driver: auto # nvgrace_gpu_vfio_pci: "
                "its alias fits best\n"
            ),
        ),
        (
            ["gh-01", "trainer/vcpu"],
            (
                "trainer: vcpu[1]: <vcpu placement='static'>64\n"
                "    fleet/policies/guests.yaml:9:10: vcpus: 64\n"
            ),
        ),
        (
            ["gh-01", "hostdev/acpi"],
            (
                "trainer: devices[1]/hostdev[1]/acpi[1]: <acpi nodeset='1-8'>\n"
                "    catalogue/devices.yaml:15:26\n"
            ),
        ),
    ],
)
def test_explain_names_the_line_behind_a_setting(
    what: list[str], said: str, fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-q", "-i", fleet, *what]) == 0

    assert capsys.readouterr().out == said


@pytest.mark.accepts("FP606")
@pytest.mark.ansible
def test_explain_of_a_device_says_which_policy_wins(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-q", "-i", fleet, "n1-01", "0001:01:00.0"]) == 0

    assert capsys.readouterr().out.splitlines()[:3] == [
        "0001:01:00.0 (144d:a80a) on n1-01",
        "wins: DevicePolicy nvme-passthrough, priority 0",
        '    fleet/policies/devices.yaml:18:13: device: {class: "0108"}',
    ]


@pytest.mark.ansible
def test_rollout_and_exceptions_are_explained(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "-i", fleet, "rollout"]) == 0
    assert main(["explain", "-i", fleet, "exceptions"]) == 0

    assert capsys.readouterr().out == ("the policy has no Rollout\nthe policy has no Exception\n")
