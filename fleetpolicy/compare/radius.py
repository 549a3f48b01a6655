"""Work out what differs between two sides, once for hosts that are equal on both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fleetpolicy.compare.artifacts import boot_kinds, compare_artifacts
from fleetpolicy.compare.shift import classify_shift
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.model.radius import ArtifactChange, ChangeGroup, MappingChange, Move, Side
from fleetpolicy.model.simulation import DeviceMapping, RegionMapping

_Pair = tuple[FleetHost, FleetHost]


@dataclass(slots=True)
class _Alike:
    """Hosts that change alike, and how."""

    artifacts: tuple[ArtifactChange, ...]
    mappings: tuple[MappingChange, ...]
    boot_kinds: tuple[str, ...]
    hosts: list[str] = field(default_factory=list)
    guests_off: dict[str, tuple[str, ...]] = field(default_factory=dict)


def group_changes(before: Side, after: Side) -> tuple[ChangeGroup, ...]:
    """Return the hosts of both sides that differ, the biggest group first."""
    alike: dict[object, _Alike] = {}
    for pairs in _pair_hosts(before, after).values():
        old, new = pairs[0]
        artifacts = compare_artifacts(before.rendering.of(old), after.rendering.of(new))
        mappings = tuple(
            _compare_mappings(
                before.simulation.classes[old.index], after.simulation.classes[new.index]
            )
        )
        if not artifacts and not mappings:
            continue
        key = (tuple(_likeness(item) for item in artifacts), mappings)
        group = alike.setdefault(key, _Alike(artifacts, mappings, boot_kinds(artifacts)))
        _add_hosts(group, pairs, before, after)
    groups = (_close(group) for group in alike.values())
    return tuple(sorted(groups, key=lambda group: (-len(group.hosts), group.hosts)))


def _pair_hosts(before: Side, after: Side) -> dict[object, list[_Pair]]:
    """Return the hosts of both sides by what decides over their difference."""
    earlier = {host.name: host for host in before.fleet.hosts}
    pairs: dict[object, list[_Pair]] = {}
    for new in after.fleet.hosts:
        old = earlier.get(new.name)
        if old is None:
            continue
        key = (old.index, new.index, _match_guests(old, new))
        pairs.setdefault(key, []).append((old, new))
    return pairs


def _match_guests(old: FleetHost, new: FleetHost) -> tuple[int, ...]:
    """Return where each guest was before, -1 for a new one, then those that go."""
    if not old.guests and not new.guests:
        return ()
    places = {name: place for place, name in enumerate(old.guests)}
    kept = tuple(places.pop(name, -1) for name in new.guests)
    return (*kept, -2, *places.values())


def _likeness(change: ArtifactChange) -> tuple[object, ...]:
    """Return what makes a change the same on another host; guests have documents of their own."""
    origins = () if change.kind is ArtifactKind.DOMAIN else change.origins
    return (change.verb, change.kind, change.shape, origins)


def _compare_mappings(
    before: tuple[DeviceMapping, ...], after: tuple[DeviceMapping, ...]
) -> Iterator[MappingChange]:
    old = {item.device: item for item in before}
    new = {item.device: item for item in after}
    for device in sorted({*old, *new}):
        known = new.get(device) or old[device]
        ours, theirs = (_regions(side.get(device)) for side in (old, new))
        for region in dict.fromkeys((*theirs, *ours)):
            shift = classify_shift(ours.get(region), theirs.get(region))
            if shift:
                yield MappingChange(
                    device, known.id, region, ours.get(region), theirs.get(region), shift
                )


def _regions(mapping: DeviceMapping | None) -> Mapping[str, RegionMapping]:
    return {item.region: item for item in mapping.regions} if mapping else {}


def _add_hosts(group: _Alike, pairs: list[_Pair], before: Side, after: Side) -> None:
    group.hosts += (new.name for _, new in pairs)
    for old, new in pairs:
        if not old.guests:
            continue
        off = old.guests if group.boot_kinds else _touched(old, new, before, after)
        if off:
            group.guests_off[new.name] = tuple(sorted(off))


def _touched(old: FleetHost, new: FleetHost, before: Side, after: Side) -> tuple[str, ...]:
    """Return the guests of before whose domain changes or goes."""
    was, now = _domains(before, old), _domains(after, new)
    return tuple(name for name, domain in was.items() if name not in now or now[name] != domain)


def _domains(side: Side, host: FleetHost) -> Mapping[str, str]:
    return {item.name: item.content for item in side.rendering.domains.get(host.name, ())}


def _close(group: _Alike) -> ChangeGroup:
    return ChangeGroup(
        hosts=tuple(sorted(group.hosts)),
        artifacts=group.artifacts,
        mappings=group.mappings,
        boot_kinds=group.boot_kinds,
        guests_off=dict(sorted(group.guests_off.items())),
    )


def list_moves(before: Side, after: Side) -> tuple[tuple[Move, ...], tuple[Move, ...]]:
    """Return who enters and who leaves the fleet, by reason."""
    old = {host.name for host in before.fleet.hosts}
    new = {host.name for host in after.fleet.hosts}
    gone = before.names - after.names
    entering = _reasons(new - old, before, "new in the inventory", "with errors before")
    leaving = _reasons((old - new) | gone, after, "gone from the inventory", "with errors now")
    return entering, leaving


def _reasons(names: set[str], side: Side, foreign: str, faulty: str) -> tuple[Move, ...]:
    """Group hosts by why a side does not have them."""
    by_reason: dict[str, list[str]] = {}
    for name in sorted(names):
        if name not in side.names:
            why = foreign
        elif name in side.fleet.skipped:
            why = f"skipped by policy: {side.fleet.skipped[name]}"
        else:
            why = faulty
        by_reason.setdefault(why, []).append(name)
    return tuple(Move(tuple(hosts), why) for why, hosts in sorted(by_reason.items()))
