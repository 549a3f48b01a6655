"""Read YAML strictly: text values with places, and a finding for everything that is wrong."""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import yaml
from msgspec import Struct
from yaml.events import DocumentStartEvent, StreamEndEvent

from fleetpolicy.diagnostics import Diagnostic, Rule, Span
from fleetpolicy.load.builder import Builder, UnusableDocument
from fleetpolicy.load.document import SourceDocument
from fleetpolicy.load.rules import DUPLICATE_KEY, NOT_A_DOCUMENT, SYNTAX, TOO_BIG

SIZE_LIMIT = 16 << 20
DOCUMENT_LIMIT = 10_000
NODE_LIMIT = 500_000
FINDING_LIMIT = 1_000
_RESTARTS = 50
_PLAIN = re.compile("[\t\n\r\x20-\x7e]*")
_UNPRINTABLE = (
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_START = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_FIXES = (
    ("alias", 'put the text into quotes, such as "*"'),
    ("anchor", 'put the text into quotes, such as "&"'),
    ("block scalar", 'put the text into quotes, such as ">=6.9"'),
    ("quoted scalar", "close the quotes, and double a backslash in double quotes"),
    ("flow", "close the bracket or brace, with commas between the items"),
    ("mapping values", "indent the line like its neighbours, or quote a text that has a colon"),
    ("start any token", "indent with spaces, and quote a text that begins with @ ` % or a tab"),
    ("expected ':'", "add the colon, or indent the line"),
    ("<document start>", "begin the next document with ---"),
)


class Source(Struct, frozen=True):
    """A file's documents, and what is wrong with its text."""

    documents: tuple[SourceDocument, ...]
    findings: tuple[Diagnostic, ...]


def parse_source(data: bytes, path: str) -> Source:
    """Return the documents of a file; broken ones are left out and told in the findings."""
    text = _decode(data, path)
    if isinstance(text, Diagnostic):
        return Source((), (text,))
    reading = _Reading(path, text)
    with _no_garbage_collection():
        reading.read()
    if len(reading.findings) >= FINDING_LIMIT:
        reading.findings.append(stop_telling(path))
    return Source(tuple(reading.documents), tuple(dict.fromkeys(reading.findings)))


def stop_telling(path: str) -> Diagnostic:
    """Return the finding that says that a file has more findings than are told."""
    why = f"the file has more than {FINDING_LIMIT} findings, and the rest of it is not judged"
    fix = "correct what is told, then look again"
    return TOO_BIG.at(Span(path), why=why, fix=fix)


def _decode(data: bytes, path: str) -> str | Diagnostic:
    if len(data) > SIZE_LIMIT:
        why = f"it has {len(data)} bytes, and at most {SIZE_LIMIT} are read"
        return TOO_BIG.at(Span(path), why=why, fix="split it into several files")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        why = f"byte 0x{data[error.start]:02x} is not UTF-8"
        return SYNTAX.at(_span_after(path, before), why=why, fix="save the file as UTF-8")
    if _PLAIN.fullmatch(text):
        return text
    odd = re.search(_UNPRINTABLE, text)
    if odd is None:
        return text
    return SYNTAX.at(
        _span_after(path, text[: odd.start()]),
        why=f"character U+{ord(odd.group()):04X} is not printable",
        fix="remove it",
    )


def _span_after(path: str, before: str) -> Span:
    return Span(path, before.count("\n") + 1, len(before) - before.rfind("\n"))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep the collector from walking a growing tree that has no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Reading:
    """The reading of one text, started again after each document that could not be parsed."""

    def __init__(self, path: str, text: str) -> None:
        self.documents: list[SourceDocument] = []
        self.findings: list[Diagnostic] = []
        self._path = path
        self._text = text
        self._first_line = 0
        self._count = 0
        self._nodes = 0

    def read(self) -> None:
        offset = 0
        for _ in range(_RESTARTS):
            broken_line = self._read_from(offset)
            if broken_line is None:
                return
            found = self._next_start(offset, max(broken_line, 1 if offset else 0))
            if found is None:
                return
            self._first_line += self._text.count("\n", offset, found)
            offset = found

    def _next_start(self, offset: int, line: int) -> int | None:
        """Return where the first document begins at or after a line, counted from the offset."""
        position = offset
        for _ in range(line):
            position = self._text.find("\n", position) + 1
            if not position:
                return None
        found = _START.search(self._text, position)
        return found.start() if found else None

    def _read_from(self, offset: int) -> int | None:
        """Read documents; return the line of the first that could not be parsed."""
        loader = _LOADER(self._text[offset:] if offset else self._text)
        try:
            self._read_documents(loader)
        except yaml.MarkedYAMLError as error:
            return self._note_syntax(error)
        except yaml.YAMLError as error:
            self._note(SYNTAX, Span(self._path), str(error), "correct the text")
        except UnusableDocument as error:
            self._note(error.rule, self._span(error.mark), error.why, error.fix)
            return int(error.mark.line)
        finally:
            loader.dispose()
        return None

    def _read_documents(self, loader: Any) -> None:
        next_event = loader.get_event
        while True:
            event = next_event()
            if type(event) is StreamEndEvent:
                return
            if type(event) is not DocumentStartEvent:
                continue
            self._count += 1
            excess = self._find_excess()
            if excess:
                self._note(TOO_BIG, self._span(event.start_mark), excess, "split it into files")
            if excess or len(self.findings) >= FINDING_LIMIT:
                return
            self._add(Builder(next_event))

    def _find_excess(self) -> str:
        """Return what the file has too much of; empty if it has not."""
        if self._count > DOCUMENT_LIMIT:
            return f"the file has more than {DOCUMENT_LIMIT} documents"
        if self._nodes > NODE_LIMIT:
            return f"the file has more than {NODE_LIMIT} keys and values"
        return ""

    def _add(self, builder: Builder) -> None:
        try:
            data = builder.build()
        finally:
            self._nodes += len(builder.marks)
        is_mapping = isinstance(data, dict)
        whole = data if isinstance(data, dict) else {}
        document = SourceDocument(self._path, whole, builder.marks, self._first_line)
        for rule, mark, why, fix in builder.oddities:
            self._note(rule, document.span_at(mark), why, fix)
        if builder.oddities:
            places = (document.span_at(mark) for _, mark, _, _ in builder.oddities)
            document.complained = frozenset(places)
        if builder.doubled:
            self._note_doubled(document)
        if is_mapping:
            self.documents.append(document)
        elif data:
            shape = "a sequence" if isinstance(data, list) else f"the text {data!r:.60}"
            span = document.span_at(builder.marks[0])
            self._note(NOT_A_DOCUMENT, span, f"it is {shape}, not a mapping", "write a mapping")

    def _note_doubled(self, document: SourceDocument) -> None:
        for first, second, key in islice(document.drop_pairs(), FINDING_LIMIT):
            why = f"{key:.60} stands at {first.line}:{first.column} and here"
            self._note(DUPLICATE_KEY, second, why, "remove one of the two")

    def _note_syntax(self, error: yaml.MarkedYAMLError) -> int:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        problem = f"{error.context or ''}: {error.problem}" if error.context else error.problem
        if error.context_mark and error.context_mark.line != line:
            began = self._span(error.context_mark)
            problem = f"{problem} (it began at {began.line}:{began.column})"
        fix = next((fix for word, fix in _FIXES if word in str(problem)), "correct the syntax here")
        self._note(SYNTAX, self._span(mark), str(problem), fix)
        return line

    def _span(self, mark: Any) -> Span:
        if mark is None:
            return Span(self._path)
        return Span(self._path, mark.line + self._first_line + 1, mark.column + 1)

    def _note(self, rule: Rule, span: Span, why: str, fix: str) -> None:
        self.findings.append(rule.at(span, why=why, fix=fix))
