"""Say everything that is wrong with a record that could not be parsed."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from pydantic import ValidationError

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load.host_rules import NOT_A_RECORD, RECORD_MISFIT, RECORD_NOT_JSON
from fleetpolicy.load.misfits import explain_misfits
from fleetpolicy.model.record import HostRecordDocument

_ANEW = "record the host anew: fleetpolicy facts collect"
_HEADER = {"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord"}


def find_faults(data: bytes, span: Span, said: str) -> tuple[Diagnostic, ...]:
    """Return at least one finding.

    Args:
        data: The document.
        span: Where it begins.
        said: What the parser said, should nothing more telling be found.
    """
    document, fault = _read(data, span)
    if fault:
        return (fault,)
    header = tuple(_judge_header(document, span))
    if header:
        return header
    try:
        HostRecordDocument.model_validate_json(data, strict=True)
    except ValidationError as error:
        return tuple(
            RECORD_MISFIT.at(span, why=misfit.why, fix=f"{misfit.fix}, or {_ANEW}")
            for misfit in explain_misfits(error, HostRecordDocument)
        )
    return (RECORD_MISFIT.at(span, why=said, fix=_ANEW),)


def _read(data: bytes, span: Span) -> tuple[Any, Diagnostic | None]:
    try:
        return json.loads(data.decode(), parse_constant=_refuse_constant), None
    except UnicodeDecodeError as error:
        place = _place(span, data[: error.start].decode())
        return None, RECORD_NOT_JSON.at(place, why="it is no UTF-8", fix=_ANEW)
    except json.JSONDecodeError as error:
        place = _place(span, error.doc[: error.pos])
        return None, RECORD_NOT_JSON.at(place, why=_why(error), fix=_ANEW)
    except RecursionError:
        return None, RECORD_NOT_JSON.at(span, why="it is nested too deeply", fix=_ANEW)
    except ValueError as error:
        return None, RECORD_NOT_JSON.at(span, why=str(error), fix=_ANEW)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number that JSON has")


def _why(error: json.JSONDecodeError) -> str:
    if not error.doc.strip():
        return "the document is empty"
    is_open_text = error.msg.startswith("Unterminated string")
    if is_open_text or error.pos >= len(error.doc.rstrip()):
        return "the document ends in the middle: it was cut off"
    return error.msg[:1].lower() + error.msg[1:]


def _place(span: Span, before: str) -> Span:
    """Return the place that follows a text which begins at a span."""
    first = max(span.line, 1)
    return Span(span.path, first + before.count("\n"), len(before) - before.rfind("\n"))


def _judge_header(document: Any, span: Span) -> Iterator[Diagnostic]:
    if not isinstance(document, dict):
        why = f"the document is a {type(document).__name__}, not an object"
        yield NOT_A_RECORD.at(span, why=why, fix=_ANEW)
        return
    for key, expected in _HEADER.items():
        if key not in document:
            yield NOT_A_RECORD.at(span, why=f"{key} is missing", fix=f"add {key}: {expected}")
        elif document[key] != expected:
            why = f"{key} is {document[key]!r:.80}, not {expected!r}"
            yield NOT_A_RECORD.at(span, why=why, fix=_ANEW)
