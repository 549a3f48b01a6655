"""Word comments and quote texts."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

_NAMED = 3

_UNITS = {"b": 1, "bytes": 1, "KiB": 1 << 10, "k": 1 << 10, "": 1 << 10, "MiB": 1 << 20}
_UNITS |= {"M": 1 << 20, "GiB": 1 << 30, "G": 1 << 30, "TiB": 1 << 40, "T": 1 << 40}
_SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def few(names: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def quoted(text: str) -> str:
    """Return a text in double quotes, as YAML reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def size_of(element: ET.Element | None, attribute: str = "") -> str:
    """Return a size in the largest unit that divides it, empty where there is none."""
    if element is None:
        return ""
    number = (element.get(attribute) if attribute else element.text) or ""
    factor = _UNITS.get(element.get("unit", ""))
    if not number.strip().isdecimal() or not factor:
        return ""
    total = int(number) * factor
    unit = next(((name, size) for name, size in _SIZES if total and total % size == 0), None)
    return f"{total // unit[1]}{unit[0]}" if unit else ""
