"""Where products go: formats, files, standard output, and what is refused."""

import json
import os
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from lxml import etree

from fleetpolicy.cli import main
from fleetpolicy.cli.formats import FORMATS
from fleetpolicy.cli.target import Target, read_targets, write_target
from fleetpolicy.report.schema import output_schemas

POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""
BROKEN = POLICY.replace("spec: {}", "spec: {memoryMaping: {}}")
FILES = [name for name in FORMATS if name != "text"]


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("policy.yaml")
    path.write_text(POLICY)
    return path


def judge(form: str, text: str) -> bool:
    """Tell whether a document is one of its format."""
    if form in {"json", "sarif"}:
        return isinstance(json.loads(text), dict)
    if form == "ndjson":
        return '"type":"summary"' in text.splitlines()[-1]
    if form == "junit":
        return etree.fromstring(text.encode()).tag == "testsuites"
    starts = {
        "github": r"::|fleetpolicy ",
        "markdown": "<!-- fleetpolicy ",
        "prometheus": "# HELP fleetpolicy_",
    }
    return bool(re.match(starts[form], text))


@pytest.mark.parametrize("content", [POLICY, BROKEN, "\0", None])
def test_every_format_is_written_whether_the_run_is_green_or_red(
    policy: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is None:
        policy.unlink()
    else:
        policy.write_text(content)
    words = [word for form in FILES for word in ("--output", f"{form}=out.{form}")]

    status = main(["validate", str(policy), "--output", "text", *words])

    assert status == (0 if content == POLICY else 3)
    assert capsys.readouterr().out
    assert [form for form in FILES if not judge(form, Path(f"out.{form}").read_text())] == []
    red = "<failure" in Path("out.junit").read_text()
    assert red is (content != POLICY)
    document = json.loads(Path("out.json").read_text())
    Draft202012Validator(output_schemas()["Output"]).validate(document)
    sarif = json.loads(Path("out.sarif").read_text())["runs"][0]
    assert sarif["invocations"][0]["executionSuccessful"] is not red
    assert sorted(path.name for path in Path().glob(".*")) == []


@pytest.mark.parametrize("form", FILES)
def test_every_format_is_printed_where_it_is_asked_for_alone(
    policy: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert main(["validate", str(policy), "--output", f"{form}=-"]) == 0

    assert judge(form, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(
            ["--output", "xml"],
            (
                "FP601 unknown-output-format",
                "--output xml: there is no format xml; explain has text, json and ndjson",
                "write --output ndjson, or --output ndjson=FILE",
            ),
            marks=pytest.mark.shows("FP601"),
        ),
        pytest.param(
            ["--output", "sarif=x.sarif"],
            (
                "FP601 unknown-output-format",
                "--output sarif=x.sarif: explain has text, json and ndjson",
                "write --output ndjson, or --output ndjson=FILE",
            ),
            marks=pytest.mark.shows("FP601"),
        ),
        pytest.param(
            ["--output", "json="],
            (
                "FP601 unknown-output-format",
                "--output json= names no file",
                "write --output json, or --output json=FILE",
            ),
            marks=pytest.mark.shows("FP601"),
        ),
        pytest.param(
            ["--output", "text", "--output", "json"],
            (
                "FP608 outputs-collide",
                "text and json go to standard output",
                "write all but one to files of their own: --output json=FILE",
            ),
            marks=pytest.mark.shows("FP608"),
        ),
        pytest.param(
            ["--output", "text=a", "--output", "json=./a"],
            (
                "FP608 outputs-collide",
                "text and json go to a",
                "write all but one to files of their own: --output json=FILE",
            ),
            marks=pytest.mark.shows("FP608"),
        ),
        pytest.param(
            ["--output", "json=no/such/x.json"],
            (
                "FP609 output-not-written",
                "--output json=no/such/x.json: there is no folder no/such",
                "make it: mkdir -p no/such",
            ),
            marks=pytest.mark.shows("FP609"),
        ),
        pytest.param(
            ["--output", "json=."],
            (
                "FP609 output-not-written",
                "--output json=.: it is a folder",
                "name a file in it",
            ),
            marks=pytest.mark.shows("FP609"),
        ),
        pytest.param(
            ["--output", f"json={'x' * 300}/y"],
            (
                "FP609 output-not-written",
                f"--output json={'x' * 300}/y: File name too long",
                "make room for it, or name another file",
            ),
            marks=pytest.mark.shows("FP609"),
        ),
    ],
)
def test_output_that_cannot_be_is_refused_before_anything_is_done(
    policy: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    told: tuple[str, str, str],
) -> None:
    assert policy.exists()
    rule, why, fix = told

    assert main(["explain", "FP301", *words]) == 64

    said = capsys.readouterr().out or Path("a").read_text()
    assert said == (
        f"command line: error {rule}\n"
        f"  why: {why}\n"
        f"  fix: {fix}\n"
        f"  see: docs/command-line.md; fleetpolicy explain {rule[:5]}\n"
        "1 error\n"
    )


def test_output_that_is_wrong_is_told_in_the_formats_that_are_right(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--output", "sarif=out.sarif", "--output", "xml"]

    assert main(["validate", str(policy), *words]) == 64

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        "command line: error FP601 unknown-output-format\n  why: --output xml:"
    )
    (run,) = json.loads(Path("out.sarif").read_text())["runs"]
    notice = run["invocations"][0]["toolExecutionNotifications"][0]
    assert notice["message"]["text"] == (
        "--output xml: there is no format xml; validate has text, json, ndjson, sarif, junit, "
        "github, markdown and prometheus\n"
        "fix: write --output prometheus, or --output prometheus=FILE"
    )


@pytest.mark.shows("FP601")
def test_output_of_a_command_that_only_prints_is_text_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "--output", "json"]) == 64

    assert "why: --output json: schema has text alone\n" in capsys.readouterr().out


def test_file_that_breaks_while_it_is_written_leaves_the_others_and_the_old_one(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("link.json").symlink_to("/dev/full")
    words = ["--output", "json=link.json", "--output", "junit=out.xml"]

    assert main(["validate", str(policy), *words]) == 64

    assert Path("out.xml").read_text().startswith("<?xml")
    assert capsys.readouterr().err == (
        "command line: error FP609 output-not-written\n"
        "  why: --output json=link.json: No space left on device\n"
        "  fix: make room for it, or name another file\n"
        "  see: docs/command-line.md; fleetpolicy explain FP609\n"
    )


def test_write_target_replaces_the_file_behind_a_link_and_keeps_odd_names(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")

    assert write_target(Target("json", tmp_path / "link"), "f\udcff é\n") is None

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"f\\udcff \xc3\xa9\n"


def test_write_target_to_a_pipe_does_not_replace_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    assert write_target(Target("github", pipe), "::error::x\n") is None

    assert os.read(reader, 100) == b"::error::x\n"
    os.close(reader)


def test_read_targets_of_a_folder_that_is_not_writable_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")

    _, findings = read_targets([f"json={tmp_path}/x.json"], "plan")

    assert [(item.why, item.fix) for item in findings] == [
        (
            f"--output json={tmp_path}/x.json: {tmp_path} is not writable",
            "name a file that you may write",
        )
    ]


EXCEPTION = """---
apiVersion: fleetpolicy/v1alpha1
kind: Exception
metadata: {name: vendor-answer}
spec:
  hosts: {}
  rules: [FP302]
  reason: The vendor's answer is due
  owner: team-hw
  expires: "2999-03-01"
"""


def test_exception_in_force_is_listed_though_it_silences_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.yaml"
    head = "apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata: {name: default}\n"
    path.write_text(f"{head}spec: {{}}\n{EXCEPTION}")
    out = tmp_path / "out.json"

    assert main(["validate", str(path), "--output", "text", "--output", f"json={out}"]) == 0

    assert capsys.readouterr().out == (
        "ok: 0 device policies and 0 guests, without hosts\n"
        f"{path}:6:1: Exception vendor-answer is in force until 2999-03-01 "
        "(team-hw, The vendor's answer is due); nothing is silenced by it here\n"
    )
    assert json.loads(out.read_text())["exceptions"] == [
        {
            "name": "vendor-answer",
            "rules": ["FP302"],
            "until": "2999-03-01",
            "owner": "team-hw",
            "reason": "The vendor's answer is due",
            "place": f"{path}:6:1",
            "silences": 0,
        }
    ]
