"""Lay out the files of a policy repository."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

_TEMPLATE = Path(__file__).resolve().parent / "template"


def lay_out(schemas: Mapping[str, str], version: str) -> dict[str, str]:
    """Return the text of each file by its path in the repository, sorted.

    Args:
        schemas: File name to text, for editors.
        version: Of the tool that CI installs.
    """
    files = {path: text.replace("@VERSION@", version) for path, text in _read_template().items()}
    files |= {f"schemas/{name}": text for name, text in schemas.items()}
    return dict(sorted(files.items()))


@cache
def _read_template() -> Mapping[str, str]:
    """Return the template; its names begin with dot- where the repository's begin with a dot."""
    return {
        "/".join(_name(part) for part in path.relative_to(_TEMPLATE).parts): path.read_text()
        for path in _TEMPLATE.rglob("*")
        if path.is_file()
    }


def _name(part: str) -> str:
    return f".{part.removeprefix('dot-')}" if part.startswith("dot-") else part
