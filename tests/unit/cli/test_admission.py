"""What libvirt's schemas have against a fleet's domains stops validate and render."""

import shutil
from pathlib import Path

import pytest

from fleetpolicy.cli import main
from tests.unit.admit.schemafiles import write_lax_schemas

TESTS = Path(__file__).resolve().parents[2]
DEMO = TESTS.parent / "inventories" / "demo"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    shutil.copytree(DEMO, tmp_path / "fleet", ignore=shutil.ignore_patterns(".lab"))
    shutil.copytree(TESTS / "fleet" / "facts", tmp_path / "fleet" / "facts")
    write_lax_schemas(tmp_path / "admits")
    write_lax_schemas(tmp_path / "refuses", without="hostdev")
    monkeypatch.chdir(tmp_path)
    return "fleet"


@pytest.mark.ansible
@pytest.mark.parametrize("verb", ["validate", "render"])
def test_domain_that_the_schemas_refuse_stops_the_run(
    verb: str, fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-q", "-i", fleet, "--libvirt-schemas"]
    assert main([verb, *words, "admits"]) == 0
    capsys.readouterr()

    assert main([verb, *words, "refuses"]) == 3

    out = capsys.readouterr().out
    assert "error FP440 domain-not-admitted\n" in out
    assert "trainer.xml, devices/hostdev: it is not admitted there" in out


@pytest.mark.ansible
def test_schemas_that_are_not_there_are_refused(
    fleet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "-q", "-i", fleet, "--libvirt-schemas", "missing"]) == 3

    assert capsys.readouterr().out == (
        "missing: error FP442 no-such-schemas\n"
        "  why: missing holds neither domain.rng nor folders named by a release, such as "
        "12.8.0/domain.rng\n"
        "  fix: name a copy of a release's /usr/share/libvirt/schemas, or a folder of copies\n"
        "  see: docs/command-line.md; fleetpolicy explain FP442\n"
        "1 error\n"
    )
