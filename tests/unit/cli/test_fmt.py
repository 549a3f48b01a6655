"""What `fmt` writes, shows and refuses."""

import json
from pathlib import Path

import pytest

from fleetpolicy.cli import main

LOOSE = "apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata:\n    name: 0302\n"
TIDY = 'apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata:\n  name: "0302"\n'


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "policies" / "fleet.yaml"
    path.parent.mkdir()
    path.write_text(LOOSE)
    path.chmod(0o640)
    return path


@pytest.mark.accepts("FP642", "FP643")
def test_fmt_writes_the_file_and_keeps_its_mode(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "policies"]) == 0

    assert capsys.readouterr().out == "formatted policies/fleet.yaml\n1 of 1 file changed\n"
    assert policy.read_text() == TIDY
    assert policy.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in policy.parent.iterdir()] == ["fleet.yaml"]
    assert main(["fmt", "--check", "policies"]) == 0


@pytest.mark.shows("FP641")
def test_fmt_check_names_the_file_and_writes_nothing(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "--check", "policies"]) == 3

    assert capsys.readouterr().out == (
        "policies/fleet.yaml:4:1: error FP641 not-formatted\n"
        "  why: line 4 is '    name: 0302'\n"
        "  fix: run: fleetpolicy fmt policies/fleet.yaml\n"
        "  see: docs/getting-started.md; fleetpolicy explain FP641\n"
        "1 error\n"
        "1 of 1 file would change\n"
    )
    assert policy.read_text() == LOOSE


def test_fmt_diff_shows_what_would_change(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--diff", "policies"]) == 0

    assert capsys.readouterr().out == (
        "--- policies/fleet.yaml\n"
        "+++ policies/fleet.yaml\n"
        "@@ -1,4 +1,4 @@\n"
        " apiVersion: fleetpolicy/v1alpha1\n"
        " kind: FleetPolicy\n"
        " metadata:\n"
        "-    name: 0302\n"
        '+  name: "0302"\n'
        "1 of 1 file would change\n"
    )
    assert policy.read_text() == LOOSE


def test_fmt_as_json_lists_the_files(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--output", "json", str(policy.parent.name)]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["files"] == [{"path": "policies/fleet.yaml"}]
    assert document["written"] is True


def test_fmt_leaves_broken_files_alone_and_formats_the_others(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = policy.with_name("broken.yaml")
    broken.write_text("a: [b\n")

    assert main(["fmt", "policies"]) == 3

    assert capsys.readouterr().out == (
        "policies/broken.yaml:2:1: error FP102 yaml-syntax\n"
        "  why: while parsing a flow sequence: did not find expected ',' or ']' "
        "(it began at 1:4)\n"
        "  fix: close the bracket or brace, with commas between the items\n"
        "  see: YAML 1.2.2, yaml.org/spec/1.2.2; fleetpolicy explain FP102\n"
        "1 error\n"
        "formatted policies/fleet.yaml\n"
        "1 of 2 files changed\n"
    )
    assert broken.read_text() == "a: [b\n"


@pytest.mark.shows("FP643")
def test_fmt_without_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["fmt"]) == 64

    assert capsys.readouterr().out == (
        "command line: error FP643 no-files-named\n"
        "  why: no path was named, and the settings name no policies\n"
        "  fix: name files or folders, such as policies/, or add -i\n"
        "  see: docs/command-line.md; fleetpolicy explain FP643\n"
        "1 error\n"
    )


@pytest.mark.shows("FP642")
def test_fmt_into_a_folder_that_cannot_be_written_says_so(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (policy.parent / ".fleet.yaml.new").mkdir()

    assert main(["fmt", "policies"]) == 3

    assert "policies/fleet.yaml: error FP642 file-not-written\n" in capsys.readouterr().out
    assert policy.read_text() == LOOSE
