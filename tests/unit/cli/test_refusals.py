"""What the run as a whole refuses, each with its whole finding."""

import shutil
import sys
from io import StringIO
from pathlib import Path

import pytest

from fleetpolicy.cli import main

TESTS = Path(__file__).resolve().parents[2]
DEMO = TESTS.parent / "inventories" / "demo"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the demo fleet with recorded facts and no simulated hosts built."""
    shutil.copytree(DEMO, tmp_path / "fleet", ignore=shutil.ignore_patterns(".lab"))
    shutil.copytree(TESTS / "fleet" / "facts", tmp_path / "fleet" / "facts")
    monkeypatch.chdir(tmp_path)
    return Path("fleet")


@pytest.mark.shows("FP606")
@pytest.mark.ansible
def test_simulate_of_an_unknown_host_suggests_a_name(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "-i", str(fleet), "gh-0l"]) == 3

    assert capsys.readouterr().out == (
        "fleet/hosts.yaml: error FP606 nothing-of-that-name\n"
        "  why: it has no host gh-0l\n"
        "  fix: write gh-03\n"
        "  see: docs/command-line.md; fleetpolicy explain FP606\n"
        "1 error\n"
    )


@pytest.mark.shows("FP605")
@pytest.mark.ansible
def test_plan_offline_without_facts_is_refused(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(fleet / "facts")

    assert main(["plan", "-i", str(fleet), "--offline"]) == 3

    assert capsys.readouterr().out.startswith(
        "fleet/hosts.yaml: error FP605 facts-need-a-look\n"
        "  why: no facts are recorded for 8 hosts, and --offline forbids a look\n"
        "  fix: run: fleetpolicy facts collect -i fleet/hosts.yaml\n"
    )


@pytest.mark.shows("FP603")
@pytest.mark.ansible
def test_apply_without_approval_is_refused_and_nothing_is_written(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "-q", "-i", str(fleet), "--limit", "old-01"]) == 6

    assert (
        "fleet/hosts.yaml: error FP603 apply-not-approved\n  why: there is no terminal to ask at\n"
    ) in capsys.readouterr().out
    assert not (fleet / ".lab/old-01/etc/modprobe.d/fleetpolicy.conf").exists()


@pytest.mark.shows("FP607")
@pytest.mark.ansible
def test_lab_of_hosts_that_are_real_is_refused(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(fleet / "group_vars")

    assert main(["lab", "up", "-i", str(fleet)]) == 3

    assert capsys.readouterr().out.splitlines()[:2] == [
        "fleet/hosts.yaml: error FP607 not-a-simulated-host",
        "  why: none of its hosts has the variable fleetpolicy_model or fleetpolicy_machine",
    ]


@pytest.mark.shows("FP163")
@pytest.mark.ansible
def test_inventory_reader_that_cannot_start_is_told(
    fleet: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Path("broken/ansible")
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no ansible here')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent.resolve()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("cache").resolve()))

    assert main(["validate", "-i", str(fleet)]) == 3

    said = capsys.readouterr().out
    assert "error FP163 inventory-reader-failed" in said
    assert "no ansible here" in said


def test_age_that_is_none_is_refused_whether_facts_are_recorded_or_not(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(fleet / "facts")

    assert main(["validate", "-i", str(fleet), "--max-age", "30"]) == 64

    assert capsys.readouterr().out.startswith(
        "--max-age: error FP654 bad-age\n"
        "  why: it is '30'\n"
        "  fix: write an age such as 36h or 30d\n"
    )


@pytest.mark.ansible
@pytest.mark.accepts("FP607", "FP840")
def test_lab_of_simulated_hosts_tells_their_status(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "status", "-i", str(fleet), "--limit", "old-01"]) == 0

    assert capsys.readouterr().out == "old-01: not built\n"


@pytest.mark.ansible
@pytest.mark.shows("FP603")
def test_apply_that_somebody_refuses_writes_nothing(
    fleet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = StringIO("no\n")
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", answers)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    assert main(["apply", "-q", "-i", str(fleet), "--limit", "old-01"]) == 6

    assert not Path("fleet/.lab/old-01/etc/fleetpolicy").exists()


@pytest.mark.ansible
@pytest.mark.shows("FP602")
def test_plan_of_an_inventory_that_is_not_here_is_refused(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["plan", "-q", "-i", str(fleet), "--limit", "old-01", "--out", "old.fpz"]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert main(["apply", "../old.fpz"]) == 6


@pytest.mark.ansible
@pytest.mark.shows("FP606")
def test_explain_of_a_host_that_policy_skips_says_why(fleet: Path) -> None:
    policy = fleet / "policies" / "fleet.yaml"
    policy.write_text(policy.read_text().replace("onUnsupported: fail", "onUnsupported: skip-host"))
    record = fleet / "facts" / "gh-01.json"
    record.write_text(record.read_text().replace('"fwb":true', '"fwb":false'))

    assert main(["explain", "-i", str(fleet), "gh-01"]) == 3


@pytest.mark.shows("FP606")
def test_schema_of_a_kind_like_no_other_lists_all() -> None:
    assert main(["schema", "Xyzzy"]) == 64


@pytest.mark.ansible
@pytest.mark.shows("FP840")
def test_lab_logs_of_a_simulated_host_is_refused(fleet: Path) -> None:
    assert main(["lab", "logs", "-i", str(fleet), "--limit", "old-01"]) == 3
