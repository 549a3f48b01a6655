"""The domains of the cases, and the libvirt that each is for."""

import json
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2]
CASES = _TESTS / "cases"
GOLDEN = sorted(CASES.glob("*/rendered/*/etc/libvirt/qemu/*.xml"))


def libvirt_of(path: Path) -> int:
    """Return the version that the host of a golden domain shows."""
    case, _, host = path.relative_to(CASES).parts[:3]
    own = CASES / case / "facts" / f"{host}.json"
    facts = own if own.exists() else _TESTS / "fleet" / "facts" / f"{host}.json"
    return int(json.loads(facts.read_text())["facts"]["libvirt"]["libvirt"])
