"""Watch what tests show of rules: the findings that they make, and the modules that they reach.

A test marked shows("FP207") must make findings of that rule; their texts are compared whole with
those of the test in tests/messages/FP207.txt. A test marked accepts("FP207") must reach a module
that finds it, and make no finding of it.
"""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import FrameType
from typing import Any

import pytest

import fleetpolicy
from fleetpolicy.diagnostics import Diagnostic, Rule, Span, Subject

MESSAGES = Path(__file__).resolve().parent / "messages"
_ROOT = str(MESSAGES.parent.parent)
_TEMPORARY = re.compile(re.escape(tempfile.gettempdir()) + r"/pytest-of-[^/]+/pytest-\d+/[\w-]+")
_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_PROCESS = re.compile(r"\b(process|kill -CONT) \d+")
_NAME = "# "


def each(name: str, rule_ids: Iterable[str]) -> list[Any]:
    """Return parameters for a test, a rule in each, with the marker of that name for the rule."""
    return [
        pytest.param(rule_id, marks=getattr(pytest.mark, name)(rule_id), id=rule_id)
        for rule_id in rule_ids
    ]


@dataclass(slots=True)
class Recording:
    """What happened during a test."""

    findings: list[Diagnostic] = field(default_factory=list)
    files: set[str] = field(default_factory=set)


@contextmanager
def record() -> Iterator[Recording]:
    """Record every finding that is made, and every file whose functions are called."""
    recording = Recording()
    make = Rule.at

    def at(
        rule: Rule, span: Span, *, why: str, fix: str, subject: Subject | None = None
    ) -> Diagnostic:
        finding = make(rule, span, why=why, fix=fix, subject=subject or Subject())
        recording.findings.append(finding)
        return finding

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            recording.files.add(frame.f_code.co_filename)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "at", at)
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            yield recording
        finally:
            sys.setprofile(before)


@cache
def finders() -> Mapping[str, frozenset[str]]:
    """Return the files that can find each rule: those of the modules that know it by name."""
    found: dict[str, set[str]] = {}
    for info in walk_packages(fleetpolicy.__path__, "fleetpolicy."):
        if info.name.endswith(("rules", "__main__")) or ".checks." in info.name:
            continue
        module = import_module(info.name)
        values = list(vars(module).values())
        values += [item for value in values if isinstance(value, dict) for item in value.values()]
        for value in values:
            if isinstance(value, Rule):
                found.setdefault(value.id, set()).add(str(module.__file__))
    return {rule: frozenset(files) for rule, files in found.items()}


def check_accepted(rule_id: str, recording: Recording) -> None:
    """Fail where a rule was broken, or nothing ran that could have told.

    Raises:
        AssertionError: With what was found.
    """
    made = [f"{item.span}: {item.why}" for item in recording.findings if item.rule.id == rule_id]
    assert made == [], f"{rule_id} is to be accepted"
    assert recording.files & finders().get(rule_id, frozenset()), f"nothing here can find {rule_id}"


def check_shown(rule_id: str, recording: Recording, name: str, *, update: bool) -> None:
    """Fail where a rule was not broken, or told in other words than those of its golden file.

    Raises:
        AssertionError: With what was told.
    """
    path = MESSAGES / f"{rule_id}.txt"
    made = [item for item in recording.findings if item.rule.id == rule_id]
    assert made, f"{rule_id} is not found here"
    blocks = dict.fromkeys(_spell(item) for item in made)
    sections = read_sections(path)
    if update:
        sections[name] = "\n".join(blocks)
        _write_sections(path, sections)
    assert "\n".join(blocks) == sections.get(name, "")


def read_sections(path: Path) -> dict[str, str]:
    """Return the texts of a golden file by the names of the tests that they are of."""
    sections: dict[str, str] = {}
    for line in path.read_text().splitlines(keepends=True) if path.exists() else ():
        if line.startswith(_NAME):
            name = line.removeprefix(_NAME).rstrip("\n")
            sections[name] = ""
        else:
            sections[name] += line
    return {name: text.rstrip("\n") + "\n" for name, text in sections.items()}


def keep_sections(path: Path, names: set[str]) -> None:
    """Remove the texts of tests that are not there any more."""
    sections = read_sections(path)
    if names and not sections.keys() <= names:
        _write_sections(path, {name: text for name, text in sections.items() if name in names})
    elif not names:
        path.unlink()


def _write_sections(path: Path, sections: Mapping[str, str]) -> None:
    MESSAGES.mkdir(exist_ok=True)
    path.write_text("\n".join(f"{_NAME}{name}\n{sections[name]}" for name in sorted(sections)))


def _spell(finding: Diagnostic) -> str:
    said = f"why: {finding.why}\nfix: {finding.fix}".replace("\n", "\n     ")
    text = said.replace("\n     fix: ", "\nfix: ") + "\n"
    text = _PROCESS.sub(r"\1 PID", text)
    return _COMMIT.sub("COMMIT", _TEMPORARY.sub("TMP", text)).replace(_ROOT, "ROOT")
