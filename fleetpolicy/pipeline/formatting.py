"""Format files: read, rewrite, and replace each as a whole."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.format import format as format_text
from fleetpolicy.load.files import PolicyFile, read_files
from fleetpolicy.load.rules import SYNTAX, TOO_BIG
from fleetpolicy.load.source import parse_source
from fleetpolicy.pipeline.rules import NOT_FORMATTED, NOT_WRITTEN

_STOPPING = (SYNTAX, TOO_BIG)


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file that is not formatted yet."""

    path: str
    before: str
    after: str

    def diff(self) -> str:
        """Return what changes, as patch(1) reads it."""
        before, after = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        lines = unified_diff(before, after, self.path, self.path)
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )

    def finding(self) -> Diagnostic:
        """Return that the file is not formatted, with the first line that changes."""
        before, after = self.before.split("\n"), self.after.split("\n")
        same = (one == other for one, other in zip(before, after, strict=False))
        first = next((number for number, is_same in enumerate(same, 1) if not is_same), 0)
        line = first or min(len(before), len(after))
        seen = before[line - 1].removesuffix("\r")
        why = f"line {line} is {seen!r:.60}"
        return NOT_FORMATTED.at(
            Span(self.path, line, 1), why=why, fix=f"run: fleetpolicy fmt {self.path}"
        )


@dataclass(frozen=True, slots=True)
class Formatting:
    """What formatting found.

    Args:
        seen: How many files were read.
        changed: Those that are not formatted, sorted by path.
        findings: Why others were left as they are.
    """

    seen: int
    changed: tuple[Formatted, ...]
    findings: tuple[Diagnostic, ...]


def format_files(paths: Sequence[Path]) -> Formatting:
    """Return what would change in files and folders; nothing is written."""
    files, findings = read_files(paths)
    found = [*findings]
    changed: list[Formatted] = []
    for file in files:
        broken = [
            item for item in parse_source(file.data, file.shown).findings if item.rule in _STOPPING
        ]
        found += broken
        if not broken:
            changed += _format(file)
    return Formatting(len(files), tuple(changed), tuple(found))


def _format(file: PolicyFile) -> Iterator[Formatted]:
    before = file.data.decode()
    after = format_text(before)
    if after != before:
        yield Formatted(file.shown, before, after)


def write_formatted(changed: Sequence[Formatted]) -> None:
    """Replace files, each as a whole and with its mode.

    Raises:
        FleetPolicyError: With those that could not be written; the others are.
    """
    findings = []
    for file in changed:
        path = Path(file.path).resolve()
        temporary = path.with_name(f".{path.name}.new")
        try:
            temporary.write_bytes(file.after.encode())
            shutil.copymode(path, temporary)
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            why = f"{error.strerror}".lower()
            fix = "make the file and its folder writable"
            findings.append(NOT_WRITTEN.at(Span(file.path), why=why, fix=fix))
    if findings:
        raise FleetPolicyError(*findings)
