# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect what Ansible complains about, with the places that it names."""

import re
from typing import Any

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # before ansible-core 2.19, values carry their place as ansible_pos
    Origin = None

_CLASS = re.compile(r"<class '(?:\w+\.)*(?:_AnsibleTagged)?(\w+)'>")
_PREFIX = re.compile(r"^(/[^:]*):(\d+): ")
_APPEARS = re.compile(r"The error appears to be in '([^']*)': line (\d+), column (\d+)")

Place = tuple[str, int, int]


def place_of(value: Any) -> Place | None:
    """Return the file, line and column that a value was read from, where Ansible keeps them."""
    if Origin is None:
        path, line, column = getattr(value, "ansible_pos", None) or (None, 0, 0)
    else:
        origin = value if isinstance(value, Origin) else Origin.get_tag(value)
        if origin is None:
            return None
        path, line, column = origin.path, origin.line_num, origin.col_num
    return (str(path), int(line or 0), int(column or 0)) if path else None


class Report:
    """Collect what Ansible complains about, each complaint once, with the hosts that it is for."""

    def __init__(self) -> None:
        self.errors: dict[tuple[Any, ...], list[str]] = {}
        self.remarks: list[tuple[str, str, Place | None]] = []
        self.source = ""

    def hear(self, msg: Any, *_: Any, obj: Any = None, **__: Any) -> None:
        """Keep a warning of Ansible's if it is about a file that is being read."""
        if self.source:
            self.remarks.append((self.source, " ".join(str(msg).split()), place_of(obj)))

    def misspelt(self, name: str, meant: str, value: Any) -> None:
        """Note a variable that nobody reads, with the name that it should have."""
        key = (
            "misspelt",
            f"nothing reads {name}",
            f"write {meant}, if that was meant",
            place_of(value),
        )
        self.errors.setdefault(key, []).append(self.source)

    def fail(self, kind: str, error: BaseException, about: str = "", host: str = "") -> None:
        """Keep an error, with the place that it or its causes name."""
        text = str(error)
        place = None
        cause: BaseException | None = error
        while cause is not None and not (place and place[1]):
            place = place_of(getattr(cause, "obj", None)) or place
            cause = cause.__cause__ or cause.__context__
        if match := _APPEARS.search(text):
            place = (match[1], int(match[2]), int(match[3]))
            text = text[: match.start()]
        elif match := _PREFIX.match(text):
            place = (match[1], int(match[2]), 1)
            text = text[match.end() :]
        text = _CLASS.sub(lambda match: match[1].lower(), text)
        key = (kind, " ".join(text.split()), about, place)
        self.errors.setdefault(key, []).extend([host] if host else [])

    def document(self) -> dict[str, Any]:
        """Return the complaints in the form that is printed."""
        return {
            "errors": [
                {"kind": kind, "message": text, "about": about, "place": place, "hosts": hosts}
                for (kind, text, about, place), hosts in self.errors.items()
            ],
            "remarks": [
                {"kind": "remark", "message": text, "about": source, "place": place, "hosts": []}
                for source, text, place in dict.fromkeys(self.remarks)
            ],
        }
