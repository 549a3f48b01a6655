"""What `init` lays out holds as it stands, in CI and in hooks as well."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetpolicy.cli import main

PROJECT = Path(__file__).resolve().parents[3]
FILES = [
    ".github/workflows/fleetpolicy.yaml",
    ".gitignore",
    ".gitlab-ci.yml",
    ".pre-commit-config.yaml",
    "README.md",
    "fleetpolicy.yaml",
    "inventories/example/group_vars/simulated.yaml",
    "inventories/example/hosts.yaml",
    "inventories/example/policies/devices.yaml",
    "inventories/example/policies/fleet.yaml",
    "inventories/example/policies/guests.yaml",
    "inventories/example/policies/platforms.yaml",
]


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """Return a folder that `init` has filled, as the working directory."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "fleet"]) == 0
    capsys.readouterr()
    monkeypatch.chdir(tmp_path / "fleet")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "fleet"


def run(script: str, **variables: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.accepts("FP644")
def test_init_writes_the_files_and_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["init", "fleet"]) == 0

    schemas = sorted(path.name for path in Path("fleet/schemas").iterdir())
    assert capsys.readouterr().out == (
        "".join(f"wrote fleet/{name}\n" for name in FILES)
        + f"wrote {len(schemas)} schemas for editors\n"
        + "next: fleetpolicy validate, then README.md\n"
    )
    assert schemas == sorted(path.name for path in (PROJECT / "schemas").glob("*.json"))


@pytest.mark.accepts("FP641")
def test_init_repository_is_valid_and_formatted(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "--strict"]) == 0
    assert main(["fmt", "--check"]) == 0
    assert main(["fmt", "--check", str(repository)]) == 0

    assert capsys.readouterr().out.splitlines()[0] == (
        "ok: 1 device policy and 1 guest, without hosts"
    )


def test_init_modelines_name_schemas_that_are_there(repository: Path) -> None:
    found = 0
    for path in repository.rglob("*.yaml"):
        named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text())
        if named:
            found += 1
            assert (path.parent / named[1]).resolve().is_file(), path

    assert found == 5


@pytest.mark.ansible
def test_init_workflow_passes(repository: Path) -> None:
    steps = read(repository / ".github/workflows/fleetpolicy.yaml")["jobs"]["policy"]["steps"]

    run(next(step["run"] for step in steps if step.get("name") == "Check"))


@pytest.mark.ansible
def test_init_gitlab_job_passes(repository: Path) -> None:
    run("\n".join(read(repository / ".gitlab-ci.yml")["fleetpolicy"]["script"]))


def test_init_hooks_pass(repository: Path) -> None:
    hooks = read(repository / ".pre-commit-config.yaml")["repos"][0]["hooks"]

    assert [hook["id"] for hook in hooks] == ["fleetpolicy-fmt", "fleetpolicy-validate"]
    for hook in hooks:
        run_hook(hook, repository)


def run_hook(hook: dict[str, Any], repository: Path) -> None:
    """Run a hook as pre-commit does: on the files that its pattern finds."""
    names = [str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()]
    chosen = sorted(name for name in names if re.search(hook["files"], name))
    assert chosen, hook
    run(
        shlex.join(
            [*shlex.split(hook["entry"]), *(chosen if hook.get("pass_filenames", True) else [])]
        )
    )


def test_hooks_of_the_project_pass_on_an_init_repository(repository: Path) -> None:
    for hook in read(PROJECT / ".pre-commit-hooks.yaml"):
        run_hook(hook, repository)


@pytest.mark.ansible
@pytest.mark.parametrize("inventory", ["", "inventories/example"])
def test_action_passes_on_an_init_repository(repository: Path, inventory: str) -> None:
    assert repository.is_dir()
    action = read(PROJECT / "action.yml")
    (step,) = [step for step in action["runs"]["steps"] if step.get("name") == "Check"]
    inputs = {name: part["default"] for name, part in action["inputs"].items()}

    assert set(re.findall(r"inputs\.([a-z-]+)", str(action["runs"]))) == set(inputs)
    run(step["run"], INVENTORY=inventory, ARGUMENTS=inputs["arguments"])


@pytest.mark.ansible
@pytest.mark.parametrize("inventory", ["", "inventories/example"])
def test_gitlab_template_passes_on_an_init_repository(repository: Path, inventory: str) -> None:
    assert repository.is_dir()
    job = read(PROJECT / "ci" / "gitlab.yml")["fleetpolicy"]

    run("\n".join(job["script"]), **{**job["variables"], "FLEETPOLICY_INVENTORY": inventory})


@pytest.mark.shows("FP644")
def test_init_overwrites_nothing_and_then_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("mine\n")

    assert main(["init"]) == 3

    assert capsys.readouterr().out == (
        "README.md: error FP644 file-exists-already\n"
        "  why: README.md is there already\n"
        "  fix: name an empty folder, or move the file away\n"
        "  see: docs/command-line.md; fleetpolicy explain FP644\n"
        "1 error\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert Path("README.md").read_text() == "mine\n"


@pytest.mark.shows("FP642")
def test_init_that_fails_midway_takes_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventories").write_text("a file where a folder must be\n")

    assert main(["init"]) == 3

    assert capsys.readouterr().out == (
        "inventories/example/group_vars/simulated.yaml: error FP642 file-not-written\n"
        "  why: not a directory\n"
        "  fix: make the folder writable, or name another\n"
        "  see: docs/command-line.md; fleetpolicy explain FP642\n"
        "1 error\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["inventories"]
