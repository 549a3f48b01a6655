"""Name what a run judged: the files of a policy, the hosts of a fleet."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from fleetpolicy.model.policyset import Located, PolicySet

_CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue"


def files_of(policy: PolicySet) -> tuple[str, ...]:
    """Return the files that a policy was read from, sorted, those of the catalogue left out."""
    shipped = {f"{_CATALOGUE.name}/{path.name}" for path in _CATALOGUE.iterdir()}
    found = {
        located.span.path
        for field in fields(policy)
        for located in _documents(getattr(policy, field.name))
    }
    return tuple(sorted(found - shipped - {""}))


def _documents(value: object) -> Iterator[Located[object]]:
    if isinstance(value, Located):
        yield value
    elif isinstance(value, Iterable) and not isinstance(value, str):
        members = value.values() if isinstance(value, dict) else value
        yield from (item for item in members if isinstance(item, Located))
