"""Read a text's tokens and events, through libyaml where it is there."""

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import AliasEvent, CollectionStartEvent, ScalarEvent

_LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
Meaning = tuple[tuple[object, ...], ...]


def tokens_of(text: str) -> Iterator[Any]:
    """Yield the tokens of a text."""
    yield from yaml.scan(text, Loader=_LOADER)


def events_of(text: str) -> Iterator[Any]:
    """Yield the events of a text."""
    yield from yaml.parse(text, Loader=_LOADER)


def meaning_of(text: str) -> Meaning | None:
    """Return what any reader that takes scalars as text would read; None if nothing can be."""
    try:
        return tuple(_tell(event) for event in events_of(text))
    except yaml.YAMLError:
        return None


def _tell(event: Any) -> tuple[object, ...]:
    if isinstance(event, ScalarEvent):
        is_null = not event.style and event.value in {"", "~", "null", "Null", "NULL"}
        return "scalar", event.anchor, event.tag, event.value, is_null
    if isinstance(event, CollectionStartEvent):
        return type(event).__name__, event.anchor, event.tag, event.flow_style
    if isinstance(event, AliasEvent):
        return "alias", event.anchor
    return (type(event).__name__,)
