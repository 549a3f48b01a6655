"""Judge a document by its model, and turn each complaint into a finding at its place."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load.document import Node, Path, SourceDocument, child_of
from fleetpolicy.load.rules import BAD_VALUE, MISSING_KEY, UNKNOWN_KEY
from fleetpolicy.load.source import FINDING_LIMIT, stop_telling
from fleetpolicy.load.wording import describe_pattern
from fleetpolicy.model.scalars import Document

M = TypeVar("M", bound=Document)
Complaint = Any
"""An entry of pydantic's errors(): type, loc, input, ctx."""

_SHAPES = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a sequence",
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "is_instance_of": "a mapping",
}
_SHOWN = 60


def judge(document: SourceDocument, model: type[M]) -> tuple[M | None, tuple[Diagnostic, ...]]:
    """Return the document as its model, or None and what is wrong with it.

    Keys that begin with x- are left out where the model does not know them.
    """
    try:
        return model.model_validate(document.data, by_alias=True, by_name=False), ()
    except ValidationError as error:
        complaints: list[Complaint] = error.errors(include_url=False)
    notes = [item["loc"] for item in complaints if _is_note(item)]
    if notes:
        return judge(_without(document, notes), model)
    found = [_find(document, model, item) for item in complaints[:FINDING_LIMIT]]
    if len(complaints) > FINDING_LIMIT:
        found.append(stop_telling(document.path))
    spoken = dict.fromkeys(item for item in found if item.span not in document.complained)
    return None, tuple(spoken)


def _is_note(complaint: Complaint) -> bool:
    return complaint["type"] == "extra_forbidden" and str(complaint["loc"][-1]).startswith("x-")


def _without(document: SourceDocument, notes: list[Path]) -> SourceDocument:
    """Return a view of a document that lacks some keys, with the same places."""
    dropped = {_path_in(document.data, loc) for loc in notes}
    return document.with_data(_copy_without(document.data, (), dropped))


def _copy_without(node: Node, path: Path, dropped: set[Path]) -> Any:
    if isinstance(node, dict):
        return {
            key: _copy_without(child, (*path, key), dropped)
            for key, child in node.items()
            if (*path, key) not in dropped
        }
    if isinstance(node, list):
        return [_copy_without(child, (*path, index), dropped) for index, child in enumerate(node)]
    return node


def _path_in(data: Node, loc: Path) -> Path:
    """Return the parts of a location that are in the document; unions add others."""
    node: Node | None = data
    path: list[str | int] = []
    for part in loc:
        child = child_of(node, part)
        if child is not None:
            path.append(part)
            node = child
    return tuple(path)


def _find(document: SourceDocument, model: type[BaseModel], complaint: Complaint) -> Diagnostic:
    loc: Path = complaint["loc"]
    path = _path_in(document.data, loc)
    kind = complaint["type"]
    if kind == "extra_forbidden":
        return _find_unknown(document, model, path)
    if kind == "missing":
        return _find_missing(document, path, str(loc[-1]))
    span = document.key_span_of(path) if loc[-1] == "[key]" else document.span_of(path)
    said = _SAYINGS.get(kind, _say_shape)(complaint)
    return BAD_VALUE.at(span, why=_tell(path, loc, complaint, said[0]), fix=said[1])


def _tell(path: Path, loc: Path, complaint: Complaint, said: str) -> str:
    """Return the why of a bad value: its name, what it is, and what was said of it."""
    name = _name(path[:-1] if loc[-1] == "[key]" else path)
    if said:
        return f"{name} {said}"
    if loc[-1] == "[key]":
        return f"{name} has the key {complaint['input']!r:.{_SHOWN}}"
    return f"{name} is {_show(complaint['input'])}"


def _name(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part:.{_SHOWN}}" for part in path)
    return text.lstrip(".") or "the document"


def _show(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a sequence"
    return f"{value!r:.{_SHOWN}}"


def _find_unknown(document: SourceDocument, model: type[BaseModel], path: Path) -> Diagnostic:
    key = str(path[-1])
    known = _keys_at(model, path[:-1])
    fix = f"remove it, or write one of {', '.join(known)}"
    return UNKNOWN_KEY.at(
        document.key_span_of(path),
        why=f"{_name(path[:-1])} has no key {key!r:.{_SHOWN}}",
        fix=suggest(key, known, fix),
    )


def _find_missing(document: SourceDocument, path: Path, key: str) -> Diagnostic:
    span: Span = document.span_of(path)
    return MISSING_KEY.at(span, why=f"{_name(path)} has no {key}", fix=f"add {key}")


def suggest(word: str, known: list[str], otherwise: str) -> str:
    """Return the fix for a word that is not among those known."""
    near = len(word) <= _SHOWN and get_close_matches(
        word.lower(), [item.lower() for item in known], n=1
    )
    return next((f"write {item}" for item in known if near and item.lower() == near[0]), otherwise)


def _keys_at(model: Any, path: Path) -> list[str]:
    """Return the keys that the model at a path takes, as they are written."""
    found = _model_of(model)
    for part in path:
        if found is None:
            return []
        if isinstance(part, str):
            fields = {field.alias or name: field for name, field in found.model_fields.items()}
            found = _model_of(fields[part].annotation) if part in fields else None
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation such as tuple[Model, ...] or Model | None."""
    if get_origin(annotation) is None and isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in get_args(annotation) if (found := _model_of(part))), None)


def _say_shape(complaint: Complaint) -> tuple[str, str]:
    wanted = _SHAPES.get(complaint["type"])
    return "", f"write {wanted}" if wanted else f"correct it: {complaint['msg']}"


def _say_pattern(complaint: Complaint) -> tuple[str, str]:
    return "", f"write {describe_pattern(complaint['ctx']['pattern'])}"


def _say_choice(complaint: Complaint) -> tuple[str, str]:
    known = re.findall(r"'([^']*)'", complaint["ctx"]["expected"])
    value = complaint["input"]
    fix = f"write {' or '.join(known)}"
    return "", suggest(value, known, fix) if isinstance(value, str) else fix


def _say_value(complaint: Complaint) -> tuple[str, str]:
    said = str(complaint["ctx"]["error"])
    if said.startswith("write "):
        return "", said
    said, _, fix = said.partition("; write ")
    return said, f"write {fix or 'one of them'}"


def _say_bound(complaint: Complaint) -> tuple[str, str]:
    (bound,) = complaint["ctx"].values()
    return "", f"write {bound} or {'more' if complaint['type'].startswith('greater') else 'less'}"


def _say_length(complaint: Complaint) -> tuple[str, str]:
    least = complaint["ctx"].get("min_length")
    what = "characters" if complaint["type"].startswith("string") else "items"
    return "is too short", f"write at least {least} {what}"


_SAYINGS: dict[str, Callable[[Complaint], tuple[str, str]]] = {
    "string_pattern_mismatch": _say_pattern,
    "literal_error": _say_choice,
    "enum": _say_choice,
    "value_error": _say_value,
    "greater_than_equal": _say_bound,
    "less_than_equal": _say_bound,
    "too_short": _say_length,
    "string_too_short": _say_length,
}
