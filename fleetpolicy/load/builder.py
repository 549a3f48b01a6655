"""Build documents from libyaml's events, every plain scalar as the text that was written."""

from array import array
from collections.abc import Callable
from itertools import repeat
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from fleetpolicy.diagnostics import Rule
from fleetpolicy.load.document import LINE_SHIFT, DroppedKey, Node
from fleetpolicy.load.rules import EMPTY_VALUE, FOREIGN_FEATURE, TOO_BIG

DEPTH_LIMIT = 32
EVENT_LIMIT = 200_000
ODDITY_LIMIT = 1_000
NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_MERGE = frozenset(("<<",))
_IN_SEQUENCE = object()

Container = Any
"""The mapping or sequence that is being filled; as a union it would be tested for every event."""


class UnusableDocument(Exception):  # noqa: N818 it ends a document, not the run
    """A document cannot be built any further.

    Args:
        mark: Line and column from 0.
    """

    def __init__(self, rule: Rule, mark: Any, why: str, fix: str) -> None:
        super().__init__(why)
        self.rule, self.mark, self.why, self.fix = rule, mark, why, fix


class Builder:
    """Builds one document, and keeps what it stumbled over.

    Args:
        next_event: libyaml's event source.
    """

    __slots__ = ("_next", "_stack", "doubled", "marks", "oddities")

    def __init__(self, next_event: Callable[[], Any]) -> None:
        self._next = next_event
        self._stack: list[tuple[Container, Any]] = []
        self.marks: array[int] = array("Q")
        self.oddities: list[tuple[Rule, int, str, str]] = []
        self.doubled = False

    def build(self) -> Node:
        """Return the root of the next document; its marks and oddities are kept beside it.

        Raises:
            UnusableDocument: It uses what the language does not have, at a place where that
                cannot be skipped.
        """
        root: list[Node] = []
        container: Container = root
        key: Any = _IN_SEQUENCE
        next_event, mark = self._next, self.marks.append
        for _ in repeat(None, EVENT_LIMIT):
            event = next_event()
            if type(event) is not ScalarEvent:
                if type(event) is DocumentEndEvent:
                    return root[0]
                container, key = self._turn(event, container, key)
                continue
            value = event.value
            place: Any = event.start_mark
            mark(place.line << LINE_SHIFT | place.column)
            if event.tag is not None or event.anchor is not None:
                self._note_properties(event)
            if key is None:
                is_odd = value in container or (value in _MERGE and not event.style)
                key = self._double(event) if is_odd else value
                continue
            if value in NULLS and not event.style and self._stack:
                self._note_empty(value)
            if key is _IN_SEQUENCE:
                container.append(value)
            else:
                container[key] = value
                key = None
        raise self._too_long(event)

    def _turn(self, event: Any, container: Container, key: Any) -> tuple[Container, Any]:
        """Enter or leave a collection; return what is filled next, and its pending key."""
        kind = type(event)
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            return self._stack.pop()
        if kind is AliasEvent or key is None:
            return self._skip(event, container, key)
        if len(self._stack) >= DEPTH_LIMIT:
            self._refuse_depth(event)
        if event.tag is not None or event.anchor is not None:
            self._note_properties(event)
        node: Any = {} if kind is MappingStartEvent else []
        if key is _IN_SEQUENCE:
            self._stack.append((container, _IN_SEQUENCE))
            container.append(node)
        else:
            self._stack.append((container, None))
            container[key] = node
        if key is _IN_SEQUENCE or event.flow_style:
            self.marks.append(_pack(event.start_mark))
        else:
            self.marks.append(self.marks[-1])
        return node, None if kind is MappingStartEvent else _IN_SEQUENCE

    def _skip(self, event: Any, container: Container, key: Any) -> tuple[Container, Any]:
        """Put an empty text in the place of an alias; refuse whatever stands as a key."""
        if key is None:
            is_alias = type(event) is AliasEvent
            why = "an alias as a key" if is_alias else "a mapping or sequence as a key"
            fix = "write the key as text"
            raise UnusableDocument(FOREIGN_FEATURE, event.start_mark, why, fix)
        self.marks.append(_pack(event.start_mark))
        fix = f'write the value itself, or in quotes if it is text: "*{event.anchor}"'
        self._note(FOREIGN_FEATURE, self.marks[-1], f"the alias *{event.anchor}", fix)
        if key is _IN_SEQUENCE:
            container.append("")
            return container, key
        container[key] = ""
        return container, None

    @staticmethod
    def _refuse_depth(event: Any) -> None:
        why = f"mappings and sequences are nested more than {DEPTH_LIMIT} levels deep"
        fix = "no kind needs that depth: remove the nesting"
        raise UnusableDocument(TOO_BIG, event.start_mark, why, fix)

    @staticmethod
    def _too_long(event: Any) -> UnusableDocument:
        why = f"the document has more than {EVENT_LIMIT} keys, values and brackets"
        fix = "split it into several documents"
        return UnusableDocument(TOO_BIG, event.start_mark, why, fix)

    def _double(self, event: Any) -> Any:
        """Return a key for a pair that is dropped."""
        if event.value == "<<" and not event.style:
            fix = "write the keys where they belong"
            self._note(FOREIGN_FEATURE, self.marks[-1], "the merge key <<", fix)
        self.doubled = True
        return DroppedKey(event.value)

    def _note(self, rule: Rule, mark: int, why: str, fix: str) -> None:
        if len(self.oddities) < ODDITY_LIMIT:
            self.oddities.append((rule, mark, why, fix))

    def _note_empty(self, value: str) -> None:
        why = f"{value} means null" if value else "there is no value"
        fix = 'write "" for an empty text, {} for an empty mapping, or remove the key'
        self._note(EMPTY_VALUE, self.marks[-1], why, fix)

    def _note_properties(self, event: Any) -> None:
        mark = _pack(event.start_mark)
        if event.anchor is not None:
            fix = f'remove it, or in quotes if it is text: "&{event.anchor}"'
            self._note(FOREIGN_FEATURE, mark, f"the anchor &{event.anchor}", fix)
        if event.tag is not None:
            fix = "remove it: the field decides over the type"
            self._note(FOREIGN_FEATURE, mark, f"the tag {event.tag}", fix)


def _pack(mark: Any) -> int:
    packed: int = mark.line << LINE_SHIFT | mark.column
    return packed
