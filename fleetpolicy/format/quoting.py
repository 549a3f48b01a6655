"""Quote plain scalars that other YAML readers would take for numbers, truths, times or dates."""

import re
from collections.abc import Iterator
from typing import Any

from yaml import SafeLoader
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from fleetpolicy.format.events import events_of

_LANGUAGE = "fleetpolicy/"
_LEFT_ALONE = frozenset(("", "~", "null", "Null", "NULL", "<<", "true", "false"))
_COUNT = re.compile(r"0|[1-9][0-9]*")
_MISREAD = re.compile(
    r"""
    [0-9a-fA-F]{1,8}:[0-9a-fA-F:]*[0-9a-fA-F](\.[0-7])?  # addresses, ids, times
    | [-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?  # numbers of YAML 1.2
    | 0[xob][0-9a-fA-F_]+
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*
    | y | Y | n | N
    """,
    re.VERBOSE,
)
_TEXT_KEYS = frozenset(
    (
        "address",
        "bridge",
        "by",
        "class",
        "group",
        "host",
        "id",
        "module",
        "name",
        "network",
        "pattern",
        "product",
        "release",
        "serial",
        "source",
        "subsystem",
        "title",
        "vendor",
    )
)
_TEXT_MAPPINGS = frozenset(("labels", "modules", "parameters"))
_IMPLICIT = SafeLoader.yaml_implicit_resolvers

Edit = tuple[int, int]
"""Where a scalar begins and ends in the text."""


def quote(text: str) -> str:
    """Return a text with quotes around what would be misread, in documents of the language only.

    Other documents, such as an Ansible inventory, may mean a number where they write one.
    """
    for start, end in reversed(list(_find_edits(text))):
        text = f'{text[:start]}"{text[start:end]}"{text[end:]}'
    return text


def _find_edits(text: str) -> Iterator[Edit]:
    """Yield the scalars to quote, document by document."""
    found: list[Edit] = []
    is_ours = False
    path = _Path()
    for event in events_of(text):
        if isinstance(event, DocumentEndEvent):
            yield from found if is_ours else ()
            found, is_ours, path = [], False, _Path()
            continue
        if isinstance(event, ScalarEvent):
            keys = path.keys
            if keys == ["apiVersion"] and not path.expects_key:
                is_ours = event.value.startswith(_LANGUAGE)
            edit = _place_of(event)
            if _must_be_quoted(event, path, text[slice(*edit)]):
                found.append(edit)
        path.follow(event)


def _place_of(event: Any) -> Edit:
    return event.start_mark.index, event.end_mark.index


class _Path:
    """The keys above an event."""

    def __init__(self) -> None:
        self._stack: list[list[Any]] = []

    @property
    def keys(self) -> list[str]:
        """The keys, the innermost last."""
        return [key for is_mapping, key in self._stack if is_mapping and key is not None]

    @property
    def expects_key(self) -> bool:
        """Whether the next scalar is a key."""
        return bool(self._stack) and self._stack[-1][0] and self._stack[-1][1] is None

    def follow(self, event: Any) -> None:
        """Take an event in."""
        if isinstance(event, (ScalarEvent, AliasEvent)):
            self._take(event.value if isinstance(event, ScalarEvent) else "")
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._stack.append([isinstance(event, MappingStartEvent), None])
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            self._stack.pop()
            self._take("")

    def _take(self, value: str) -> None:
        """Make a node the pending key, or end the pair that it is the value of."""
        if self._stack and self._stack[-1][0]:
            self._stack[-1][1] = value if self._stack[-1][1] is None else None


def _must_be_quoted(event: Any, path: _Path, written: str) -> bool:
    value = event.value
    if event.style or event.tag or value != written or value == "<<":
        return False
    if not path.expects_key and _is_text_field(path.keys):
        return value not in {"", "~", "null", "Null", "NULL"} and (
            value in {"true", "false"} or _is_misread(value)
        )
    return value not in _LEFT_ALONE and not _COUNT.fullmatch(value) and _is_misread(value)


def _is_text_field(keys: list[str]) -> bool:
    return bool(keys) and (keys[-1] in _TEXT_KEYS or not _TEXT_MAPPINGS.isdisjoint(keys))


def _is_misread(value: str) -> bool:
    """Return whether a reader of YAML 1.1 or 1.2 takes a plain scalar for something else."""
    resolvers = [*_IMPLICIT.get(value[:1], ()), *_IMPLICIT.get(None, ())]
    return bool(_MISREAD.fullmatch(value)) or any(form.match(value) for _, form in resolvers)
