"""Move the lines of a literal or folded text."""

import re
from typing import Any

from fleetpolicy.format.page import STEP, Level

_HEADER = re.compile(r"[|>][+-]?([1-9])?")


def lay_out_block(lines: list[str], token: Any, level: Level | None) -> dict[int, str]:
    """Return the lines of a block scalar, moved to two columns inside of its level.

    Args:
        lines: Of the whole text.
        token: The scalar.
        level: The collection around it; None where there is none, then nothing moves.
    """
    body = _body_of(lines, token)
    if level is None:
        return {number: lines[number] for number in body}
    header = _HEADER.match(lines[token.start_mark.line], token.start_mark.column)
    explicit = int(header[1]) if header and header[1] else 0
    old = level.old + explicit if explicit else _indent_of([lines[number] for number in body])
    new = level.new + (explicit or STEP)
    return {number: _move(lines[number], old, new) for number in body}


def _body_of(lines: list[str], token: Any) -> range:
    """Return the numbers of the lines behind the header; an end in column 0 belongs to no line."""
    end = token.end_mark
    goes_to_the_end = end.line == len(lines) - 1 and end.column > 0
    return range(token.start_mark.line + 1, end.line + (1 if goes_to_the_end else 0))


def _indent_of(body: list[str]) -> int:
    filled = [line for line in body if line.strip(" ")]
    if not filled:
        return max((len(line) for line in body), default=0)
    return len(filled[0]) - len(filled[0].lstrip(" "))


def _move(line: str, old: int, new: int) -> str:
    bare = line.lstrip(" ")
    more = len(line) - len(bare) - old
    return " " * (new + more) + bare if bare or more > 0 else ""
