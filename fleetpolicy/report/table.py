"""Lay out rows as a table of text."""

from collections.abc import Sequence


def write_table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Return a table with aligned columns; repeats of the first columns are left blank."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [_line(header, widths, indent)]
    previous: Sequence[str] = ()
    for row in rows:
        lines.append(_line(_without_repeats(row, previous), widths, indent))
        previous = row
    return "".join(line + "\n" for line in lines)


def _without_repeats(row: Sequence[str], previous: Sequence[str]) -> list[str]:
    shown = list(row)
    for index, cell in enumerate(previous[:2]):
        if shown[index] != cell:
            break
        shown[index] = ""
    return shown


def _line(cells: Sequence[str], widths: Sequence[int], indent: str) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return (indent + "  ".join(padded)).rstrip()
