"""Find the findings that only one of two sides has."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fleetpolicy.diagnostics import Diagnostic

# A line that moved is no new finding.
_PLACE = re.compile(r"(\.(?:ya?ml|json|jsonl|ini)):\d+(?::\d+)?")
_Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Found:
    finding: Diagnostic
    hosts: set[str] = field(default_factory=set)


def subtract(these: Iterable[Diagnostic], those: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the findings that others do not have, each with the hosts that are affected anew.

    Two findings are one if they differ in nothing but lines, dates and hosts.
    """
    others = _by_key(those)
    return tuple(
        found
        for key, item in _by_key(these).items()
        if (found := _remainder(item, others.get(key))) is not None
    )


def _by_key(findings: Iterable[Diagnostic]) -> Mapping[_Key, _Found]:
    found: dict[_Key, _Found] = {}
    for item in sorted(findings, key=lambda item: item.order):
        why = _PLACE.sub(r"\1", item.why)
        key = (item.rule.id, item.span.path, item.subject.device, why)
        entry = found.setdefault(key, _Found(item))
        entry.hosts |= {name for name in (item.subject.host, *item.subject.others) if name}
    return found


def _remainder(item: _Found, other: _Found | None) -> Diagnostic | None:
    """Return a finding with the hosts that the other side lacks; None where there are none."""
    if other is None:
        left = item.hosts
    else:
        left = item.hosts - other.hosts
        if not left:
            return None
    if not left:
        return item.finding
    first, *others = sorted(left)
    subject = replace(item.finding.subject, host=first, others=tuple(others))
    return replace(item.finding, subject=subject)
