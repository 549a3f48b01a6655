"""Compare two looks at hosts, value by value, once for pairs of equal records."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import to_builtins

from fleetpolicy.model.factdiff import FactChange, FactsDifference
from fleetpolicy.model.record import HostRecord

_NOISE = ("bootId", "uptimeSeconds", "collectedAt")
_KEYS = ("address", "index", "pattern")
_Change = tuple[str, str | None, str | None]


def compare_facts(
    before: Mapping[str, HostRecord], after: Mapping[str, HostRecord], *, noise: bool = False
) -> FactsDifference:
    """Return what differs, equal differences of many hosts in one entry.

    Args:
        before: The first look, by host.
        after: The second.
        noise: Count what differs at every boot and every look, too.
    """
    hosts: dict[_Change, list[str]] = {}
    remembered: dict[tuple[bytes, ...], tuple[_Change, ...]] = {}
    both = sorted(before.keys() & after.keys())
    for name in both:
        old, new = before[name], after[name]
        key = (old.facts_key, old.state_key, new.facts_key, new.state_key)
        if key not in remembered:
            remembered[key] = tuple(_differ("", _shared(old), _shared(new), noise=noise))
        own = _differ("", _own(old), _own(new), noise=noise)
        for change in (*remembered[key], *own):
            hosts.setdefault(change, []).append(name)
    changes = [FactChange(*change, tuple(names)) for change, names in hosts.items()]
    return FactsDifference(
        total=len(both),
        changes=tuple(sorted(changes, key=_order)),
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def _order(change: FactChange) -> tuple[object, ...]:
    return (change.path, -len(change.hosts), change.before or "", change.after or "")


def _shared(record: HostRecord) -> dict[str, Any]:
    return {
        "facts": record.facts.model_dump(mode="json", by_alias=True),
        "state": record.state.model_dump(mode="json", by_alias=True),
    }


def _own(record: HostRecord) -> dict[str, Any]:
    identity = to_builtins(record.identity)
    return {"collectedAt": record.collected_at, "identity": identity}


def _differ(path: str, old: Any, new: Any, *, noise: bool) -> Iterator[_Change]:
    """Yield the leaves that differ, and where a whole branch came or went, the branch."""
    if old == new:
        return
    before, after = _branches(old), _branches(new)
    if before is None or after is None:
        yield path, _write(old), _write(new)
        return
    for key in sorted({*before, *after}):
        if key.strip(".") in _NOISE and not noise:
            continue
        place = f"{path}{key}".lstrip(".")
        if key not in before:
            yield place, None, _write(after[key])
        elif key not in after:
            yield place, _write(before[key]), None
        else:
            yield from _differ(place, before[key], after[key], noise=noise)


def _branches(value: Any) -> Mapping[str, Any] | None:
    """Return the parts of a value by how a path goes on to them; None where it has none."""
    if isinstance(value, dict):
        return {f"[{key}]" if _is_address(key) else f".{key}": part for key, part in value.items()}
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        named = {_key_of(item): item for item in value}
        return named if len(named) == len(value) else None
    return None


def _is_address(key: str) -> bool:
    return not key.replace("_", "").isalnum()


def _key_of(item: Mapping[str, Any]) -> str:
    """Return what tells an entry of a list from the others."""
    known = next((item[key] for key in _KEYS if key in item), None)
    return f"[{json.dumps(item, sort_keys=True) if known is None else known}]"


def _write(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
