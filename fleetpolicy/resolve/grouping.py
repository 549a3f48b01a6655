"""Group hosts that are equal in everything but their names: each kind is worked out once."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import attrgetter

from fleetpolicy.diagnostics import Diagnostic, Subject
from fleetpolicy.model.guest import Guest, GuestSpec
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.policy import HostMatch
from fleetpolicy.model.policyset import Located, PolicySet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.resolve.defaults import choose_defaults
from fleetpolicy.resolve.rules import (
    NO_FACTS,
    UNKNOWN_GROUP,
    UNKNOWN_HOST,
    UNKNOWN_PATTERN,
)
from fleetpolicy.resolve.situation import Situation

_SHAPE = attrgetter(*(name for name in GuestSpec.model_fields if name != "host"))
_CHOOSERS: Mapping[str | int, str] = {
    "match": "policy",
    "overrides": "override",
    "waves": "wave",
    "hosts": "exception",
}


_Fitting = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices of the policies and of the overrides whose host match holds."""


def group_hosts(
    policy: PolicySet, inventory: Inventory, records: Mapping[str, HostRecord]
) -> tuple[tuple[Situation, ...], tuple[Diagnostic, ...]]:
    """Return one situation per class of equal hosts, in the order of their first hosts."""
    guests = _guests_by_host(policy.guests)
    members: dict[Hashable, list[str]] = {}
    chosen: dict[Hashable, _Fitting] = {}
    shapes = {
        name: tuple(_shape(policy, item.model) for item in found) for name, found in guests.items()
    }
    choose = _host_matcher(policy, inventory)
    compares_serials = _names_serials(policy)
    missing = []
    for name, host in inventory.hosts.items():
        record = records.get(name)
        if record is None:
            missing.append(name)
            continue
        fitting = choose(host)
        serials = tuple(sorted(record.identity.serials.items())) if compares_serials else ()
        key = (record.facts_key, fitting, shapes.get(name), serials)
        equals = members.get(key)
        if equals is None:
            members[key], chosen[key] = [name], fitting
        else:
            equals.append(name)
    situations = tuple(
        _situate(policy, names, records[names[0]], guests.get(names[0], ()), chosen[key])
        for key, names in members.items()
    )
    return situations, (*_check_names(policy, inventory), *_without_facts(inventory, missing))


def _situate(
    policy: PolicySet,
    names: Sequence[str],
    record: HostRecord,
    guests: tuple[Located[Guest], ...],
    chosen: _Fitting,
) -> Situation:
    """Return the situation of equal hosts; chosen are the policies and the overrides for them."""
    policies, overrides = chosen
    return Situation(
        policy=policy,
        host=names[0],
        others=tuple(names[1:]),
        facts=record.facts,
        facts_source=f"{record.span.path}, {record.collected_at[:10]}",
        serials=record.identity.serials,
        applicable=tuple(policy.device_policies[index] for index in policies),
        guests=guests,
        defaults=choose_defaults(policy.fleet, overrides),
    )


def _guests_by_host(guests: Iterable[Located[Guest]]) -> dict[str, tuple[Located[Guest], ...]]:
    """Return each host's guests, sorted by name as they came."""
    by_host: dict[str, list[Located[Guest]]] = {}
    for guest in guests:
        by_host.setdefault(guest.model.spec.host, []).append(guest)
    return {host: tuple(found) for host, found in by_host.items()}


def _shape(policy: PolicySet, guest: Guest) -> Hashable:
    """Return everything of a guest but its name and host."""
    template = policy.templates.get(guest.metadata.name) if guest.spec.template else None
    return _SHAPE(guest.spec), template.digest if template else ""


def _names_serials(policy: PolicySet) -> bool:
    """Return whether any policy or guest chooses a device by its serial number."""
    return any(located.model.spec.match.device.serial for located in policy.device_policies) or any(
        item.device.serial for located in policy.guests for item in located.model.spec.devices
    )


def _host_matcher(policy: PolicySet, inventory: Inventory) -> Callable[[InventoryHost], _Fitting]:
    """Return a function from a host to what fits it; hosts that share labels are judged once."""
    policies = [located.model.spec.match.hosts for located in policy.device_policies]
    overrides = [item.hosts for item in policy.fleet.model.spec.overrides]
    remembered: dict[Hashable, _Fitting] = {}
    by_pattern = [
        inventory.patterns.get(pattern, frozenset())
        for pattern in dict.fromkeys(match.pattern for match in (*policies, *overrides))
        if pattern
    ]

    def find(matches: Sequence[HostMatch], host: InventoryHost) -> tuple[int, ...]:
        return tuple(
            index for index, match in enumerate(matches) if matches_host(match, host, inventory)
        )

    def choose(host: InventoryHost) -> _Fitting:
        key = (host.groups, id(host.labels), *[host.name in names for names in by_pattern])
        fitting = remembered.get(key)
        if fitting is None:
            fitting = remembered[key] = find(policies, host), find(overrides, host)
        return fitting

    return choose


def matches_host(match: HostMatch, host: InventoryHost, inventory: Inventory) -> bool:
    """Tell whether every part of a host match holds."""
    if match.group and match.group not in host.groups:
        return False
    if match.pattern and host.name not in inventory.patterns.get(match.pattern, frozenset()):
        return False
    return all(host.labels.get(name) == value for name, value in match.labels.items())


def names_hosts(match: HostMatch, inventory: Inventory) -> bool:
    """Tell whether the inventory knows the group and the pattern of a match."""
    return (not match.group or match.group in inventory.groups) and (
        not match.pattern or bool(inventory.patterns.get(match.pattern))
    )


def _check_names(policy: PolicySet, inventory: Inventory) -> Iterable[Diagnostic]:
    """Find names in the policy that the inventory does not know."""
    for located, where, match in policy.host_matches():
        if match.group and match.group not in inventory.groups:
            yield UNKNOWN_GROUP.at(
                located.span_of((*where, "group")),
                why=f"group {match.group} is not in {inventory.source.path}: "
                f"it has {', '.join(sorted(inventory.groups - {'all', 'ungrouped'}))}",
                fix="name one of these groups, or add the group to the inventory",
            )
        if match.pattern and not inventory.patterns.get(match.pattern):
            yield UNKNOWN_PATTERN.at(
                located.span_of((*where, "pattern")),
                why=f"pattern {match.pattern} matches no host of {inventory.source.path}",
                fix=f"correct the pattern, or remove the {_CHOOSERS[where[1]]}",
            )
    for guest in policy.guests:
        host = guest.model.spec.host
        if host not in inventory.names:
            yield UNKNOWN_HOST.at(
                guest.span_of(("spec", "host")),
                why=f"guest {guest.model.metadata.name} runs on {host}, "
                f"which {inventory.source.path} does not have",
                fix="name a host of the inventory, or add the host to it",
            )


def _without_facts(inventory: Inventory, missing: list[str]) -> tuple[Diagnostic, ...]:
    if not missing:
        return ()
    return (
        NO_FACTS.at(
            inventory.source,
            why="no facts are recorded for it",
            fix="run: fleetpolicy facts collect -i " + inventory.source.path,
            subject=Subject(missing[0], tuple(missing[1:])),
        ),
    )
