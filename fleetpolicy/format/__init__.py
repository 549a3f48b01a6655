"""Format YAML: lay it out anew and quote what other readers would misread, comments kept."""

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleetpolicy.format.events import meaning_of
from fleetpolicy.format.layout import lay_out
from fleetpolicy.format.quoting import quote
from fleetpolicy.format.separators import separate

__all__ = ["format"]

_ROUNDS = 8


def format(text: str) -> str:  # noqa: A001 a stage's verb has the stage's name
    """Return a file's text formatted; a step that would change what is read is left out.

    Args:
        text: YAML that can be parsed.
    """
    with _without_collecting():
        for _ in range(_ROUNDS):
            before = text
            for step in (_end_lines, separate, quote, lay_out, _end_file):
                text = _unless_it_changes(text, step)
            if text == before:
                break  # a step can make room for one that was left out before
    return text


def _unless_it_changes(text: str, step: Callable[[str], str]) -> str:
    changed = step(text)
    if changed == text or meaning_of(changed) != meaning_of(text):
        return text
    return changed


def _end_lines(text: str) -> str:
    return re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))


def _end_file(text: str) -> str:
    stripped = text.rstrip("\n")
    return f"{stripped}\n" if stripped else ""


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Pause the garbage collector: tokens and events are many and without cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
