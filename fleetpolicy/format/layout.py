"""Lay out the lines of a text: two spaces per level, one after a dash, none at the end."""

from fleetpolicy.format.levels import NotLaidOut, note_levels
from fleetpolicy.format.page import Level, Page


def lay_out(text: str) -> str:
    """Return a text with its lines laid out; one with explicit keys as it is."""
    page = Page(text.split("\n"))
    try:
        note_levels(text, page)
    except NotLaidOut:
        return text
    _place_comments(page)
    return "\n".join(page.written(number) for number in range(len(page.lines)))


def _place_comments(page: Page) -> None:
    """Move lines of comment with what they stand by."""
    decided = page.columns.keys() | page.shifts.keys() | page.finished.keys() | page.levels.keys()
    following: int | None = None
    for number in range(len(page.lines) - 1, -1, -1):
        if number in decided:
            following = number
        elif page.lines[number].lstrip(" \t").startswith("#"):
            page.columns[number] = _column_of(page, number, following)


def _column_of(page: Page, number: int, following: int | None) -> int:
    """Return a comment's column: that of the next line if they agree, else of an open level."""
    column = _indent(page.lines[number])
    before = next((line for line in range(number, -1, -1) if line in page.levels), None)
    levels = page.levels[before] if before is not None else ()
    if before in page.flows and levels:
        return max(column + _shift(levels[-1]), levels[-1].new)
    if before in page.flows:
        return column
    beneath = 0 if following is None else _indent(page.written(following))
    if following is not None and column == _indent(page.lines[following]):
        return beneath
    return next((level.new for level in levels if level.old == column), beneath)


def _shift(level: Level) -> int:
    return level.new - level.old


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
