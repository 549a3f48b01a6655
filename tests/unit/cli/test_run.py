import json
from pathlib import Path

import pytest

from fleetpolicy import __version__
from fleetpolicy.cli import main

POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("policy.yaml")
    path.write_text(POLICY)
    return path


def test_main_version_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"fleetpolicy {__version__}\n"


@pytest.mark.parametrize("words", [[], ["frobnicate"], ["plan", "--ou"], ["show"]])
def test_main_usage_error_ends_with_64(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 64

    assert capsys.readouterr().err.startswith("usage: fleetpolicy")


@pytest.mark.accepts("FP610")
def test_validate_of_a_sound_policy_says_so(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(policy)]) == 0

    assert capsys.readouterr().out == "ok: 0 device policies and 0 guests, without hosts\n"


def test_validate_of_a_broken_policy_prints_findings_and_ends_with_3(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(POLICY.replace("spec: {}", "spec: {memoryMaping: {}}"))

    assert main(["validate", str(policy)]) == 3

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("policy.yaml:4:8: error FP1")


def test_validate_with_json_output_carries_version_and_result(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(policy), "--output", "json"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document == {
        "formatVersion": 1,
        "command": "validate",
        "result": "ok",
        "findings": [],
        "exceptions": [],
    }


@pytest.mark.accepts("FP601", "FP608", "FP609")
def test_validate_with_two_outputs_writes_both(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["validate", str(policy), "--output", "text", "--output", "json=out.json"]

    assert main(words) == 0

    assert capsys.readouterr().out.startswith("ok: ")
    assert json.loads(Path("out.json").read_text())["result"] == "ok"


def test_output_of_an_unknown_format_ends_with_64(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(policy), "--output", "xml"]) == 64

    assert "FP601 unknown-output-format" in capsys.readouterr().out


@pytest.mark.shows("FP604")
def test_plan_without_an_inventory_is_refused(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--policy", str(policy)]) == 3

    assert "FP604 no-inventory" in capsys.readouterr().out


@pytest.mark.shows("FP602")
def test_show_of_a_missing_plan_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "none.fpz"]) == 3

    assert capsys.readouterr().out == (
        "none.fpz: error FP602 stale-plan\n"
        "  why: it cannot be read: No such file or directory\n"
        "  fix: make it: fleetpolicy plan --out\n"
        "  see: docs/command-line.md; fleetpolicy explain FP602\n"
        "1 error\n"
    )


def test_explain_of_a_rule_prints_text_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "fp301"]) == 0

    assert capsys.readouterr().out.splitlines()[0] == "FP301 mapping-not-honoured: error"


@pytest.mark.shows("FP606")
def test_explain_of_an_unknown_rule_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "FP999"]) == 3

    assert "why: there is no rule FP999" in capsys.readouterr().out


@pytest.mark.shows("FP606")
def test_schema_of_a_mistyped_kind_suggests_the_right_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "DevicePolcy"]) == 64

    assert "fix: write DevicePolicy" in capsys.readouterr().out
