"""Write words as Markdown that shows them as they are, and keep the whole within a length."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LIMIT = 65_000
_ROOM_FOR_NOTE = 600
_PUNCTUATION = re.compile(r"([\\`*_\[\]#|~$])")
_RUNS = re.compile("`+")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a comment whose rows may be left out from the end.

    Args:
        noun: What its rows are, in the plural.
        opening: Stands before the rows, if there is one at least.
        rows: Each whole.
        closing: Stands after the rows.
    """

    noun: str
    opening: str
    rows: tuple[str, ...]
    closing: str = ""


def escape(text: str) -> str:
    """Return text for a cell: no markup, no HTML, no mention of people, on one line.

    Source:
        github.github.com/gfm: backslash escapes, tables
    """
    safe = _PUNCTUATION.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;")
    safe = safe.replace(">", "&gt;").replace("@", "@&#8203;")
    return "<br>".join(line.strip() for line in safe.splitlines())


def code(text: str) -> str:
    """Return text as code for a cell, whatever backticks and pipes it has."""
    flat = " ".join(text.splitlines())
    longest = max((len(run) for run in _RUNS.findall(flat)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{padding}{flat}{padding}{fence}".replace("|", r"\|") if flat else ""


def block(text: str, language: str = "") -> str:
    """Return text as a block of code that its own backticks do not end."""
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def open_table(header: Sequence[str]) -> str:
    """Return the head of a table."""
    return row(header) + row(["---"] * len(header))


def row(cells: Iterable[str]) -> str:
    """Return a row of a table; its cells are Markdown already."""
    return f"| {' | '.join(cells)} |\n"


def fold(summary: str, body: str) -> str:
    """Return a part that is shown when its summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>\n\n{body}\n</details>\n"


def assemble(head: str, sections: Iterable[Section], limit: int = LIMIT) -> str:
    """Return the sections in one text of a limited length, and what was cut.

    Args:
        head: Comes first, whole.
        sections: Those that count most come first; the rows of the later ones are cut earlier.
        limit: In characters; GitHub takes 65,536 in a comment.
    """
    text, cut = head, []
    room = limit - len(head) - _ROOM_FOR_NOTE
    for section in sections:
        kept = _fit(section, room)
        if kept:
            part = "".join(("\n", section.opening, *section.rows[:kept], section.closing))
            text += part
            room -= len(part)
        if kept < len(section.rows):
            cut.append(f"{len(section.rows) - kept} of {len(section.rows)} {section.noun}")
    if cut:
        text += f"\nCut to {limit:,} characters; left out: {', '.join(cut)}.\n"
    return text


def _fit(section: Section, room: int) -> int:
    """Return how many of a section's rows fit."""
    room -= 1 + len(section.opening) + len(section.closing)
    for index, item in enumerate(section.rows):
        room -= len(item)
        if room < 0:
            return index
    return len(section.rows)
