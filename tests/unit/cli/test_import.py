"""What `import` writes holds against the facts that it was written from."""

import json
import shutil
from pathlib import Path

import pytest

from fleetpolicy.cli import main

FACTS = Path(__file__).resolve().parents[2] / "fleet" / "facts"


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return recorded facts of one host that has given a drive to VFIO."""
    monkeypatch.chdir(tmp_path)
    record = json.loads((FACTS / "n1-01.json").read_text())
    record["collectedAt"] = "2026-11-25T00:00:00Z"
    record["state"]["bindings"]["0001:01:00.0"] = {"driver": "vfio-pci", "override": None}
    folder = tmp_path / "facts"
    folder.mkdir()
    (folder / "n1-01.json").write_text(json.dumps(record))
    return Path("facts")


def test_import_writes_a_policy_that_holds(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "--facts", str(facts), "-o", "first.yaml"]) == 0

    said = capsys.readouterr().out
    assert said.endswith("wrote first.yaml\nwritten from 1 host; a plan would change 1\n")
    assert "first.yaml:15:12: warning FP302 containment-not-attested\n  host n1-01\n" in said
    assert main(["fmt", "--check", "first.yaml"]) == 0
    assert main(["validate", "first.yaml"]) == 0


@pytest.mark.accepts("FP645")
def test_import_prints_the_policy_and_nothing_else(
    facts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "--facts", str(facts)]) == 0

    told = capsys.readouterr()
    assert told.out == (
        "# What 1 host had when facts were recorded (2026-11-25).\n"
        "apiVersion: fleetpolicy/v1alpha1\n"
        "kind: FleetPolicy\n"
        "metadata: {name: imported}\n"
        "spec: {}\n"
        "---\n"
        "# Others of 144d:a80a are not bound like this: 0001:02:00.0 of n1-01.\n"
        "apiVersion: fleetpolicy/v1alpha1\n"
        "kind: DevicePolicy\n"
        'metadata: {name: "144d-a80a-at-0001-01-00.0"}\n'
        "spec:\n"
        "  match:\n"
        '    device: {id: "144d:a80a", address: "0001:01:00.0"}\n'
        "  driver: vfio-pci # bound now on n1-01\n"
        "  mapping: normal-nc # what the running kernel gives\n"
    )
    assert told.err.endswith("written from 1 host; a plan would change 1\n")


@pytest.mark.shows("FP644")
def test_import_overwrites_nothing(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("first.yaml").write_text("mine\n")

    assert main(["import", "--facts", str(facts), "-o", "first.yaml"]) == 3

    assert capsys.readouterr().out == (
        "first.yaml: error FP644 file-exists-already\n"
        "  why: first.yaml is there already\n"
        "  fix: name another file, or move it away\n"
        "  see: docs/command-line.md; fleetpolicy explain FP644\n"
        "1 error\n"
    )
    assert Path("first.yaml").read_text() == "mine\n"


def test_import_into_a_folder_that_is_not_there_says_so(
    facts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "--facts", str(facts), "-o", "no/first.yaml"]) == 3

    assert capsys.readouterr().out == (
        "no/first.yaml: error FP642 file-not-written\n"
        "  why: no such file or directory\n"
        "  fix: make the folder, and make it writable\n"
        "  see: docs/command-line.md; fleetpolicy explain FP642\n"
        "1 error\n"
    )


@pytest.mark.shows("FP645")
def test_import_without_records_is_refused(facts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(facts)

    assert main(["import", "--facts", str(facts)]) == 3

    assert capsys.readouterr().out == (
        "facts: error FP645 no-records-to-import\n"
        "  why: the folder has no record of a host\n"
        "  fix: run: fleetpolicy facts collect -i INVENTORY\n"
        "  see: docs/getting-started.md; fleetpolicy explain FP645\n"
        "1 error\n"
    )


def test_import_of_the_example_fleet_needs_no_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "first.yaml"

    assert main(["import", "--facts", str(FACTS), "-o", str(out)]) == 0

    assert capsys.readouterr().out == (
        "left out: intel_iommu=on on the command line of x86-01, x86-02: not the same, and once, "
        f"on every host\nwrote {out}\nwritten from 9 hosts; a plan would change 0\n"
    )
