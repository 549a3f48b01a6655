"""A repository that `init` made passes its own hooks and its own CI in a fresh clone."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetpolicy.cli import main

Run = Callable[..., subprocess.CompletedProcess[str]]
POLICY = "inventories/example/policies/devices.yaml"


@pytest.fixture
def clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """Return a clone of a repository that holds what `init` wrote, as the working directory."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "origin"]) == 0
    capsys.readouterr()
    for words in ("init -q -b main", "add --all", "commit -q -m start"):
        git(tmp_path / "origin", *words.split())
    git(tmp_path, "clone", "-q", "origin", "clone")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, env=outside())


def outside() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a runner of programs that find the tool on their PATH, and nothing of ours else."""

    def start(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            env={**outside(), "PATH": path, **cache, **variables},
        )

    return start


def read(name: str) -> Any:
    return yaml.safe_load(Path(name).read_text())


def test_fresh_clone_passes_its_own_hooks(clone: Path, run: Run, readers: Path) -> None:
    words = (sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never")

    done = run(*words, PYTHONPATH=str(readers))

    assert clone.is_dir()
    assert done.returncode == 0
    assert done.stdout == (
        "policies are formatted...................................................Passed\n"
        "policies hold............................................................Passed\n"
    )


def test_commit_that_breaks_a_policy_is_stopped_by_the_hooks(
    clone: Path, run: Run, readers: Path
) -> None:
    variables = {"PYTHONPATH": str(readers)}
    assert run(sys.executable, "-m", "pre_commit", "install", **variables).returncode == 0
    policy = clone / POLICY
    policy.write_text(policy.read_text().replace("mapping:", "maping:"))
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")

    done = run("git", *identity, "commit", "-q", "-a", "-m", "edit", **variables)

    assert done.returncode == 1
    assert f"{POLICY}:12:3: error FP110 unknown-key\n" in done.stderr
    assert "fix: write mapping\n" in done.stderr


@pytest.mark.ansible
def test_fresh_clone_passes_its_own_ci(clone: Path, run: Run) -> None:
    (steps,) = (job["steps"] for job in read(".github/workflows/fleetpolicy.yaml")["jobs"].values())
    scripts = [step["run"] for step in steps if step.get("name") == "Check"]
    scripts.append("\n".join(read(".gitlab-ci.yml")["fleetpolicy"]["script"]))

    done = [run("sh", "-e", "-c", script) for script in scripts]

    assert [item.returncode for item in done] == [0, 0], done
    status = run("git", "status", "--porcelain")
    assert (status.stdout, clone.is_dir()) == ("", True)
