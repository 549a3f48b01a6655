"""What lab says of emulated hosts before any of them is made."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleetpolicy.cli import main
from fleetpolicy.emulate.lock import locked
from tests.unit.emulate.emulators import answering

HOSTS = """\
all:
  hosts:
    arm-01: {fleetpolicy_machine: {}}
    arm-02: {fleetpolicy_machine: {cpu: neoverse-n1}}
    plain:
"""

POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: lab}
spec: {memoryMapping: {default: normal-nc}}
"""

pytestmark = pytest.mark.ansible


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "fleet" / "policies").mkdir(parents=True)
    (tmp_path / "fleet" / "policies" / "fleet.yaml").write_text(POLICY)
    (tmp_path / "fleet" / "hosts.yaml").write_text(HOSTS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return "fleet"


def test_status_lists_the_hosts_of_the_lab(fleet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "status", "-i", fleet]) == 0

    assert capsys.readouterr().out == "arm-01: not built\narm-02: not built\n"


def test_down_of_hosts_that_are_not_there_is_fine(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "down", "-i", fleet]) == 0

    assert capsys.readouterr().err == "arm-01: was not built\narm-02: was not built\n"


def test_ssh_without_a_name_asks_for_one(fleet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "ssh", "-i", fleet]) == 3

    assert capsys.readouterr().out == (
        "fleet/hosts.yaml: error FP840 not-an-emulated-host\n"
        "  host arm-01\n"
        "  why: lab ssh is for one host, and there are 2\n"
        "  fix: name one of: arm-01, arm-02\n"
        "  see: docs/lab.md; fleetpolicy explain FP840\n"
        "1 error\n"
    )


def test_ssh_into_a_host_that_is_off_is_refused(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "ssh", "-i", fleet, "arm-01", "true"]) == 3

    assert "why: it does not run\n  fix: run: fleetpolicy lab up\n" in capsys.readouterr().out


def test_lab_of_a_host_that_exists_is_refused(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "up", "-i", fleet, "plain"]) == 3

    assert (
        "why: plain has neither fleetpolicy_model nor fleetpolicy_machine\n"
        in capsys.readouterr().out
    )


def make_folder(name: str, marker: str = '{"format": "fleetpolicy emulated host 1"}') -> Path:
    folder = Path("fleet", ".lab", name)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "host.json").write_text(marker)
    return folder


def test_down_with_a_limit_leaves_what_the_inventory_has_no_more(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder("arm-09")

    assert main(["lab", "status", "-i", fleet, "--limit", "arm-01"]) == 0
    assert main(["lab", "down", "-q", "-i", fleet, "--limit", "arm-01"]) == 0

    assert capsys.readouterr().out == "arm-01: not built\n"
    assert folder.exists()


def test_hosts_that_the_inventory_has_no_more_are_shown_and_taken_down(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder("arm-09")
    others = make_folder("plain")
    Path("fleet", ".lab", "sim-01").mkdir()

    assert main(["lab", "status", "-i", fleet]) == 0
    assert main(["lab", "down", "-q", "-i", fleet]) == 0

    left = "half built; lab up goes on; the inventory has it no more"
    assert capsys.readouterr().out == (
        f"arm-01: not built\narm-02: not built\narm-09: {left}\nplain: {left}\n"
    )
    assert not folder.exists()
    assert not others.exists()
    assert Path("fleet", ".lab", "sim-01").exists()


def test_last_host_that_was_removed_from_the_inventory_is_taken_down_by_name(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_folder("arm-09")
    Path(fleet, "hosts.yaml").write_text("all: {hosts: {plain: }}\n")

    assert main(["lab", "up", "-i", fleet, "arm-09"]) == 3
    assert folder.exists()
    assert main(["lab", "down", "-i", fleet, "arm-09"]) == 0

    assert capsys.readouterr().err == "arm-09: removed\n"
    assert not folder.exists()


def test_down_goes_on_after_a_host_that_cannot_be_removed(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = make_folder("arm-01", "{}")
    ours = make_folder("arm-02")

    assert main(["lab", "down", "-i", fleet]) == 3

    said = capsys.readouterr()
    assert said.err == "arm-02: removed\n"
    assert "error FP835 no-lab-folder\n  host arm-01\n" in said.out
    assert (foreign.exists(), ours.exists()) == (True, False)


def test_lab_asks_for_no_policy(fleet: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(fleet, "policies", "fleet.yaml").write_text("kind: FleetPolicy\n")

    assert main(["lab", "status", "-i", fleet]) == 0
    assert main(["lab", "down", "-i", fleet, "-q"]) == 0

    assert capsys.readouterr() == ("arm-01: not built\narm-02: not built\n", "")


def test_status_is_written_to_the_file_that_is_asked_for(
    fleet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "status", "-i", fleet, "arm-01", f"--output=text={tmp_path}/lab.txt"]) == 0

    assert (tmp_path / "lab.txt").read_text() == "arm-01: not built\n"
    assert capsys.readouterr().out == ""


def test_logs_of_a_host_that_was_never_started_say_so(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "logs", "-i", fleet, "arm-01"]) == 0

    assert capsys.readouterr() == ("", "arm-01: has printed nothing: not built\n")


def test_memory_that_no_machine_has_is_refused_before_anything_is_made(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = "fleetpolicy_machine: {memory: 900TiB}"
    Path(fleet, "hosts.yaml").write_text(f"all: {{hosts: {{arm-01: {{{machine}}}}}}}\n")

    assert main(["lab", "up", "-i", fleet]) == 3

    said = capsys.readouterr()
    assert said.err == ""
    assert "error FP832 no-memory-for-host\n  host arm-01\n" in said.out
    assert "why: 943,718,912 MiB are needed and " in said.out
    assert [path.name for path in Path(fleet, ".lab").iterdir()] == [".arm-01.lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_interrupt_names_the_emulator_that_works_on(fleet: str, number: signal.Signals) -> None:
    folder = make_folder("arm-01")
    with answering(folder, "running") as pid, locked(folder):
        command = [sys.executable, "-m", "fleetpolicy", "lab", "up", "-i", fleet]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            waiting = process.stderr.readline()
            process.send_signal(number)
            rest = process.stderr.read()

    assert waiting.startswith("waiting for process ")
    assert process.returncode == 130
    assert rest == (
        f"arm-01: QEMU works on as process {pid}; lab up waits for it, lab down ends it\n"
        "interrupted; nothing is half-written, run the command again\n"
    )


def test_finding_of_the_cache_names_the_host_that_it_came_up_with(
    fleet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The interpreter that reads the inventory is named by its path.
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["lab", "up", "-q", "-i", fleet]) == 3

    assert "FP811 package-not-to-be-had\n  hosts arm-01, arm-02\n" in capsys.readouterr().out
