"""Read the settings that a pyproject.toml holds in its table tool.fleetpolicy."""

import re
import tomllib
from array import array
from collections.abc import Iterator
from typing import Any

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load.document import LINE_SHIFT, SourceDocument
from fleetpolicy.load.rules import BAD_VALUE, MISSING_KEY, TOML_SYNTAX
from fleetpolicy.load.source import Source

PYPROJECT_NAME = "pyproject.toml"
_TABLE = re.compile(r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*[\"']?fleetpolicy\b", re.MULTILINE)
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


def may_hold_settings(data: bytes) -> bool:
    """Tell whether a pyproject.toml names the tool at all; one that does not is not judged."""
    return b"fleetpolicy" in data


def parse_pyproject(data: bytes, path: str, *, is_named: bool) -> Source:
    """Return the table tool.fleetpolicy as a document, whose values all have the table's place.

    Args:
        data: The file's bytes.
        path: As the user named it.
        is_named: Whether the user named the file for its settings: then the table must be there.
    """
    try:
        text = data.decode("utf-8-sig")
        whole = tomllib.loads(text)
    except UnicodeDecodeError:
        return Source((), (_unreadable(Span(path), "it is not UTF-8"),))
    except tomllib.TOMLDecodeError as error:
        return Source((), (_broken(str(error), path, text),))
    tools = whole.get("tool", {})
    table = tools.get("fleetpolicy") if isinstance(tools, dict) else None
    if not isinstance(table, dict):
        return Source((), (_without_table(path),) if is_named else ())
    found = _TABLE.search(text)
    mark = text.count("\n", 0, found.start()) << LINE_SHIFT if found else 0
    nodes = list(_nodes("tool.fleetpolicy", table))
    document = SourceDocument(path, _as_texts(table), array("Q", (mark for _ in nodes)))
    span = document.span_of(())
    return Source((document,), tuple(_unquoted(span, *node) for node in nodes if _is_bare(node[1])))


def _nodes(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key and each value with its name, in the order in which documents mark them."""
    yield name, value
    if isinstance(value, dict):
        for key, below in value.items():
            yield name, key
            yield from _nodes(f"{name}.{key}", below)
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _nodes(f"{name}[{number}]", below)


def _as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_texts(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_as_texts(below) for below in value]
    return str(value)


def _is_bare(value: Any) -> bool:
    return not isinstance(value, str | dict | list)


def _unquoted(span: Span, name: str, value: object) -> Diagnostic:
    return BAD_VALUE.at(
        span, why=f"{name} is {value}, which is no text", fix=f'put it into quotes: "{value}"'
    )


def _broken(said: str, path: str, text: str) -> Diagnostic:
    found = _PLACE.fullmatch(said)
    if found is None:
        return _unreadable(Span(path), said)
    lines = text.count("\n") + 1
    line, column = (int(found[2]), int(found[3])) if found[2] else (lines, 1)
    return _unreadable(Span(path, line, column), found[1])


def _unreadable(span: Span, why: str) -> Diagnostic:
    return TOML_SYNTAX.at(
        span, why=why, fix="correct the TOML, or keep the settings in fleetpolicy.yaml"
    )


def _without_table(path: str) -> Diagnostic:
    return MISSING_KEY.at(
        Span(path), why="the file has no table tool.fleetpolicy", fix="add [tool.fleetpolicy]"
    )
