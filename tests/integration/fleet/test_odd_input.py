"""What an operator mistypes, forgets and loses, verb by verb: a finding each, never a trace."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.cli import main

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "inventories" / "demo"
FAR = "        far-01: {ansible_host: 127.0.0.1, ansible_port: 9, ansible_connection: ssh}\n"

Said = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Return a reader of what was written to standard output since the last time."""
    return lambda: capsys.readouterr().out


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a copy of the demo fleet with recorded facts, seen from the folder above it."""
    shutil.copytree(DEMO, tmp_path / "fleet", ignore=shutil.ignore_patterns(".lab"))
    shutil.copytree(ROOT / "tests" / "fleet" / "facts", tmp_path / "fleet" / "facts")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return "fleet"


def with_far_host(fleet: str) -> None:
    """Add a host behind a port that nobody listens at, and forget the recorded facts."""
    path = Path(fleet, "hosts.yaml")
    path.write_text(path.read_text().replace("        old-02:\n", "        old-02:\n" + FAR))
    shutil.rmtree(Path(fleet, "facts"))
    variables = Path(fleet, "group_vars", "legacy.yaml")
    only_old = variables.read_text()
    variables.unlink()
    for name in ("old-01", "old-02"):
        Path(fleet, "host_vars", f"{name}.yaml").write_text(only_old)


@pytest.mark.shows("FP606")
@pytest.mark.ansible
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["simulate", "gh-02", "--limit", "gh-01"], "--limit leaves gh-02 out"),
        (["simulate", "gh-01", "0009:01:00.7"], "gh-01 has no PCI device 0009:01:00.7"),
        (["render", "--host", "gh-9"], "it has no host gh-9"),
        (["explain", "gh-01", "nothing"], "gh-01 has nothing called nothing"),
        (["lab", "boot", "nobody"], "it has no host nobody"),
        (["explain", "FP30"], "there is no rule FP30"),
        (["facts", "show", "nobody"], "nothing is recorded of nobody"),
        (["facts", "collect", "nobody"], "it has no host nobody"),
        (["verify", "--checks", "nowhere"], "there is no folder of that name"),
    ],
)
def test_verb_about_something_that_is_not_there_says_what(
    fleet: str, said: Said, words: list[str], why: str
) -> None:
    assert main([*words, "-q", "-i", fleet]) == 3

    text = said()
    assert "error FP606 nothing-of-that-name\n" in text
    assert f"  why: {why}\n" in text


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_forks_that_are_no_number_of_hosts_are_a_usage_error(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "--forks", number]) == 64

    assert f"argument --forks: {number} is no number of one or more" in capsys.readouterr().err


@pytest.mark.shows("FP610")
@pytest.mark.ansible
@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--out", "/proc/none/plan"],
        ["render", "--out", "/proc/none/tree"],
        ["facts", "collect", "old-01", "--facts", "/proc/none/facts"],
        ["schema", "--write", "/proc/none/schemas"],
    ],
)
def test_folder_that_cannot_be_written_is_a_finding(
    fleet: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    where = [] if words[0] == "schema" else ["-i", fleet, "--limit", "old-01"]

    assert main([*words, *where, "-q"]) == 3

    told = capsys.readouterr().err
    assert told.startswith("/proc/none")
    assert ": error FP610 file-or-folder-not-usable\n  why: No such file or directory\n" in told


@pytest.mark.ansible
def test_truncated_facts_of_a_host_that_limit_leaves_out_do_not_matter(
    fleet: str, said: Said
) -> None:
    Path(fleet, "facts", "gh-02.json").write_text("{")

    assert main(["plan", "-i", fleet, "--offline", "--limit", "old-01"]) == 0
    assert main(["plan", "-i", fleet, "--offline", "--limit", "gh-02"]) == 3

    assert "fleet/facts/gh-02.json" in said()


@pytest.mark.ansible
def test_reader_that_goes_away_does_not_change_the_status(fleet: str) -> None:
    command = [sys.executable, "-m", "fleetpolicy", "plan", "-i", fleet, "--detailed-exitcode"]
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        command,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.ansible
def test_host_that_cannot_be_reached_leaves_the_others_to_be_worked_on(
    fleet: str, said: Said
) -> None:
    with_far_host(fleet)
    words = ["-q", "-i", fleet, "--limit", "old-01,far-01"]

    assert main(["plan", *words, "--detailed-exitcode"]) == 5
    text = said()
    assert text.startswith("fleet/hosts.yaml: error FP551 host-unreachable\n  host far-01\n")
    assert "FP210" not in text
    assert "1 of 1 host change" in text

    assert main(["apply", *words, "--auto-approve", "--no-checks", "--output", "json"]) == 5
    applied = json.loads(said())
    assert applied["result"] == "unreachable"
    assert [(item["host"], item["status"]) for item in applied["deployment"]] == [
        ("old-01", "changed")
    ]

    assert main(["verify", *words, "--no-checks"]) == 5
    assert said().endswith(
        "  old-01  ok  11 of 11 checks passed\nNOT verified: not every host could be looked at\n"
    )
    assert main(["drift", *words]) == 5
    assert main(["simulate", "far-01", *words]) == 5
    assert main(["simulate", "old-01", *words]) == 0
    assert main(["render", *words]) == 5


@pytest.mark.ansible
@pytest.mark.parametrize(
    "words",
    [
        ["validate"],
        ["simulate"],
        ["plan", "--offline"],
        ["render"],
        ["explain", "old-01"],
        ["facts", "show"],
        ["facts", "collect"],
        ["verify", "--no-checks"],
        ["drift"],
        ["apply", "--auto-approve", "--check"],
        ["apply"],
    ],
)
def test_json_of_every_verb_is_one_document_with_a_result(
    fleet: str, said: Said, words: list[str]
) -> None:
    main([*words, "-q", "-i", fleet, "--limit", "old-01", "--output", "json"])

    document = json.loads(said())
    assert document["command"].split()[0] == words[0]
    assert document["result"]


def test_json_beside_an_error_goes_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["plan", "-i", "nowhere", "--output", "text", "--output", "json=out.json"]) == 3

    assert json.loads(Path("out.json").read_text())["result"] == "invalid"


@pytest.mark.ansible
def test_faults_of_policy_and_inventory_are_told_together(fleet: str, said: Said) -> None:
    Path(fleet, "hosts.yaml").write_text("all: {hosts: [a")
    Path(fleet, "policies", "guests.yaml").write_text("spec: [")

    assert main(["plan", "-i", fleet]) == 3

    text = said()
    assert "error FP102 yaml-syntax\n" in text
    assert "fleet/hosts.yaml:2:1: error FP151 inventory-not-parsed\n" in text


@pytest.mark.ansible
def test_simulated_host_behind_a_link_is_refused(fleet: str, said: Said) -> None:
    Path("elsewhere").mkdir()
    Path(fleet, ".lab").mkdir()
    Path(fleet, ".lab", "old-01").symlink_to(Path("elsewhere").resolve())

    assert main(["lab", "up", "-i", fleet, "old-01"]) == 3

    assert "old-01 is a symbolic link, and what is behind it may be anything\n" in said()


@pytest.mark.ansible
def test_fleet_is_found_from_the_settings_of_its_repository(
    fleet: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("fleetpolicy.yaml").write_text(f"inventory: {fleet}\n")
    Path(".git").mkdir()
    monkeypatch.chdir(Path(fleet, "policies"))

    assert main(["plan", "--offline", "--limit", "old-01"]) == 0

    assert "host old-01: reboots\n" in said()


@pytest.mark.ansible
def test_facts_are_collected_before_there_is_a_policy(fleet: str, said: Said) -> None:
    shutil.rmtree(Path(fleet, "policies"))
    shutil.rmtree(Path(fleet, "facts"))

    assert main(["facts", "collect", "-q", "-i", fleet, "old-01"]) == 0

    assert said() == "1 host recorded in fleet/facts\n"
    assert [path.name for path in Path(fleet, "facts").iterdir()] == ["old-01.json"]
