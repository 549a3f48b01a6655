"""Find the findings that only one of two sides has, or that both have."""

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


def intersect(these: Iterable[Diagnostic], those: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the findings that others have too, each with the hosts that both name."""
    others = _by_key(those)
    return tuple(
        found
        for key, item in _by_key(these).items()
        if (found := _common(item, others.get(key))) is not None
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
    return _about(item.finding, left)


def _common(item: _Found, other: _Found | None) -> Diagnostic | None:
    """Return a finding with the hosts that both sides have; None where there are none."""
    if other is None or (item.hosts and not item.hosts & other.hosts):
        return None
    return _about(item.finding, item.hosts & other.hosts)


def _about(finding: Diagnostic, hosts: set[str]) -> Diagnostic:
    if not hosts:
        return finding
    first, *others = sorted(hosts)
    return replace(finding, subject=replace(finding.subject, host=first, others=tuple(others)))
