"""The house keeps its own rules: linters, sizes, rules, generated files, licences."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.pipeline.schemas import all_schemas
from fleetpolicy.report.rules import write_rules_page

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PACKAGE = sorted((ROOT / "fleetpolicy").rglob("*.py"))
PROGRAMS = [*PACKAGE, *sorted((ROOT / "playbooks").rglob("*.py"))]
FLOORS = {
    "FP1": "load",
    "FP2": "resolve",
    "FP3": "simulate",
    "FP4": "render, admit",
    "FP5": "plan, observe, deploy",
    "FP6": "pipeline",
    "FP7": "verify",
    "FP8": "lab, emulate",
}
SCRIPTS = [
    ROOT / ".ci" / "run",
    *sorted((ROOT / "scripts").iterdir()),
    *sorted((ROOT / "tests").rglob("*.sh")),
]
LINTERS: dict[str, list[str | Path]] = {
    "ruff": [BIN / "ruff", "check", "."],
    "format": [BIN / "ruff", "format", "--check", "."],
    "mypy": [BIN / "mypy"],
    "imports": [BIN / "lint-imports"],
    "shellcheck": ["shellcheck", "-x", *SCRIPTS],
}
LONG_FOR_A_REASON: dict[str, str] = {}


@pytest.mark.lint
@pytest.mark.parametrize("name", list(LINTERS))
def test_linter_finds_nothing(name: str) -> None:
    command = [str(word) for word in LINTERS[name]]
    if not shutil.which(command[0]):
        if os.environ.get("CI") and name != "shellcheck":
            pytest.fail(f"{command[0]} is missing")
        pytest.skip(f"{command[0]} is not installed")

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_are_no_longer_than_300_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in PROGRAMS}

    assert {path: lines for path, lines in lengths.items() if lines > 300} == {}


def test_functions_are_no_longer_than_40_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in PROGRAMS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
        if node.end_lineno - node.lineno + 1 > 40
    }

    assert set(long) == set(LONG_FOR_A_REASON), long


def test_rules_are_well_formed() -> None:
    for rule in all_rules().values():
        assert re.fullmatch(r"FP[1-8]\d\d", rule.id), rule.id
        assert rule.id[:3] in FLOORS
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name), rule.name
        assert len(rule.source) >= 8, rule.id
        assert rule.text.endswith("."), rule.id
    names = [rule.name for rule in all_rules().values()]
    assert len(names) == len(set(names))


def test_rules_each_have_two_examples_that_differ() -> None:
    lacking = [
        rule.id
        for rule in all_rules().values()
        if not rule.rejected.strip() or not rule.accepted.strip() or rule.rejected == rule.accepted
    ]

    assert lacking == []


def test_rules_are_each_shown_by_a_test() -> None:
    told = "\n".join(
        path.read_text()
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in {".py", ".txt"} and path.name != "test_house.py"
    )
    constants = {
        value.id: name
        for module in [module for key, module in sys.modules.items() if key.endswith("rules")]
        for name, value in vars(module).items()
        if getattr(value, "id", None) in all_rules()
    }

    silent = [
        rule.id
        for rule in all_rules().values()
        if not any(word in told for word in (rule.id, rule.name, constants[rule.id]))
    ]

    assert silent == []


def test_schemas_are_those_of_the_models(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        for name, text in all_schemas().items():
            (ROOT / "schemas" / name).write_text(text)
    written = {path.name: path.read_text() for path in (ROOT / "schemas").glob("*.json")}

    assert written == all_schemas()


def test_rules_page_is_that_of_the_rules(request: pytest.FixtureRequest) -> None:
    page = ROOT / "docs" / "rules.md"
    if request.config.getoption("--update-golden"):
        page.write_text(write_rules_page(all_rules().values()))

    assert page.read_text() == write_rules_page(all_rules().values())


def test_files_that_import_ansible_are_under_the_gpl() -> None:
    importing = [
        path
        for path in PROGRAMS
        if re.search(
            r"^\s*(from|import) ansible(?!_runner)(?!\.module_utils\.fleetpolicy_(?:agent|probe))",
            path.read_text(),
            re.MULTILINE,
        )
    ]

    assert all(path.is_relative_to(ROOT / "playbooks") for path in importing), importing
    for path in importing:
        assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text(), path


def test_nothing_points_out_of_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    forbidden = re.compile(r"\.\./" + "shared|/" + r"work/[a-z]|\b" + "index-" + "url")

    found = [
        name
        for name in listed
        if name and (ROOT / name).is_file()
        if forbidden.search((ROOT / name).read_text(errors="ignore"))
    ]

    assert found == []


def test_version_is_printed_without_loading_the_tool() -> None:
    program = (
        "import sys; from fleetpolicy.cli import main; main(['--version']); "
        "print(sorted(name for name in sys.modules if name.startswith('fleetpolicy.')))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.splitlines()[1] == "['fleetpolicy.cli']"


def test_validate_of_a_fleet_loads_nothing_that_it_does_not_use() -> None:
    program = (
        "import sys; from fleetpolicy.cli import main; "
        "status = main(['validate', '-q', '-i', 'tests/fleet', '--policy', 'tests/cases/demo']); "
        "unused = ('ansible_runner', 'jsonschema', 'xml', 'fleetpolicy.compare', "
        "'fleetpolicy.deploy', 'fleetpolicy.emulate', 'fleetpolicy.format', 'fleetpolicy.lab', "
        "'fleetpolicy.model.plan', 'fleetpolicy.model.radius', 'fleetpolicy.observe', "
        "'fleetpolicy.plan', 'fleetpolicy.runner.playbook', 'fleetpolicy.scaffold', "
        "'fleetpolicy.simcore.boot.simulate', 'fleetpolicy.simcore.topology', "
        "'fleetpolicy.simcore.prove.certifying', 'fleetpolicy.verify'); "
        "print(status, [name for name in unused if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.splitlines()[-1] == "0 []"
