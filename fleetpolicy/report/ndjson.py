"""Write a product as JSON lines: one object per entry, then a summary."""

import json

from fleetpolicy.report.document import FORMAT_VERSION
from fleetpolicy.report.product import Product, lists_of

_SINGULARS = {
    "findings": "finding",
    "hosts": "host",
    "checks": "check",
    "files": "file",
    "exceptions": "exception",
    "reasons": "reason",
}


def write_ndjson(product: Product) -> str:
    """Return a line per entry of every list of the document, and a last one with the rest.

    Each line has a `type`: finding, host, check and so on, the list's own name where it has no
    singular; the last one's is `summary`, and it counts the others.
    """
    parts = product.parts()
    lists = lists_of(parts)
    lines = [
        {"type": _SINGULARS.get(name, name), **row} for name, rows in lists.items() for row in rows
    ]
    rest = {name: value for name, value in parts.items() if name not in lists}
    summary = {
        "type": "summary",
        "formatVersion": FORMAT_VERSION,
        "command": product.command,
        "result": product.result,
        **rest,
        "counts": {name: len(rows) for name, rows in lists.items()},
    }
    return "".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
        for line in (*lines, summary)
    )
