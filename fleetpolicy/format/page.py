"""Hold the lines of a text while it is decided what becomes of each."""

from dataclasses import dataclass, field
from enum import Enum

STEP = 2


class Block(Enum):
    """What a level is; a dash level is a sequence in the column of its mapping's keys."""

    MAPPING = 1
    SEQUENCE = 2
    DASHES = 3


@dataclass(frozen=True, slots=True)
class Level:
    """A block collection: the column that it has, and the one that it gets."""

    block: Block
    old: int
    new: int


@dataclass(slots=True)
class Page:
    """The lines of a text; lines and columns count from 0.

    Args:
        columns: The new column of a line that begins with a token.
        shifts: How far a line that goes on with a token moves, and the least column it gets.
        finished: The text of a line that is decided already.
        kept_ends: Lines whose last blanks may matter.
        levels: The levels that are open after a line's last token.
        flows: Lines after which a flow collection is open.
        gaps: Where the blanks behind a line's dashes begin and end.
    """

    lines: list[str]
    columns: dict[int, int] = field(default_factory=dict)
    shifts: dict[int, tuple[int, int]] = field(default_factory=dict)
    finished: dict[int, str] = field(default_factory=dict)
    kept_ends: set[int] = field(default_factory=set)
    levels: dict[int, tuple[Level, ...]] = field(default_factory=dict)
    flows: set[int] = field(default_factory=set)
    gaps: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def written(self, number: int) -> str:
        """Return what becomes of a line."""
        line = self.lines[number]
        if number in self.finished:
            return self.finished[number]
        for start, end in reversed(self.gaps.get(number, [])):
            line = f"{line[:start]} {line[end:]}"
        kept = line if number in self.kept_ends else line.rstrip(" \t")
        if number in self.columns:
            return " " * self.columns[number] + kept.lstrip(" \t")
        if number in self.shifts and kept.strip():
            shift, least = self.shifts[number]
            bare = kept.lstrip(" ")
            return " " * max(len(kept) - len(bare) + shift, least) + bare
        return kept
