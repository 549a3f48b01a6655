"""Word comments and quote texts."""

from collections.abc import Sequence

_NAMED = 3


def few(names: Sequence[str]) -> str:
    """Return some names, and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def quoted(text: str) -> str:
    """Return a text in double quotes, as YAML reads it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
