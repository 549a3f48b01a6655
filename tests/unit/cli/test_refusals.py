"""What the run as a whole refuses, each with its whole finding."""

import shutil
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


@pytest.mark.ansible
def test_apply_without_approval_is_refused_and_nothing_is_written(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", "-q", "-i", str(fleet), "--limit", "old-01"]) == 6

    assert (
        "fleet/hosts.yaml: error FP603 apply-not-approved\n  why: there is no terminal to ask at\n"
    ) in capsys.readouterr().out
    assert not (fleet / ".lab/old-01/etc/modprobe.d/fleetpolicy.conf").exists()


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
