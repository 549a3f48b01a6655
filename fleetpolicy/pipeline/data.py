"""Find the playbooks that travel with the tool."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def playbooks_folder() -> Path:
    """Return the folder of the playbooks: inside the wheel, or at the top of a checkout."""
    packed = _PACKAGE / "_data" / "playbooks"
    return packed if packed.is_dir() else _PACKAGE.parent / "playbooks"
