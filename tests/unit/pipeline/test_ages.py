from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.generate import generate
from fleetpolicy.cli import main
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Profile, Severity
from fleetpolicy.load import load_records
from fleetpolicy.pipeline.ages import find_old, parse_age
from fleetpolicy.pipeline.recording import keep_records

COLLECTED = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return generate(Path("fleet"), 3).facts


@pytest.mark.accepts("FP655")
def test_facts_as_old_as_they_may_be_are_no_finding(facts: Path) -> None:
    records, _ = load_records(facts)

    assert find_old(records.values(), timedelta(days=3), COLLECTED + timedelta(days=3)) == ()


@pytest.mark.shows("FP655")
def test_facts_of_a_bundle_that_are_too_old_are_one_finding(facts: Path) -> None:
    records, _ = load_records(facts)

    (found,) = find_old(records.values(), timedelta(days=3), COLLECTED + timedelta(days=4))

    assert (str(found.span), found.rule.id, found.why, found.fix) == (
        "fleet/facts/hosts.jsonl",
        "FP655",
        "the facts were collected on 2026-11-20, and they may be 3 days old",
        "collect them anew: fleetpolicy facts collect",
    )
    assert (found.subject.host, found.subject.others) == ("kvm-00000", ("kvm-00001", "kvm-00002"))
    assert found.subject.facts == "fleet/facts/hosts.jsonl, 2026-11-20"
    assert found.severity() is Severity.WARNING
    assert found.severity(Profile.PRODUCTION) is Severity.ERROR


@pytest.mark.shows("FP655")
def test_facts_of_a_host_that_are_too_old_name_its_file(facts: Path) -> None:
    records, _ = load_records(facts)
    keep_records(Path("looks"), list(records.values())[:1], bundle=False)
    kept, _ = load_records(Path("looks"))

    (found,) = find_old(kept.values(), timedelta(hours=36), COLLECTED + timedelta(days=2))

    assert (str(found.span), found.why) == (
        "looks/kvm-00000.json",
        "the facts were collected on 2026-11-20, and they may be 36 hours old",
    )


@pytest.mark.shows("FP654")
@pytest.mark.parametrize("text", ["30", "d", "0d", "1.5h", "-3d", "30 d", "30y"])
def test_age_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        parse_age(text)

    (finding,) = caught.value.diagnostics
    assert caught.value.status is ExitStatus.USAGE
    assert (finding.rule.id, finding.why) == ("FP654", f"it is {text!r}")
    assert finding.fix == "write an age such as 36h or 30d"


@pytest.mark.accepts("FP654")
@pytest.mark.parametrize("profile", ["safety", "production"])
def test_validate_with_an_age_finds_old_facts(
    facts: Path, capsys: pytest.CaptureFixture[str], profile: str
) -> None:
    path = facts / "hosts.jsonl"
    path.write_text(path.read_text().replace("2026-11-20", "2020-01-02"))

    status = main(["validate", "-i", "fleet", "--max-age", "30d", "--profile", profile])

    assert status == {"safety": 0, "production": 3}[profile]
    severity = {"safety": "warning", "production": "error"}[profile]
    assert (
        f"fleet/facts/hosts.jsonl: {severity} FP655 facts-too-old\n"
        "  hosts kvm-00000, kvm-00001, kvm-00002\n"
        "  why: the facts were collected on 2020-01-02, and they may be 30 days old\n"
        "  fix: collect them anew: fleetpolicy facts collect\n"
    ) in capsys.readouterr().out


def test_settings_may_say_how_old_facts_may_be(
    facts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = facts / "hosts.jsonl"
    path.write_text(path.read_text().replace("2026-11-20", "2020-01-02"))
    Path("fleetpolicy.yaml").write_text("inventory: fleet\nfacts: {maxAge: 12h}\n")

    assert main(["simulate", "--strict"]) == 3

    assert "and they may be 12 hours old\n" in capsys.readouterr().out
