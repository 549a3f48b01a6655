"""Hold one YAML document as text values, with the place of every key and value."""

from array import array
from collections.abc import Iterator
from typing import Any

from fleetpolicy.diagnostics import Span

Node = str | dict[str, "Node"] | list["Node"]
Path = tuple[str | int, ...]

LINE_SHIFT = 24
_COLUMNS = (1 << LINE_SHIFT) - 1


class DroppedKey:
    """Stands for the key of a pair that is left out, so that marks and nodes keep one order."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class SourceDocument:
    """A document: its data and, in a flat array, the marks of its nodes in the order of the text.

    Args:
        marks: Line and column from 0, packed; each key before its value.
        first_line: Of the text that the marks count from.
        complained: Places that the loader has already said something about.
    """

    __slots__ = ("_first_line", "_keys", "_marks", "_values", "complained", "data", "path")

    def __init__(self, path: str, data: dict[str, Node], marks: "array[int]", first_line: int = 0):
        self.path = path
        self.data = data
        self.complained: frozenset[Span] = frozenset()
        self._marks: array[int] = marks
        self._first_line = first_line

    def with_data(self, data: dict[str, Node]) -> "SourceDocument":
        """Return the document with less data, its places unchanged."""
        self._locate()
        other = SourceDocument(self.path, data, self._marks, self._first_line)
        other.complained = self.complained
        other._values, other._keys = self._values, self._keys
        return other

    def span_of(self, path: Path) -> Span:
        """Return the place of the value at a path, or of the nearest enclosing one."""
        if not path:
            return self.span_at(self._marks[0])
        self._locate()
        while path not in self._values:
            path = path[:-1]
        return self.span_at(self._values[path])

    def key_span_of(self, path: Path) -> Span:
        """Return the place of the key at a path, or of the nearest value around it."""
        self._locate()
        mark = self._keys.get(path)
        return self.span_of(path) if mark is None else self.span_at(mark)

    def span_at(self, mark: int) -> Span:
        """Return the place that a packed mark stands for."""
        line = (mark >> LINE_SHIFT) + self._first_line + 1
        return Span(self.path, line, (mark & _COLUMNS) + 1)

    def value_at(self, path: Path) -> Node | None:
        """Return the value at a path, None where there is none."""
        node: Node | None = self.data
        for part in path:
            node = child_of(node, part)
        return node

    def drop_pairs(self) -> list[tuple[Span, Span, str]]:
        """Remove the pairs whose keys are DroppedKeys.

        Returns:
            Place of the first key of that text, of the one that was dropped, and the text; nothing
            for a dropped key that is the only one.
        """
        self._locate()
        found = []
        for path, mark in list(self._keys.items()):
            key: Any = path[-1]
            if not isinstance(key, DroppedKey):
                continue
            first = self._keys.get((*path[:-1], key.text))
            if first is not None:
                found.append((self.span_at(first), self.span_at(mark), key.text))
            parent: Any = self.value_at(path[:-1])
            if parent is not None:
                del parent[key]
        return found

    def _locate(self) -> None:
        if not hasattr(self, "_values"):
            self._values: dict[Path, int] = {}
            self._keys: dict[Path, int] = {}
            self._walk((), self.data, iter(self._marks))

    def _walk(self, path: Path, node: Node, marks: Iterator[int]) -> None:
        self._values[path] = next(marks)
        if isinstance(node, dict):
            for key, child in node.items():
                below = (*path, key)
                self._keys[below] = next(marks)
                self._walk(below, child, marks)
        elif isinstance(node, list):
            for index, child in enumerate(node):
                self._walk((*path, index), child, marks)


def child_of(node: Node | None, part: str | int) -> Node | None:
    """Return what a mapping or sequence holds under a key or index, None where it holds nothing."""
    if isinstance(node, dict) and isinstance(part, str):
        return node.get(part)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return None
