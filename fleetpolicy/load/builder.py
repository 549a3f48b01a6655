"""Build documents from libyaml's events, every plain scalar as the text that was written."""

from array import array
from collections.abc import Callable
from typing import Any

from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from fleetpolicy.diagnostics import Rule
from fleetpolicy.load.document import LINE_SHIFT, DroppedKey, Node
from fleetpolicy.load.rules import EMPTY_VALUE, FOREIGN_FEATURE, TOO_BIG

DEPTH_LIMIT = 32
NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_IN_SEQUENCE = "\0item"

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
        self._stack: list[tuple[Container, str | None]] = []
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
        while True:
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
                is_odd = value in container or (value == "<<" and not event.style)
                key = self._double(event) if is_odd else value
                continue
            if value in NULLS and not event.style and self._stack:
                self._note_empty(value)
            if key is _IN_SEQUENCE:
                container.append(value)
            else:
                container[key] = value
                key = None

    def _turn(
        self, event: Any, container: Container, key: str | None
    ) -> tuple[Container, str | None]:
        """Enter or leave a collection; return what is filled next, and its pending key."""
        kind = type(event)
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            return self._stack.pop()
        if key is None:
            raise UnusableDocument(
                FOREIGN_FEATURE,
                event.start_mark,
                "an alias as a key" if kind is AliasEvent else "a mapping or sequence as a key",
                "write the key as text",
            )
        after = _IN_SEQUENCE if key is _IN_SEQUENCE else None
        if kind is AliasEvent:
            self._note_alias(event)
            self._attach(container, key, "")
            return container, after
        return self._enter(event, container, key, after)

    def _enter(
        self, event: Any, container: Container, key: str, after: str | None
    ) -> tuple[Container, str | None]:
        self._check_start(event)
        mark = event.start_mark
        if after is None and not event.flow_style:
            self.marks.append(self.marks[-1])
        else:
            self.marks.append(mark.line << LINE_SHIFT | mark.column)
        self._stack.append((container, after))
        if type(event) is MappingStartEvent:
            mapping: dict[str, Node] = {}
            self._attach(container, key, mapping)
            return mapping, None
        sequence: list[Node] = []
        self._attach(container, key, sequence)
        return sequence, _IN_SEQUENCE

    def _check_start(self, event: Any) -> None:
        if len(self._stack) >= DEPTH_LIMIT:
            raise UnusableDocument(
                TOO_BIG,
                event.start_mark,
                f"mappings and sequences are nested more than {DEPTH_LIMIT} levels deep",
                "no kind needs that depth: remove the nesting",
            )
        if type(event) not in {MappingStartEvent, SequenceStartEvent}:
            raise TypeError(f"libyaml sent {event!r}")
        if event.tag is not None or event.anchor is not None:
            self._note_properties(event)

    @staticmethod
    def _attach(container: Container, key: str, node: Node) -> None:
        if key is _IN_SEQUENCE:
            container.append(node)
        else:
            container[key] = node

    def _double(self, event: Any) -> Any:
        """Return a key for a pair that is dropped."""
        if event.value == "<<" and not event.style:
            fix = "write the keys where they belong"
            self._note(FOREIGN_FEATURE, self.marks[-1], "the merge key <<", fix)
        self.doubled = True
        return DroppedKey(event.value)

    def _note(self, rule: Rule, mark: int, why: str, fix: str) -> None:
        self.oddities.append((rule, mark, why, fix))

    def _note_empty(self, value: str) -> None:
        why = f"{value} means null" if value else "there is no value"
        fix = 'write "" for an empty text, {} for an empty mapping, or remove the key'
        self._note(EMPTY_VALUE, self.marks[-1], why, fix)

    def _note_alias(self, event: Any) -> None:
        mark = event.start_mark.line << LINE_SHIFT | event.start_mark.column
        self.marks.append(mark)
        fix = f'write the value itself, or in quotes if it is text: "*{event.anchor}"'
        self._note(FOREIGN_FEATURE, mark, f"the alias *{event.anchor}", fix)

    def _note_properties(self, event: Any) -> None:
        mark = event.start_mark.line << LINE_SHIFT | event.start_mark.column
        if event.anchor is not None:
            fix = f'remove it, or in quotes if it is text: "&{event.anchor}"'
            self._note(FOREIGN_FEATURE, mark, f"the anchor &{event.anchor}", fix)
        if event.tag is not None:
            fix = "remove it: the field decides over the type"
            self._note(FOREIGN_FEATURE, mark, f"the tag {event.tag}", fix)
