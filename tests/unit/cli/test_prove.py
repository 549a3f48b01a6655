import json
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from fleetpolicy.cli import main

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    ignored = shutil.ignore_patterns(".lab")
    shutil.copytree(TESTS.parent / "inventories" / "demo", tmp_path / "fleet", ignore=ignored)
    shutil.copytree(TESTS / "fleet" / "facts", tmp_path / "fleet" / "facts")
    monkeypatch.chdir(tmp_path)
    return Path("fleet")


def test_prove_prints_every_invariant_and_writes_a_valid_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "certificate.json"
    schema = json.loads((TESTS.parent / "schemas" / "Certificate.json").read_text())

    assert main(["prove", "-q", "--no-litmus", "--certificate", str(path)]) == 0

    said = capsys.readouterr().out.splitlines()
    assert {line[:3] for line in said if line[:1] == "I"} == {f"I{n:02}" for n in range(1, 31)}
    assert said[-1].startswith("30 invariants over ")
    assert said[-1].endswith(" points: exactly the known violations")
    Draft202012Validator(schema).validate(json.loads(path.read_text()))


@pytest.mark.accepts("FP304")
@pytest.mark.ansible
def test_prove_of_a_sound_fleet_breaks_nothing(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", "-q", "-i", str(fleet)]) == 0

    assert capsys.readouterr().out.splitlines()[-1] == "5 kinds of region: 0 invariants broken"


@pytest.mark.shows("FP304")
@pytest.mark.ansible
def test_prove_of_a_fleet_in_era_b_finds_the_exposure_with_a_trace(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fleet / "facts" / "gh-02.json"
    old = path.read_text().replace('"capabilityOnKvm":"einval"', '"capabilityOnKvm":"0"')
    path.write_text(old.replace('"capabilityOnVm":"1"', '"capabilityOnVm":"0"'))

    assert main(["prove", "-q", "-i", str(fleet)]) == 3

    said = capsys.readouterr().out
    assert "I06  VIOLATED  no-noncacheable-guest-alias-of-cacheable-vma  [era-b]" in said
    assert "=> the guest read the previous tenant's data from WORD0" in said


@pytest.mark.ansible
def test_simulate_with_litmus_shows_programs_that_go_wrong(
    fleet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", "-q", "-i", str(fleet), "n1-01", "0001:01:00.0", "--litmus"]

    assert main(words) == 0

    said = capsys.readouterr().out
    assert "0001:01:00.0: containment of errors is attested by demo fleet operator" in said
    assert "    fifo: a FIFO is read once, through Normal-NC; hurt: self\n" in said
    assert "      => item 1 is lost: the program got item 2 in its place\n" in said
    assert "doorbell-barrier" not in said
