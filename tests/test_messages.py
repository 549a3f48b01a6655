"""Every rule is shown by what breaks and what keeps it; every text of a finding is held whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleetpolicy.pipeline.rules import all_rules
from tests.shown import (
    MESSAGES,
    Recording,
    check_accepted,
    check_shown,
    keep_sections,
    read_sections,
)
from tests.templates import Template, said_in, templates_of, unfold

ROOT = Path(__file__).resolve().parent.parent
COLLECT = """
import json, sys, pytest

class Collector:
    def pytest_collection_finish(self, session):
        found = [
            (marker.name, rule, item.nodeid)
            for item in session.items
            for name in ("shows", "accepts")
            for marker in item.iter_markers(name)
            for rule in marker.args
        ]
        json.dump(found, sys.stderr)

sys.exit(pytest.main(["--collect-only", "-q", *sys.argv[1:]], plugins=[Collector()]))
"""
Marked = set[tuple[str, str, str]]


@pytest.fixture(scope="module")
def marked() -> Marked:
    """Return the markers of all tests: shows or accepts, rule, test."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, "tests/unit", "tests/integration"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return {tuple(item) for item in json.loads(done.stderr)}


@pytest.mark.parametrize("name", ["shows", "accepts"])
def test_every_rule_has_a_test_that_is_marked_with_it(name: str, marked: Marked) -> None:
    told = {rule for marker, rule, _ in marked if marker == name}

    lacking = {rule.id: rule.name for rule in all_rules().values() if rule.id not in told}

    assert lacking == {}, f"mark tests @pytest.mark.{name}, as tests/shown.py says: {lacking}"


def test_markers_name_rules_that_there_are(marked: Marked) -> None:
    assert {rule for _, rule, _ in marked} <= set(all_rules())


def test_golden_texts_are_those_of_tests_that_show_their_rule(
    marked: Marked, request: pytest.FixtureRequest
) -> None:
    shown = {(rule, test) for marker, rule, test in marked if marker == "shows"}
    if request.config.getoption("--update-golden"):
        for path in MESSAGES.glob("*.txt"):
            keep_sections(path, {test for rule, test in shown if rule == path.stem})
    kept = {(path.stem, test) for path in MESSAGES.glob("*.txt") for test in read_sections(path)}

    assert kept == shown


def test_every_text_of_a_finding_is_held_whole_by_a_test() -> None:
    templates: set[Template] = set()
    for path in (ROOT / "fleetpolicy").rglob("*.py"):
        if "simcore" not in path.parts:
            templates |= templates_of(path, str(path.relative_to(ROOT)))
    said = {
        text for path in (ROOT / "tests").rglob("*.py") for text in said_in(path.read_text())
    } | {unfold(path.read_text()) for path in (ROOT / "tests").rglob("*.txt")}

    lacking = [
        f"{item.path}:{item.line}: {item.part}: {item.text.replace(chr(0), '...')}"
        for item in sorted(templates)
        if item.has_words and not any(map(item.is_in, said))
    ]

    assert lacking == [], "\n".join(("mark a test that makes such findings shows(...):", *lacking))


def test_marker_that_does_not_hold_is_refused() -> None:
    with pytest.raises(AssertionError, match="FP207 is not found here"):
        check_shown("FP207", Recording(), "a test", update=False)
    with pytest.raises(AssertionError, match="nothing here can find FP207"):
        check_accepted("FP207", Recording())


def test_text_is_held_by_a_string_that_has_the_whole_of_it() -> None:
    template = Template("a.py", 1, "why", "the host has no CPU \0; it showed \0 alone")

    assert template.is_in("  why: the host has no CPU 16; it showed 0-15 alone\n")
    assert not template.is_in("the host has no CPU 16; it showed 0-15")
