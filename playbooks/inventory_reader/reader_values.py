# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn Ansible's values into JSON, equal values once."""

import json
import math
from collections.abc import Mapping
from typing import Any

from reader_report import place_of

_ENCRYPTED = ("EncryptedString", "AnsibleVaultEncryptedUnicode")


class Table:
    """Number distinct values, in the order of their first use."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._by_identity: dict[int, tuple[Any, int]] = {}
        self._by_text: dict[str, int] = {}

    def index(self, value: Any) -> int:
        """Return the number of a value."""
        if id(value) not in self._by_identity:
            numbers: list[Any] = []
            odd: list[Any] = []
            plain = _plain(value, (), numbers, odd)
            text = json.dumps([plain, odd], sort_keys=True)
            if text not in self._by_text:
                row = {"value": plain, "place": place_of(value), "numbers": numbers, "odd": odd}
                self._by_text[text] = len(self.rows)
                self.rows.append(row)
            # The value is kept: its identity is only its own while it lives.
            self._by_identity[id(value)] = (value, self._by_text[text])
        return self._by_identity[id(value)][1]


def _plain(value: Any, path: tuple[Any, ...], numbers: list[Any], odd: list[Any]) -> Any:
    """Return a value as JSON has it; note places of what is not text, and what JSON cannot say."""
    if isinstance(value, Mapping):
        odd.extend(
            (path, place_of(key) or place_of(value), f"the key {key!r} is no text")
            for key in value
            if not isinstance(key, str)
        )
        return {
            str(key): _plain(item, (*path, str(key)), numbers, odd) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, (*path, index), numbers, odd) for index, item in enumerate(value)]
    if value is None or isinstance(value, str) or type(value).__name__ in _ENCRYPTED:
        return None if value is None else str(value)
    if isinstance(value, (bool, int, float)) and math.isfinite(value):
        numbers.append((path, place_of(value)))
        return value
    kind = type(value).__name__.lstrip("_").removeprefix("AnsibleTagged").lower()
    odd.append((path, place_of(value), f"was read as the {kind} {value}"))
    return str(value)
