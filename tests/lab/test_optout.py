"""Hold the driver that withholds Normal-NC to what is said of it, on real kernels."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.cells import NETWORK_CARD, SHARED_MEMORY
from fleetpolicy.emulate.kernels import ARCH, ERA_RELEASES, NEWEST, find_kernel
from fleetpolicy.emulate.modules_build import build_modules, provide_headers
from fleetpolicy.emulate.toolchain import PREFIX, provide_toolchain
from fleetpolicy.pipeline.measuring import Matrix, Measured, measure_matrix
from tests.integration.consumers.programs import needs
from tests.lab.building import say
from tests.lab.optout import DRIVER, KERNEL, told_by, with_driver

pytestmark = pytest.mark.lab

CPUS = ("max", "cortex-a710", "neoverse-n1")
DEVICE, NORMAL_NC = "Device-nGnRE", "Normal-NC"
ERAS = ("era-a", "era-b", "era-c")


def matrix(parameters: str, **changes: Any) -> Matrix:
    bindings = ((NETWORK_CARD, DRIVER), (SHARED_MEMORY, DRIVER))
    made = Matrix(ERA_RELEASES, CPUS, ((KERNEL, parameters),), bindings, (), 600.0, anew=False)
    return replace(made, **changes)


def measured(asked: Matrix) -> dict[tuple[str, str], set[str]]:
    """Demand that all is as predicted, and return what loads meet, by era and device."""
    cells = list(measure_matrix(asked, say))
    assert [item.why for cell in cells for item in cell.judged.findings] == []
    assert len(cells) == len(asked.kernels) * len(asked.cpus)
    found: dict[tuple[str, str], set[str]] = {}
    for cell in cells:
        for device, what in _loads(cell):
            found.setdefault((cell.judged.profile, device), set()).add(what)
    return found


def _loads(cell: Measured) -> list[tuple[str, str]]:
    return [
        (item.device, item.measured)
        for item in cell.judged.comparisons
        if item.case == "load" and item.region != "RAM"
    ]


# Every kernel that the mirrors have headers of, and other ways to build the newest.
BUILDS = (
    *((release, ARCH) for release in (*ERA_RELEASES, "7.2")),
    *((NEWEST, flavour) for flavour in ("arm64-16k", "rt-arm64")),
)


@pytest.mark.parametrize(("release", "flavour"), BUILDS)
def test_module_is_built_without_a_warning(release: str, flavour: str) -> None:
    words = ("W=1", "KCFLAGS=-Werror")

    built = build_modules(KERNEL, find_kernel(release, say, flavour), say, words)

    assert [path.name for path in built] == [f"{DRIVER}.ko"]


def test_kernel_that_asks_for_another_consent_fails_the_build() -> None:
    # As with a vendor's kernel whose KVM knows Normal-NC, and whose mappings have another flag.
    with pytest.raises(FleetPolicyError) as raised:
        build_modules(KERNEL, find_kernel("6.1", say), say, ("KCFLAGS=-DHAVE_NORMAL_NC",))

    assert "this kernel marks mappings in another way" in raised.value.diagnostics[0].why


def test_dkms_builds_it_for_a_kernel(tmp_path: Path) -> None:
    packages = find_kernel(NEWEST, say)
    toolchain = provide_toolchain(say)
    headers = provide_headers(packages, toolchain, say)
    source = tmp_path / "src" / "optout-vfio-pci-0.1.0"
    source.mkdir(parents=True)
    for name in ("dkms.conf", "Kbuild", "Makefile", "optout_vfio_pci.c"):
        shutil.copy(KERNEL / name, source)
    environment = {
        **os.environ,
        "ARCH": "arm64",
        "CROSS_COMPILE": PREFIX,
        # Debian's headers bring pahole along; the unpacked ones are without it.
        "MAKEFLAGS": "CONFIG_DEBUG_INFO_BTF_MODULES=",
        "PATH": f"{toolchain.programs}:{os.environ['PATH']}",
    }
    words = f"build -m optout-vfio-pci -v 0.1.0 -k {packages.release} -a aarch64 --no-depmod"
    trees = f"--dkmstree {tmp_path} --sourcetree {tmp_path}/src --kernelsourcedir {headers}"

    done = subprocess.run(
        [needs("dkms"), *words.split(), *trees.split()],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = tmp_path.glob("optout-vfio-pci/0.1.0/*/aarch64/module/optout_vfio_pci.ko")
    assert f"vermagic={packages.release} ".encode() in built.read_bytes()


CARD, MEMORY = "0000:01:00.0", "0000:02:00.0"


@pytest.mark.parametrize(
    "parameters",
    [
        # What holds for all is measured on the memory, what one device has by its id on the card.
        f"stage2=device devices={NETWORK_CARD}=normal-nc",
        # The other way round, and by address.
        f"stage2=normal-nc devices={MEMORY}=device",
    ],
)
def test_every_kernel_installs_what_the_parameters_say(parameters: str) -> None:
    found = measured(matrix(parameters))

    assert found == {
        # Before 6.9 there is nothing to withhold.
        **{("era-a", device): {DEVICE} for device in (CARD, MEMORY)},
        **{(era, CARD): {NORMAL_NC} for era in ERAS[1:]},
        **{(era, MEMORY): {DEVICE} for era in ERAS[1:]},
    }


@pytest.fixture(scope="module", params=ERA_RELEASES)
def faults(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what came of mistreating the driver on a kernel."""
    bindings = ((NETWORK_CARD, DRIVER), (SHARED_MEMORY, DRIVER))
    kernel = find_kernel(request.param, say)
    found = told_by(kernel, with_driver(kernel, "optout_programs.faults", bindings))
    found["knowsConsent"] = request.param != ERA_RELEASES[0]
    return found


def test_list_that_is_none_is_refused_and_the_one_before_stays(faults: dict[str, Any]) -> None:
    assert faults["badList"] == {
        "answers": ["EINVAL"] * 7,
        "kept": "8086:10d3=normal-nc",
        "badType": "EINVAL",
        "long": "ok",
        "longIsShown": True,
        "empty": "",
    }


def test_id_does_not_bind_a_device_and_an_override_does(faults: dict[str, Any]) -> None:
    assert faults["byId"] == {
        "answers": ["ok", "ok"],
        "noOther": [True, True],
        "overridden": True,
        "refusals": 2,
    }


def test_address_goes_before_id_and_id_before_the_default(faults: dict[str, Any]) -> None:
    assert faults["perDevice"] == {
        "byId": ["normal-nc", "device"],
        "byAddress": ["device", "device"],
        "byDefault": ["device", "normal-nc"],
    }


def test_open_device_keeps_its_choice_until_it_is_opened_anew(faults: dict[str, Any]) -> None:
    found = faults["whileOpen"]

    assert found["closed"] == ["device", "none"]
    assert found["opened"] == ["device", "device"]
    assert found["changed"] == ["normal-nc", "device"]
    assert found["reopened"] == ["normal-nc", "normal-nc"]
    assert found["flags"] == [False, False, faults["knowsConsent"]]
    assert found["log"][0] == (
        f"{DRIVER}: stage2 changed: it applies when a device is opened next; 1 open now keep theirs"
    )


def test_guest_that_runs_keeps_its_mapping_when_the_parameter_changes(
    faults: dict[str, Any],
) -> None:
    found = faults["runningGuest"]
    before, after = found["entries"]

    assert (found["run"], before["memattr"]) == ("ok", 0b0001)
    assert after == before


def test_device_has_one_choice_whenever_the_parameter_changes(faults: dict[str, Any]) -> None:
    found = faults["race"]
    consents = faults["knowsConsent"]

    assert (found["opened"], found["active"]) == (200, "none")
    assert found["seen"] == [["device", False, False], ["normal-nc", consents, consents]]


def test_module_in_use_cannot_be_unloaded(faults: dict[str, Any]) -> None:
    assert faults["unloadInUse"] == {"answer": "EAGAIN", "stillThere": True}


def test_thousand_cycles_leave_nothing_behind(faults: dict[str, Any]) -> None:
    found = faults["cycles"]

    # A leak costs an object per cycle; the kernel frees some of its mappings later than that.
    assert found["cycles"] == 1000
    assert [name for name, by in found["grown"].items() if by >= 1000] == []
    assert (found["references"], found["active"], found["warnings"]) == (0, "none", [])


def test_removal_of_a_mapped_device_waits_for_its_owner(faults: dict[str, Any]) -> None:
    assert faults["removedWhileMapped"] == {
        "waits": True,
        "ended": True,
        "gone": True,
        "isBack": True,
        "warnings": [],
    }


def test_value_that_is_none_keeps_the_module_out_and_the_device_without_a_driver(
    faults: dict[str, Any],
) -> None:
    assert faults["badValue"] == {
        "unloaded": "ok",
        "answers": [
            *("EINVAL", "without a driver") * 3,
            *("ok", "bound"),
        ],
    }
