"""Explain where data from outside does not fit its model."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from fleetpolicy.load.wording import describe_pattern

KeyPath = tuple[str | int, ...]

_SHAPES = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "int_type": "a whole number",
    "string_type": "a text",
    "tuple_type": "a list",
}
"""What a value is to be, by pydantic's word for its misfit."""
_LONGEST = 60
_TOLD = 1_000
_QUOTE = "; quote it"


class Misfit(Struct, frozen=True):
    """A place in a document and what is wrong there.

    Args:
        is_unquoted: Whether text was meant, and YAML made something else of it.
    """

    path: KeyPath
    why: str
    fix: str
    is_unquoted: bool = False


def explain_misfits(error: ValidationError, model: type[BaseModel] | None) -> Iterator[Misfit]:
    """Yield what a validation found, in the words of the document."""
    for item in error.errors(include_url=False)[:_TOLD]:
        path = tuple(part for part in item["loc"] if part != "[key]")
        yield _explain(item, path, model)


def spell_path(path: KeyPath) -> str:
    """Return a path as devices[0].address."""
    text = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part:.{_LONGEST}}" for part in path
    )
    return text.removeprefix(".") or "it"


def _explain(item: Any, path: KeyPath, model: type[BaseModel] | None) -> Misfit:
    kind, where, given = item["type"], spell_path(path), item["input"]
    if kind == "extra_forbidden":
        return Misfit(path, f"{where} is no key that is known", _suggest(path, model))
    if kind == "missing":
        return Misfit(path, f"{where} is missing", f"add {path[-1]}")
    message = str(item["msg"]).removeprefix("Value error, ")
    if message.endswith(_QUOTE):
        reading = message.removesuffix(_QUOTE)
        return Misfit(path, f"{where} {reading}", "put it in quotes", is_unquoted=True)
    if kind == "value_error":
        return _explain_value(path, given, message)
    return Misfit(path, f"{where} is {_show(given)}", _demand(item, message))


def _explain_value(path: KeyPath, given: Any, message: str) -> Misfit:
    """Explain what a validator of ours said: what is wrong, what to write instead, or both."""
    where = spell_path(path)
    if message.startswith("write "):
        return Misfit(path, f"{where} is {_show(given)}", message)
    said, _, wanted = message.partition("; ")
    why = f"{where}: {said}" if path else said
    return Misfit(path, why, wanted or f"correct {where}")


def _demand(item: Any, message: str) -> str:
    if item["type"] in _SHAPES:
        return f"write {_SHAPES[item['type']]}"
    if item["type"] == "model_type":
        return "write a mapping"
    if item["type"] == "literal_error":
        return f"write one of {item['ctx']['expected']}"
    if item["type"] == "string_pattern_mismatch":
        return f"write {describe_pattern(item['ctx']['pattern'])}"
    should = message.removeprefix("Input should be ")
    return f"make it {should[:1].lower()}{should[1:]}"


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _suggest(path: KeyPath, model: type[BaseModel] | None) -> str:
    known = _keys_at(path[:-1], model)
    word = str(path[-1])
    close = len(word) <= _LONGEST and get_close_matches(word, known, n=1)
    if close:
        return f"write {close[0]}, if that was meant"
    return f"remove it; the keys here are {', '.join(known)}" if known else "remove it"


def _keys_at(path: KeyPath, model: type[BaseModel] | None) -> list[str]:
    """Return the keys that a model takes at a path."""
    for part in path:
        if model is None or isinstance(part, int):
            continue
        fields = {info.alias or name: info for name, info in model.model_fields.items()}
        if part in fields:
            model = _model_within(fields[part].annotation)
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """Return the model in an annotation such as tuple[Model, ...] or dict[str, Model] | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_within(part) for part in get_args(annotation))
    return next((model for model in found if model), None)
