from pathlib import Path

import pytest

from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.fleet import Setting
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.plan import Check
from fleetpolicy.verify import run_checks
from fleetpolicy.verify.rules import CHECKS_NOT_RUN
from tests.unit.plan.fleets import (
    DROP_IN,
    MODPROBE,
    NVME,
    POLICY,
    make_artifacts,
    make_class,
    make_fleet,
    make_planning,
    make_record,
)
from tests.unit.verify.roots import make_inventory, make_root

FILES = "test_host.py::test_files_have_the_rendered_content_and_mode"
WORDS = "test_host.py::test_kernel_was_booted_with_the_words_of_the_policy"
DRIVERS = "test_host.py::test_devices_are_bound_to_their_drivers"

SITE_CHECKS = """
import pytest

def test_file(host, policy_host, record):
    assert host.file("/proc/cmdline").exists
    assert record.host == policy_host.name
    assert record.facts.arch == "aarch64"

@pytest.mark.parametrize("number", [1, 2])
def test_number(host, number):
    assert number == 1

def test_of_the_fleet():
    pass

def test_left_out():
    pytest.skip("not today")
"""


def run(folder: Path, *names: str, checks: Path | None = None) -> dict[tuple[str, str], Check]:
    records = [make_record(name) for name in names]
    made = make_planning(make_fleet(make_class(), *names or ("none",)), records, make_artifacts())
    inventory = make_inventory(folder, *names)
    found = run_checks(inventory, made.fleet, made.rendering, made.records, checks)
    assert list(found) == sorted(found, key=lambda check: (check.host, check.name))
    return {(check.host, check.name): check for check in found}


def write_checks(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "test_site.py").write_text(text)
    return folder


def test_shipped_checks_pass_on_a_host_as_rendered_and_tell_what_is_wrong_on_another(
    tmp_path: Path,
) -> None:
    make_root(tmp_path / "good")
    bad = make_root(tmp_path / "bad", driver="nvme")
    (bad / DROP_IN.lstrip("/")).unlink()
    (bad / MODPROBE.lstrip("/")).chmod(0o600)
    (bad / "proc/cmdline").write_text("xiommu.passthrough=1\n")

    found = run(tmp_path, "good", "bad")

    assert sorted(found) == [
        (host, name) for host in ("bad", "good") for name in (DRIVERS, FILES, WORDS)
    ]
    assert all(check.passed for (host, _), check in found.items() if host == "good")
    assert found["bad", DRIVERS].message == f"{NVME}: bound to nvme, wanted vfio-pci"
    assert found["bad", WORDS].message == "/proc/cmdline lacks iommu.passthrough=1"
    missing, mode = found["bad", FILES].message.splitlines()
    assert missing.startswith(f"{DROP_IN}: sha256 unreadable, rendered ")
    assert mode == f"{MODPROBE}: mode 600, rendered 644"


@pytest.mark.accepts("FP709")
def test_site_checks_get_host_expectation_and_record(tmp_path: Path) -> None:
    make_root(tmp_path / "a")
    make_root(tmp_path / "b")
    checks = write_checks(tmp_path / "checks", SITE_CHECKS)

    found = run(tmp_path, "a", "b", checks=checks)

    own = {key: check.passed for key, check in found.items() if "test_site.py" in key[1]}
    assert own == {
        ("a", "test_site.py::test_file"): True,
        ("a", "test_site.py::test_number[1]"): True,
        ("a", "test_site.py::test_number[2]"): False,
        ("b", "test_site.py::test_file"): True,
        ("b", "test_site.py::test_number[1]"): True,
        ("b", "test_site.py::test_number[2]"): False,
        ("fleet", "test_site.py::test_of_the_fleet"): True,
    }
    assert "assert 2 == 1" in found["a", "test_site.py::test_number[2]"].message


def test_site_check_that_cannot_be_imported_fails(tmp_path: Path) -> None:
    make_root(tmp_path / "a")
    checks = write_checks(tmp_path / "checks", "import no_such_module\n")

    found = run(tmp_path, "a", checks=checks)

    (broken,) = (check for check in found.values() if not check.passed)
    assert (broken.host, broken.name) == ("fleet", "test_site.py")
    assert "No module named 'no_such_module'" in broken.message


def test_site_check_whose_preparation_fails_is_a_failure(tmp_path: Path) -> None:
    make_root(tmp_path / "a")
    text = "def test_file(host, no_such_fixture):\n    pass\n"

    found = run(tmp_path, "a", checks=write_checks(tmp_path / "checks", text))

    assert not found["a", "test_site.py::test_file"].passed


def test_configuration_of_the_users_repository_does_not_interfere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_root(tmp_path / "a")
    checks = write_checks(tmp_path / "checks", "def test_file(host):\n    pass\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not mine')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.chdir(tmp_path)

    found = run(tmp_path, "a", checks=checks)

    assert len(found) == 4
    assert all(check.passed for check in found.values())
    assert not list(tmp_path.rglob("__pycache__"))
    assert not list(tmp_path.rglob(".pytest_cache"))


@pytest.mark.shows("FP709")
def test_checks_that_break_off_are_an_error_with_the_end_of_their_output(tmp_path: Path) -> None:
    make_root(tmp_path / "a")
    text = "import os\ndef test_a():\n    os.write(2, b'gone\\n'); os._exit(7)\n"
    checks = write_checks(tmp_path / "checks", text)

    with pytest.raises(FleetPolicyError) as caught:
        run(tmp_path, "a", checks=checks)

    (finding,) = caught.value.diagnostics
    assert caught.value.status is ExitStatus.STOPPED
    assert finding.rule is CHECKS_NOT_RUN
    assert finding.why.splitlines()[0] == "pytest ended with status 7"


@pytest.mark.ansible
def test_checks_reach_a_real_host_as_the_inventory_says(tmp_path: Path) -> None:
    source = tmp_path / "hosts.ini"
    source.write_text("here ansible_connection=local ansible_become=false\n")
    setting = Setting("fleetpolicy.no_such_word", "1", POLICY)
    made = make_planning(make_fleet(make_class(settings=(setting,)), "here"), [make_record("here")])
    host = InventoryHost("here", ("all",), {}, "/", None)
    names = frozenset({"here"})
    inventory = Inventory(Span(str(source)), {"here": host}, names, frozenset({"all"}), {})

    found = run_checks(inventory, made.fleet, made.rendering, made.records)

    messages = {check.name: check.message for check in found}
    assert messages == {
        DRIVERS: f"{NVME}: bound to no driver, wanted vfio-pci",
        FILES: "",
        WORDS: "/proc/cmdline lacks fleetpolicy.no_such_word=1",
    }


def test_checks_without_hosts_start_nothing(tmp_path: Path) -> None:
    assert run(tmp_path) == {}
