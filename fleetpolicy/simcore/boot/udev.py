"""Read udev rules."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetpolicy.simcore.boot.modprobe import logical_lines, order_files
from fleetpolicy.simcore.boot.trace import Cause

_DIRECTORIES = (
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)
_DRIVERS = "80-drivers.rules"
_DRIVERS_TEXT = 'ACTION=="add", ENV{MODALIAS}=="?*", RUN{builtin}+="kmod load"\n'
_PIECE = re.compile(
    r"\s*(?P<key>[A-Z]+)(?:\{(?P<attribute>[^}]*)\})?\s*(?P<operator>==|!=|\+=|-=|:=|=)\s*"
    r'(?P<flags>[ei]*)"(?P<value>(?:[^"\\]|\\.)*)"\s*(?:,|\Z)?'
)
_ALWAYS_ASSIGN = frozenset({"GOTO", "LABEL", "RUN", "NAME", "SYMLINK", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold one part of a rule, such as `ATTR{vendor}=="0x10de"`."""

    key: str
    attribute: str
    operator: str
    value: str
    ignore_case: bool = False

    @property
    def is_match(self) -> bool:
        """Tell whether the part is a condition."""
        return self.operator in {"==", "!="}


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold one rule: its conditions, then what it assigns, each in the order written."""

    matches: tuple[Piece, ...]
    assignments: tuple[Piece, ...]
    cause: Cause


@dataclass(frozen=True, slots=True)
class BadRule:
    """Hold a line that udev would skip."""

    cause: Cause


def parse_rules(files: Mapping[str, str]) -> tuple[Rule | BadRule, ...]:
    """Return the rules of all files, in the order of the files' names.

    Source:
        udev(7): files sort by name across directories, /etc comes before /run and /usr/lib for one
        name; without 80-drivers.rules among the files, the one of systemd is implied.
    """
    given = dict(files)
    if not any(path.rpartition("/")[2] == _DRIVERS for path in given):
        given[f"/usr/lib/udev/rules.d/{_DRIVERS}"] = _DRIVERS_TEXT
    ordered = order_files(given, _DIRECTORIES, ".rules")
    return tuple(rule for path, text in ordered for rule in parse_rules_file(path, text))


def parse_rules_file(path: str, text: str) -> Iterator[Rule | BadRule]:
    """Return the rules of one file, in order."""
    for number, line in logical_lines(text):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        cause = Cause(path, stripped, number)
        pieces = _pieces(stripped)
        if pieces is None:
            yield BadRule(cause)
            continue
        yield Rule(
            tuple(piece for piece in pieces if piece.is_match),
            tuple(piece for piece in pieces if not piece.is_match),
            cause,
        )


def _pieces(line: str) -> list[Piece] | None:
    """Return the parts of a rule, or None if the line is not one."""
    pieces: list[Piece] = []
    position = 0
    while position < len(line):
        found = _PIECE.match(line, position)
        if found is None:
            return None
        piece = Piece(
            found["key"],
            found["attribute"] or "",
            found["operator"],
            found["value"].replace('\\"', '"'),
            "i" in found["flags"],
        )
        if piece.is_match and piece.key in _ALWAYS_ASSIGN:
            return None
        pieces.append(piece)
        position = found.end()
    return pieces
